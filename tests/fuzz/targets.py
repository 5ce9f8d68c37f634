"""The parsers of bytes from outside, each as a function of bytes, with whole files to begin from.

A target's ``read`` returns what it made of the bytes, false where it left all of them out, or raises InputError.
Anything else that it raises is a fault, AssertionError included, by which it says that what came out cannot be right.
"""

import atexit
import base64
import contextlib
import functools
import io
import json
import math
import os
import pickle
import shutil
import struct
import tempfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import h5py
import mutation
import numpy as np
from PIL import Image

import maskpose
from maskpose import geometry
from maskpose.annotation import labelme_files
from maskpose.annotation.store import Store
from maskpose.cli.options import key_value
from maskpose.codecs.mask_files import decode_labels, decode_mask
from maskpose.codecs.masks import pack_mask
from maskpose.data.build import build_items
from maskpose.data.database import Reader
from maskpose.data.datasets import cmu, coco_wholebody, freihand, labelme, mmpose, onehand10k, rhd, table
from maskpose.data.sample import Sample
from maskpose.data.settings import DataSettings
from maskpose.errors import InputError
from maskpose.evaluation import prediction_readers
from maskpose.evaluation.predictions import Predictions, read_maps
from maskpose.evaluation.results import read_ious
from maskpose.evaluation.scores import score_results
from maskpose.inference import frame_sources
from maskpose.inference.writers import is_done
from maskpose.io import images, png, safe_pickle
from maskpose.io.files import noted_names, read_lines
from maskpose.io.tables import read_table
from maskpose.io.text import parse_json
from maskpose.keypoints import KEYPOINT_NAMES
from maskpose.model import variants, weights
from maskpose.report import collect
from maskpose.runtime import import_caffe
from maskpose.training import loss_log, snapshots
from maskpose.training.run import Run, write_definitions

PACKAGE = Path(maskpose.__file__).parent
WIDTH, HEIGHT = 48, 40  # of the pictures that labels belong to
POINTS = [[10 + k, 5 + k] for k in range(21)]
TRIPLES = [[x, y, 1] for x, y in POINTS]
FLAT = [number for row in TRIPLES for number in row]


@dataclass(frozen=True)
class Target:
    """One parser. ``modules``: those of maskpose, by path, whose lines are counted as its own."""

    read: Callable[[bytes], object]
    seeds: Callable[[], list[bytes]]
    mutate: mutation.Mutator
    modules: tuple[str, ...]
    grows: bool = True  # inputs that reach new lines are mutated further

    def files(self) -> list[str]:
        """The paths of the modules."""
        return [str(PACKAGE / module) for module in self.modules]


TARGETS: dict[str, Target] = {}


def target(name, seeds, mutate, *modules, grows=True):
    """Decorator of a target's ``read``."""

    def register(read):
        TARGETS[name] = Target(read, seeds, mutate, modules, grows)
        return read

    return register


@functools.cache
def scratch():
    """A folder of this process for files that are read by their paths."""
    folder = Path(tempfile.mkdtemp(prefix="maskpose-fuzz-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def written(name, data):
    """The path of a file in ``scratch`` that holds ``data``."""
    path = scratch() / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def dumped(*documents):
    """A function that gives the seeds which these documents are as JSON."""
    return lambda: [json.dumps(one).encode() for one in documents]


# Pictures


@functools.cache
def picture():
    """(h, w, 3) uint8 BGR of noise and edges."""
    rng = np.random.default_rng(1)
    made = rng.integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8) // 4
    made[8:30, 10:40] += 150
    return made


def encoded(kind, image=None, mode="RGB", **options):
    """The bytes of a small picture as a file of one of Pillow's kinds."""
    out = io.BytesIO()
    Image.fromarray(picture() if image is None else image).convert(mode).save(out, kind, **options)
    return out.getvalue()


def mask_png():
    """The bytes of a mask of ``picture``."""
    return encoded("PNG", np.uint8(255) * (picture()[..., 0] > 120))


def exif_of(orientation, kind=3):
    """The bytes of EXIF that state an orientation, in a number of one of TIFF's types."""
    return b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x0112, kind, 1, orientation, 0, 0)


XMP = b"""<x:xmpmeta><rdf:Description tiff:Orientation="6" xmlns:tiff="http://ns.adobe.com/tiff/1.0/"/>
<tiff:Orientation>3</tiff:Orientation></x:xmpmeta>"""


def jpegs():
    plain = encoded("JPEG", quality=80)
    return [
        plain,
        encoded("JPEG", mode="L"),
        encoded("JPEG", mode="CMYK"),
        encoded("JPEG", progressive=True, exif=b"Exif\0\0" + exif_of(6), comment=b"a comment"),
        encoded("JPEG", subsampling=2, restart_marker_blocks=2),
        in_jpeg(b"http://ns.adobe.com/xap/1.0/\0" + XMP, plain),
    ]


def pngs():
    several = [Image.fromarray(picture()), Image.fromarray(picture()[::-1])]
    animated = io.BytesIO()
    several[0].save(animated, "PNG", save_all=True, append_images=several[1:])
    return [
        encoded("PNG"),
        encoded("PNG", mode="L"),
        encoded("PNG", mode="P"),
        encoded("PNG", mode="1"),
        encoded("PNG", mode="RGBA"),
        encoded("PNG", mode="LA"),
        encoded("PNG", picture()[..., 0].astype(np.uint16) * 200, "I;16"),
        encoded("PNG", exif=exif_of(6)),
        animated.getvalue(),
        mask_png(),
    ]


def others(kind):
    """A function that gives seeds of another kind of picture."""
    more = {
        "GIF": [{"mode": "P"}, {"mode": "L", "transparency": 0}],
        "BMP": [{}, {"mode": "L"}, {"mode": "1"}],
        "WEBP": [{}, {"mode": "RGBA", "lossless": True}, {"exif": exif_of(6)}],
        "TIFF": [{}, {"mode": "L"}, {"compression": "tiff_lzw"}, {"compression": "tiff_deflate"}, {"mode": "CMYK"},
                 {"compression": "jpeg"}, {"mode": "1", "compression": "group4"}, {"mode": "P"}, {"mode": "F"}],
        "PPM": [{}, {"mode": "L"}, {"mode": "1"}],
        "JPEG2000": [{}, {"mode": "L"}, {"no_jp2": True}],
        "AVIF": [{}, {"mode": "RGBA"}, {"exif": b"Exif\0\0" + exif_of(6)}],
    }  # fmt: skip
    return lambda: [encoded(kind, **options) for options in more[kind]]


def read_picture(data):
    """What a picture's bytes are: all that is told of them must agree."""
    color, gray = images.decode_color(data, "x"), images.decode_gray(data, "x")
    height, width = color.shape[:2]
    assert color.dtype == gray.dtype == np.uint8 and color.shape[2:] == (3,) and gray.shape == (height, width)
    assert images.image_size(data, "x") == (width, height)
    reduced = images.decode_reduced(data, "x", 4)
    assert (reduced.width, reduced.height) == (width, height)
    corner = reduced.to_whole @ (0, 0, 1)
    assert np.isfinite(reduced.to_whole).all() and (np.abs(corner) < (width + 8, height + 8)).all()
    return True


OF_PICTURES = ("io/images.py", "io/pixel_limit.py", "io/image_kinds.py", "io/orientation.py")
target("jpeg", jpegs, mutation.change_jpeg, "io/jpeg.py", *OF_PICTURES)(read_picture)
target("png", pngs, mutation.change_png, "io/png.py", *OF_PICTURES)(read_picture)
for kind in ("GIF", "BMP", "WEBP", "TIFF", "PPM", "JPEG2000", "AVIF"):
    target(kind.lower(), others(kind), mutation.change_bytes, "io/pillow_images.py", *OF_PICTURES)(read_picture)


def in_jpeg(segment, jpeg):
    """A JPEG with a segment of metadata."""
    segment = segment[:65_000]
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + jpeg[2:]


def in_png(kind, value):
    """A PNG with a part of metadata."""
    whole = encoded("PNG")
    part = struct.pack(">I", len(value)) + kind + value + struct.pack(">I", zlib.crc32(kind + value))
    return whole[: len(png.START) + 25] + part + whole[len(png.START) + 25 :]


def oriented(*files):
    """Decode files, which metadata may turn but never break: they are ``picture``, turned."""
    for data in files:
        color = images.decode_color(data, "x")
        assert color.shape[:2] in ((HEIGHT, WIDTH), (WIDTH, HEIGHT))
    return True


@target("exif", lambda: [exif_of(n, kind) for n in (1, 3, 6, 8) for kind in (1, 3, 4, 5, 12)],
        mutation.change_bytes, "io/orientation.py", "io/jpeg.py", "io/png.py")  # fmt: skip
def read_exif(data):
    return oriented(in_jpeg(b"Exif\0\0" + data, jpeg_of_picture()), in_png(b"eXIf", data))


@target("xmp", lambda: [XMP], mutation.change_bytes, "io/orientation.py", "io/jpeg.py", "io/png.py")
def read_xmp(data):
    text = b"XML:com.adobe.xmp\0\0\0\0\0" + data
    return oriented(in_jpeg(b"http://ns.adobe.com/xap/1.0/\0" + data, jpeg_of_picture()), in_png(b"iTXt", text))


@functools.cache
def jpeg_of_picture():
    return encoded("JPEG")


def masks():
    mask = np.uint8(255) * (picture()[..., 0] > 120)
    alpha = np.dstack([mask, mask, mask, mask])
    return [
        mask_png(),
        encoded("PNG", mask // 255),
        encoded("PNG", mask, "P"),
        encoded("PNG", mask, "1"),
        encoded("PNG", mask.astype(np.uint16) * 257, "I;16"),
        encoded("PNG", alpha, "RGBA"),
        encoded("PNG", mask, "L", transparency=0),
    ]


@target("mask", masks, mutation.change_png, "codecs/mask_files.py", "io/png.py")
def read_mask(data):
    with contextlib.suppress(InputError):
        assert decode_labels(data, "x").dtype.kind in "iu"
    found = decode_mask(data, "x")
    assert found.dtype == bool and found.ndim == 2
    return True


def other_masks():
    mask = np.uint8(255) * (picture()[..., 0] > 120)
    kinds = [("TIFF", "1"), ("TIFF", "I;16"), ("TIFF", "LA"), ("TIFF", "F"), ("GIF", "P"), ("BMP", "1"), ("JPEG", "L"),
             ("WEBP", "RGBA"), ("PPM", "L"), ("JPEG2000", "L"), ("TIFF", "RGBA")]  # fmt: skip
    return [encoded(kind, mask, mode) for kind, mode in kinds]


target("mask-other", other_masks, mutation.change_bytes, "codecs/mask_files.py", "io/pillow_images.py")(read_mask)


@target("film", lambda: [film()], mutation.change_bytes, "inference/frame_sources.py", grows=False)
def read_film(data):
    source = frame_sources.open_file(written("x.avi", data))
    try:
        shapes = [frame.image.shape for _, frame in zip(range(20), source)]
    finally:
        source.close()
    return shapes


def film():
    import cv2

    path = scratch() / "seed.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10, (WIDTH, HEIGHT))
    for _ in range(3):
        writer.write(picture())
    writer.release()
    return path.read_bytes()


# Text


@target("json", dumped({"a": [1, 2.5, None, "é"]}, [[[]]]), mutation.change_json, "io/text.py")
def read_json(data):
    document = parse_json(data, "x")
    json.dumps(document)
    repr(document)
    return True


@target("csv", lambda: [b'image,x,y\n"a,b.jpg",1,2\n\'=1.jpg,,\n'], mutation.change_csv, "io/tables.py", "io/text.py")
def read_csv(data):
    rows = read_table(written("x.csv", data), ["image"])
    for row in rows:
        assert isinstance(row, InputError) or isinstance(row[1]["image"], str)
    return rows


@target("lines", lambda: [b"Train/1.jpg\n2.jpg\n"], mutation.change_csv, "io/text.py", "io/files.py")
def read_list(data):
    return read_lines(written("x.txt", data))


PICKLED = {"a": np.arange(6.0).reshape(2, 3), "b": [1, -1.5, None, "text", b"bytes", True], "c": {"d": np.float32(2)}}


@target("pickle", lambda: [pickle.dumps(PICKLED, protocol) for protocol in range(6)],
        mutation.change_pickle([PICKLED, {"e": (1, 2), "f": [[1.5, 2]] * 3}]), "io/safe_pickle.py")  # fmt: skip
def read_pickle(data):
    path = written("x.pickle", data)
    with contextlib.suppress(InputError):
        safe_pickle.load(path, refuse=False)
    return repr(safe_pickle.load(path))


# Data sets


def folder_of_pictures(folder, *names):
    """A folder of ``scratch`` in which these are the picture, or masks of it if they end in .png."""
    folder = scratch() / folder
    for name in names:
        path = folder / name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(mask_png() if name.endswith(".png") else jpeg_of_picture())
    return folder


def samples(items, read, data):
    """Read items as maskpose.data.build does, a few of them into a database; give how many samples came of them."""
    found = 0
    for item in items[:50]:
        repr(item).encode()
        if isinstance(item, InputError):
            continue
        with contextlib.suppress(InputError):
            for sample in read(item):
                check_sample(sample)
                found += 1
    if zlib.crc32(data) % 64 == 0:
        path = scratch() / "built.lmdb"
        shutil.rmtree(path, ignore_errors=True)
        with contextlib.suppress(InputError), open(os.devnull, "w") as nothing, contextlib.redirect_stderr(nothing):
            build_items(path, items[:50], read, workers=1)
    return found


def check_sample(sample):
    """A sample comes back from its record, and says nothing that cannot be."""
    again = Sample.parse(sample.serialize(), "x")
    assert (again.name, again.width, again.height) == (sample.name, sample.width, sample.height)
    assert sample.keypoints.shape == (21, 2) and sample.visible.shape == (21,)
    points = np.asarray(sample.keypoints, float)[np.asarray(sample.visible, bool)]
    assert np.isfinite(points).all(), "a visible keypoint is not finite"
    assert geometry.inside(points, sample.width, sample.height).all(), "a visible keypoint is outside"
    for pixels in (sample.decode_mask(), sample.decode_unknown()):
        assert pixels is None or pixels.shape == (sample.height, sample.width)


def label_line(points=POINTS, name="1.jpg"):
    numbers = [WIDTH, HEIGHT, 1, *(number for point in points for number in point)]
    return f"{name},{','.join(map(str, numbers))}\n"


@target("onehand10k", lambda: [(label_line() + label_line([[-1, -1]] * 21, "2.jpg")).encode()], mutation.change_csv,
        "data/datasets/onehand10k.py")  # fmt: skip
def read_onehand10k(data):
    root = folder_of_pictures("onehand10k", "Train/source/1.jpg", "Train/source/2.jpg", "Train/mask/1.png")
    written("onehand10k/Train/label_joint.txt", data)
    lines = onehand10k.plan(root)["train"]
    read = onehand10k.LineReader(root, lines)
    return samples(read.items(lines), read, data)


@target("onehand10k-sources", lambda: [b"name,origin,group\n1.jpg,a,b\n"], mutation.change_csv,
        "data/datasets/onehand10k.py")  # fmt: skip
def read_sources(data):
    root = folder_of_pictures("sources", "Train/source/1.jpg", "Train/mask/1.png")
    written("sources/Train/label_joint.txt", label_line().encode())
    written("sources/Train/sources.csv", data)
    lines = onehand10k.plan(root)["train"]
    with contextlib.suppress(InputError):
        onehand10k.plan(root, only={"origin": "a"})
    read = onehand10k.LineReader(root, lines)
    return samples(read.items(lines), read, data)


MMPOSE = {
    "images": [{"id": 3, "file_name": "1.jpg", "width": WIDTH, "height": HEIGHT}, {"id": 4, "file_name": "2.jpg"}],
    "annotations": [
        {"id": 1, "image_id": 3, "keypoints": FLAT, "bbox": [1, 2, 3, 4], "head_size": 20},
        {"id": 2, "image_id": 4, "keypoints": FLAT, "bbox": [1, 2, 3, 4]},
    ],
}


@target("mmpose", dumped(MMPOSE), mutation.change_json, "data/datasets/mmpose.py", "data/datasets/reading.py")
def read_mmpose(data):
    root, path = folder_of_pictures("mmpose", "1.jpg", "2.jpg"), written("x.json", data)
    with contextlib.suppress(InputError):
        mmpose.read_annotations(path).sizes(["1.jpg", "2.jpg"])
    return samples(mmpose.items(path), lambda item: mmpose.read(item, root), data)


WHOLEBODY = {
    "images": [{"id": 3, "file_name": "1.jpg"}],
    "annotations": [{"id": 9, "image_id": 3, "lefthand_valid": True, "righthand_valid": 1, "lefthand_kpts": FLAT,
                     "righthand_kpts": FLAT, "lefthand_box": [0, 0, 9, 9]}],
}  # fmt: skip


@target("coco-wholebody", dumped(WHOLEBODY), mutation.change_json, "data/datasets/coco_wholebody.py")
def read_wholebody(data):
    root = folder_of_pictures("wholebody", "1.jpg")
    return samples(coco_wholebody.items(written("x.json", data)), lambda item: coco_wholebody.read(item, root), data)


@target("cmu", dumped({"hand_pts": TRIPLES, "is_left": 1}, {"hand_pts": FLAT}), mutation.change_json,
        "data/datasets/cmu.py")  # fmt: skip
def read_cmu(data):
    root = folder_of_pictures("cmu", "a_l.jpg")
    written("cmu/a_l.json", data)
    return samples(cmu.items(root), cmu.read, data)


@target("cmu-panoptic", dumped({"root": [{"joint_self": TRIPLES, "img_paths": "1.jpg"}] * 2}), mutation.change_json,
        "data/datasets/cmu.py")  # fmt: skip
def read_panoptic(data):
    folder_of_pictures("panoptic", "1.jpg")
    return samples(cmu.items(written("panoptic/hands.json", data)), cmu.read, data)


CAMERA = [[40.0, 0.0, 24.0], [0.0, 40.0, 20.0], [0.0, 0.0, 1.0]]
IN_SPACE = [[0.01 * (k - 10), 0.005 * (k - 10), 0.7] for k in range(21)]


@target("freihand", dumped({"K": [CAMERA] * 2, "xyz": [IN_SPACE] * 2}),
        mutation.change_json, "data/datasets/freihand.py")  # fmt: skip
def read_freihand(data):
    root = folder_of_pictures("freihand", "training/rgb/00000000.jpg", "training/rgb/00000001.jpg")
    try:
        both = json.loads(data)
        texts = [json.dumps(both[key]).encode() for key in ("K", "xyz")]
    except (ValueError, KeyError, TypeError, RecursionError):
        texts = [data, json.dumps([IN_SPACE]).encode()]
    for name, text in zip(("K", "xyz"), texts):
        written(f"freihand/training_{name}.json", text)
    return samples(freihand.items(root), freihand.read, data)


IN_BASE64 = base64.b64encode(encoded("JPEG")).decode()
LABELME = {
    "version": "5.5.0", "flags": {"left": True}, "imagePath": "1.jpg", "imageWidth": WIDTH, "imageHeight": HEIGHT,
    "imageData": None,
    "shapes": [
        {"label": "wrist", "shape_type": "point", "points": [[10.5, 8.5]]},
        {"label": "3", "shape_type": "point", "points": [[20.5, 9]]},
        {"label": "hand", "shape_type": "polygon", "points": [[2, 2], [30, 2], [30, 30], [2, 30]]},
    ],
}  # fmt: skip


@target("labelme", dumped(LABELME, {**LABELME, "imagePath": "none.jpg", "imageData": IN_BASE64}),
        mutation.change_json, "data/datasets/labelme.py", "annotation/labelme_files.py")  # fmt: skip
def read_labelme(data):
    root = folder_of_pictures("labelme", "1.jpg")
    path = written("labelme/1.json", data)
    for read in (labelme_files.is_untouched, lambda path: json.dumps(labelme_files.read_label(path, "1.jpg"))):
        with contextlib.suppress(InputError):
            read(path)
    return samples(labelme.items(root), lambda path: labelme.read(path, root), data)


def table_seed():
    names = ["image", *(f"{name}_{part}" for name in KEYPOINT_NAMES for part in "xy")]
    names += [f"{name}_visible" for name in KEYPOINT_NAMES] + ["side", "mask", "width", "height", "source", "group"]
    row = ["1.jpg", *np.ravel(POINTS), *[1] * 21, "left", "1.png", WIDTH, HEIGHT, "a", "b"]
    again = ["2.jpg", *row[1:-6], "", "", "", "", "", ""]
    return [("\n".join(",".join(map(str, one)) for one in (names, row, again)) + "\n").encode()]


@target("csv-keypoints", table_seed, mutation.change_csv, "data/datasets/table.py", "io/tables.py")
def read_keypoints_csv(data):
    root, path = folder_of_pictures("table", "1.jpg", "2.jpg", "1.png"), written("table.csv", data)
    return samples(table.items(path), lambda item: table.read(item, path, root), data)


RHD = {0: {"uv_vis": np.array(TRIPLES * 2, float), "K": np.eye(3)}, 1: {"uv_vis": np.array(TRIPLES * 2, float)}}
RHD_LISTS = {0: {"uv_vis": TRIPLES * 2}, 1: {"uv_vis": TRIPLES * 2, "xyz": TRIPLES}}


@target("rhd", lambda: [pickle.dumps(RHD, protocol) for protocol in (0, 2, 4)],
        mutation.change_pickle([RHD_LISTS]), "data/datasets/rhd.py", "io/safe_pickle.py")  # fmt: skip
def read_rhd(data):
    root, parts = folder_of_pictures("rhd"), np.zeros((HEIGHT, WIDTH), np.uint8)
    parts[:, : WIDTH // 2], parts[:, WIDTH // 2 :] = 5, 20  # a left and a right hand
    for number in range(2):
        for kind, image in (("color", encoded("PNG")), ("mask", encoded("PNG", parts, "L"))):
            path = root / f"training/{kind}/0000{number}.png"
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(image)
    written("rhd/training/anno_training.pickle", data)
    return samples(rhd.items(root, "training", "both"), rhd.read, data)


# Databases


def small_sample(name="1.jpg"):
    points = np.array(POINTS, np.float32)
    mask = pack_mask(picture()[..., 0] > 120)
    unknown = pack_mask(picture()[..., 0] > 200)
    return Sample(name, jpeg_of_picture(), WIDTH, HEIGHT, points, np.ones(21, bool), mask, "a", "left", "g", unknown)


@target("record", lambda: [small_sample().serialize()], mutation.change_protobuf, "data/sample.py", "model/messages.py")
def read_record(data):
    sample = Sample.parse(data, "x")
    for decode in (sample.decode_mask, sample.decode_unknown, sample.decode_image, lambda: sample.without_hand,
                   lambda: sample.decode_reduced(2), lambda: sample.cropped(1.5)):  # fmt: skip
        with contextlib.suppress(InputError):
            decode()
    return True


@functools.cache
def database():
    """The path of a database of three samples."""
    path = scratch() / "seed.lmdb"
    shutil.rmtree(path, ignore_errors=True)
    with open(os.devnull, "w") as nothing, contextlib.redirect_stderr(nothing):
        build_items(path, [1, 2, 3], lambda n: [small_sample(f"{n}.jpg")], strict=True, workers=1)
    return path


def read_database(path):
    """Read all records of a database."""
    reader = Reader(path)
    try:
        for index in range(min(len(reader), 10)):
            with contextlib.suppress(InputError):
                reader[index].decode_mask()
        with contextlib.suppress(InputError):
            reader.refuse_damaged()
    finally:
        reader.close()
    return True


@target("lmdb", lambda: [(database() / "data.mdb").read_bytes()], mutation.change_pages, "io/lmdb_file.py",
        "data/database.py", grows=False)  # fmt: skip
def read_lmdb(data):
    written("x.lmdb/data.mdb", data)
    shutil.copy(database() / "manifest.json", scratch() / "x.lmdb/manifest.json")
    return read_database(scratch() / "x.lmdb")


@target("lmdb-manifest", lambda: [(database() / "manifest.json").read_bytes()],
        mutation.change_json, "data/database.py")  # fmt: skip
def read_manifest(data):
    if not (scratch() / "y.lmdb/data.mdb").exists():
        written("y.lmdb/data.mdb", (database() / "data.mdb").read_bytes())
    written("y.lmdb/manifest.json", data)
    return read_database(scratch() / "y.lmdb")


@target("lmdb-about", lambda: [(database() / "manifest.json").read_bytes()], mutation.change_json, "data/database.py")
def read_about(data):
    import lmdb

    path = scratch() / "z.lmdb"
    shutil.rmtree(path, ignore_errors=True)
    shutil.copytree(database(), path)
    with lmdb.open(str(path), lock=False, sync=False) as env, env.begin(write=True) as txn:
        txn.put(b"about", data)
    (path / "manifest.json").unlink()
    return read_database(path)


# Weights


NET = """name: "tiny"
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 2 dim: 2 } } }
layer { name: "a" type: "Convolution" bottom: "data" top: "a" convolution_param { num_output: 2 kernel_size: 1 } }
layer { name: "b" type: "Convolution" bottom: "a" top: "b" convolution_param { num_output: 1 kernel_size: 1 } }
layer { name: "loss" type: "EuclideanLoss" bottom: "b" bottom: "b" top: "loss" }
"""


@functools.cache
def tiny_solver():
    """An Adam solver of a network of two convolutions."""
    net = written("tiny.prototxt", NET.encode())
    text = f'net: "{net}" type: "Adam" base_lr: 0.1 lr_policy: "fixed" max_iter: 9 snapshot_prefix: "{scratch()}/tiny"'
    solver = import_caffe().get_solver(str(written("solver.prototxt", text.encode())))
    for blobs in solver.net.params.values():
        for blob in blobs:
            blob.data[...] = 0.5
    return solver


@functools.cache
def snapshot():
    """(caffemodel, solver state) of ``tiny_solver`` after a step, as bytes."""
    tiny_solver().step(1)
    tiny_solver().snapshot()
    return [(scratch() / f"tiny_iter_1.{suffix}").read_bytes() for suffix in ("caffemodel", "solverstate")]


def old_caffemodel():
    """A caffemodel of the format from before 2014, and one with gradients and double precision."""
    pb = import_caffe().proto.caffe_pb2
    old, double = pb.NetParameter(), pb.NetParameter()
    blob = old.layers.add(name="a").blobs.add(num=2, channels=3, height=1, width=1, data=[0.5] * 6)
    blob.diff.extend([0.0] * 6)
    old.layers[0].blobs.add(num=1, channels=1, height=1, width=2, data=[0.5] * 2)
    layer = double.layer.add(name="a")
    for shape in ([2, 3, 1, 1], [2]):
        layer.blobs.add(double_data=[0.5] * math.prod(shape)).shape.dim.extend(shape)
    return [old.SerializeToString(), double.SerializeToString()]


def load_weights(path):
    """Load weights into the tiny network: what it holds then is finite."""
    net = tiny_solver().net
    for whole in (False, True):
        with contextlib.suppress(InputError):
            weights.load(net, path, whole=whole)
    found = weights.load(net, path)
    weights.start_from(net, path)
    assert all(np.isfinite(blob.data).all() for blobs in net.params.values() for blob in blobs)
    return found


OF_WEIGHTS = ("model/weight_files.py", "model/blobs.py", "model/weights.py")


@target("caffemodel", lambda: [snapshot()[0], *old_caffemodel()], mutation.change_protobuf, *OF_WEIGHTS)
def read_caffemodel(data):
    return load_weights(written("x.caffemodel", data))


def hdf5_weights():
    tiny_solver().net.save_hdf5(str(scratch() / "seed.caffemodel.h5"))
    return [(scratch() / "seed.caffemodel.h5").read_bytes()]


@target("weights-hdf5", hdf5_weights, mutation.change_hdf5, *OF_WEIGHTS, grows=False)
def read_hdf5_weights(data):
    return load_weights(written("x.caffemodel.h5", data))


@target("solverstate", lambda: [snapshot()[1]], mutation.change_protobuf, "training/snapshots.py")
def read_solver_state(data):
    model, _ = snapshot()
    written("run/tiny_iter_1.caffemodel", model)
    path = written("run/tiny_iter_1.solverstate", data)
    snapshots.restore(tiny_solver(), path)
    return True


@target("solverstate-auto", lambda: [snapshot()[1]], mutation.change_protobuf, "training/snapshots.py")
def read_newest_state(data):
    model, state = snapshot()
    for name, of_state in (("tiny_iter_1", state), ("tiny_iter_2", data)):
        written(f"runs/{name}.caffemodel", model)
        written(f"runs/{name}.solverstate", of_state)
    with open(os.devnull, "w") as nothing, contextlib.redirect_stderr(nothing):
        assert snapshots.restore_newest(tiny_solver(), scratch() / "runs") is not None
    return True


# Settings


SETTINGS = {
    "db": "data/a.lmdb", "mix": {"data/b.lmdb": 0.25}, "outputs": ["image", "mask"], "batch_size": 4, "input_size": 64,
    "sigma": 1.0, "background": "max", "augment": True, "scale": [0.5, 2], "rotation": 50, "crop": "rotated",
    "zoom": 0.1, "span": [0.1, 0.9], "flip": 0.5, "stretch": 0.3, "photometric": 0.5, "shuffle": False, "seed": 3,
    "workers": 2,
}  # fmt: skip


@target("param-str", dumped(SETTINGS), mutation.change_json, "data/settings.py")
def read_param_str(data):
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return False  # Caffe's text has no other bytes
    settings = DataSettings.from_json(text)
    assert math.isclose(sum(settings.shares.values()), 1, abs_tol=1e-6)
    for value in vars(settings).values():
        for number in value if isinstance(value, tuple) else [value]:
            assert not isinstance(number, float) or math.isfinite(number), "a setting is not finite"
    return True


def run_settings(kind, text):
    """Write the definitions of a run whose --data or --solver are KEY=VALUE, divided by +."""
    import argparse

    try:
        given = dict(key_value(part) for part in text.split("+"))
    except argparse.ArgumentTypeError as error:
        raise InputError(str(error)) from None
    variant, folder = variants.get_variant("compact/mask_pose"), scratch() / "run of settings"
    write_definitions(Run(variant, "data/a.lmdb", folder, 5, **{kind: given}))
    return True


@target("data-settings", lambda: [b"workers=4+seed=7", b'mix={"a":0.5}+scale=[1,2]', b"crop=rotated+flip=0"],
        mutation.change_settings, "data/settings.py", "training/run.py")  # fmt: skip
def read_data_settings(data):
    return run_settings("data", data.decode("utf-8", "surrogateescape"))


@target("solver-settings", lambda: [b"base_lr=1e-4+lr_policy=multistep+stepvalue=[1,2]",
                                    b"type=SGD+momentum=0.5+gamma=0.1", b"lr_policy=poly+power=2",
                                    b"clip_gradients=2+regularization_type=L1+weight_decay=0"],
        mutation.change_settings, "model/solver_settings.py")  # fmt: skip
def read_solver_settings(data):
    run_settings("solver", data.decode("utf-8", "surrogateescape"))
    text = (scratch() / "run of settings/solver.prototxt").read_text()
    own = f'net: "{scratch()}/tiny.prototxt"'
    written("tiny.prototxt", NET.encode())
    text = "\n".join(own if line.startswith("net:") else line for line in text.splitlines())
    solver = import_caffe().get_solver(str(written("settings.prototxt", text.encode())))
    return solver.lr >= 0 or True


@target("variant", lambda: [b"compact/mask_pose+sub_stages=3+width=0.5", b"mask_pose+sigma=2+background=max",
                            b"no_pose+input_size=256+batch_size=2+mask_loss_weight=0.1", b"openpose_hand"],
        mutation.change_settings, "model/variants.py")  # fmt: skip
def read_variant(data):
    name = data.decode("utf-8", "surrogateescape")
    variants.same_network(name, "mask_pose")
    variant = variants.get_variant(name)
    assert variants.get_variant(variant.name) == variant
    assert variant.channels(64) >= 1 and variant.feature_channels >= 1
    return True


@target("prototxt", lambda: [definition()], mutation.change_bytes, "training/definitions.py")
def read_definition(data):
    from maskpose.training import definitions

    definition()
    folder = scratch() / "definitions"
    written("definitions/train.prototxt", data)
    shutil.copy(scratch() / "run of settings/solver.prototxt", folder)
    definitions.read_loss_weights(folder)
    found = definitions.read_settings(folder)
    definitions.describe_changes(found, {**found, "sigma": 9})
    return found


@functools.cache
def definition():
    run_settings("data", "workers=4")
    return (scratch() / "run of settings/train.prototxt").read_bytes()


# Predictions and results


HAND = {"keypoints": [[*point, 0.5] for point in POINTS], "detected": [True] * 21, "hand": True, "score": 0.7}
OURS = {"image": "1.jpg", "width": WIDTH, "height": HEIGHT, "threshold": 0.2, "fingerprint": "f", **HAND,
        "more_hands": [HAND]}  # fmt: skip
OPENPOSE = {"version": 1.3, "people": [{"hand_left_keypoints_2d": FLAT, "hand_right_keypoints_2d": [0] * 63}]}
MMPOSE_FOUND = [{"keypoints": POINTS, "keypoint_scores": [0.5] * 21}] * 2
COCO = [{"file_name": "1.jpg", "image_id": 3, "keypoints": FLAT, "score": 0.7}, {"image_id": 4, "keypoints": FLAT}]
PLAIN = {"predictor": "x 1.0", "hands": {"1.jpg": [[*point, 0.5] for point in POINTS], "2.jpg": [[None, None, 0]] * 21}}


def predictions(path, annotations=None):
    """Read predictions; those that come out can be scored and written."""
    from maskpose.io.left_out import LeftOut

    with contextlib.suppress(InputError):
        check_predictions(prediction_readers.read_predictions(path, annotations))
    found = prediction_readers.read_predictions(path, annotations, LeftOut())
    check_predictions(found)
    with contextlib.suppress(InputError):
        found.match(["1.jpg", "a/2.jpg"], lenient=True, left_out=LeftOut())
    for suffix in ("json", "h5"):
        found.write(scratch() / f"written.{suffix}")
    return found.found.any()


def check_predictions(found: Predictions):
    count = len(found.names)
    assert found.keypoints.shape == (count, 21, 2) and found.confidences.shape == (count, 21)
    assert not np.isinf(found.keypoints).any() and np.isfinite(found.confidences).all()
    assert (np.isnan(found.keypoints[..., 0]) == np.isnan(found.keypoints[..., 1])).all()
    assert found.claimed.dtype == bool and all(isinstance(name, str) for name in [*found.names, found.predictor])


@target("predictions", dumped(PLAIN, COCO), mutation.change_json, "evaluation/prediction_readers.py", "io/values.py")
def read_predictions(data):
    path = written("predicted.json", data)
    known = mmpose.Annotations(path, {3: "1.jpg", 4: "2.jpg"}, {}, {})
    return predictions(path, known)


@target("predictions-folder", dumped(OURS, OPENPOSE, MMPOSE_FOUND),
        mutation.change_json, "evaluation/prediction_readers.py",
        "inference/writers.py")  # fmt: skip
def read_folder(data):
    written("predicted/1.json", data)
    is_done(scratch() / "predicted", "1", ["json", "overlay"], "f")
    return predictions(scratch() / "predicted")


def prediction_csv():
    parts = ("x", "y", "confidence")
    names = ["image", "found", "score", *(f"{name}_{part}" for name in KEYPOINT_NAMES for part in parts)]
    rows = [["1.jpg", 1, 0.5, *FLAT], ["1.jpg", 0, "", *FLAT], ["2.jpg", "", "", *[""] * 63]]
    return [("\n".join(",".join(map(str, one)) for one in (names, *rows)) + "\n").encode()]


@target("predictions-csv", prediction_csv, mutation.change_csv, "evaluation/prediction_readers.py", "io/tables.py")
def read_prediction_csv(data):
    return predictions(written("predicted.csv", data))


def prediction_hdf5():
    made = []
    for several in (True, False):
        out = io.BytesIO()
        with h5py.File(out, "w") as file:
            if several:
                file.attrs["predictor"] = "x"
                file["names"] = np.array(["1.jpg", "2.jpg"], h5py.string_dtype())
                file["claimed"], file["scores"] = [True, False], [0.5, np.nan]
                file.create_dataset("keypoints", data=np.array([POINTS] * 2, np.float32), compression="gzip")
                file["confidences"] = np.full((2, 21), 0.5)
            else:
                file.attrs["image"] = "1.jpg"
                file["keypoints"], file["confidences"] = np.array([POINTS], float), np.full((1, 21), 0.5)
                file["hand"], file["score"] = [1], [0.5]
        made.append(out.getvalue())
    return made


@target("predictions-hdf5", prediction_hdf5,
        mutation.change_hdf5, "evaluation/prediction_readers.py", "io/hdf5.py", grows=False)  # fmt: skip
def read_prediction_hdf5(data):
    return predictions(written("predicted.h5", data))


DUMP = [{"img_path": "a/1.jpg", "pred_instances": {"keypoints": [POINTS] * 2, "keypoint_scores": [[0.5] * 21] * 2}}]


@target("predictions-pickle", lambda: [pickle.dumps(arrays_in_dump(), protocol) for protocol in (2, 4)],
        mutation.change_pickle([DUMP]), "evaluation/prediction_readers.py", "io/safe_pickle.py")  # fmt: skip
def read_dump(data):
    return predictions(written("predicted.pkl", data))


def arrays_in_dump():
    arrays = {key: np.array(value, np.float32) for key, value in DUMP[0]["pred_instances"].items()}
    return [{**DUMP[0], "pred_instances": arrays}]


CROPS = {"size": [320, 240], "crops": {"1.png": {"photograph": "1.jpg", "to_crop": [[2, 0, 1], [0, 2, 1]]}}}


@target("crop-maps", dumped(CROPS), mutation.change_json, "evaluation/predictions.py")
def read_crops(data):
    maps = read_maps(written("maps.json", data))
    points = np.array([POINTS], float)
    with contextlib.suppress(InputError):
        Predictions("x", ["1.png"], points, np.ones((1, 21))).on_images(maps)
    return maps


@target("losses-csv", lambda: [b"iteration,total,a,val_pck\n1,2.5,0.1,\n2,2.4,0.2,0.5\n"], mutation.change_csv,
        "training/loss_log.py")  # fmt: skip
def read_loss_log(data):
    path = written("losses.csv", data)
    rows = loss_log.read_losses(path)
    if rows and zlib.crc32(data) % 8 == 0:
        with loss_log.LossLog(path, {"a": 1.0}, 5, 2) as log:
            log.add({"a": 1.0}, 0.0)
            log.write(6, 0.1)
    return rows


@target("iou-csv", lambda: [b"photograph,mask_iou\n1.jpg,0.5\n2.jpg,\n"], mutation.change_csv, "io/tables.py")
def read_iou_table(data):
    return read_ious(written("ious.csv", data))[0]


SCORES = {
    "db": "a.lmdb", "db_sha256": "0" * 64, "origins": None, "by": "origin", "annotations": None, "variant": "mask_pose",
    "weights": "w", "weights_sha256": "1" * 64, "ways": ["single"], "notes": [],
}  # fmt: skip


@functools.cache
def scores():
    """A scores.json as tools/evaluate.py writes it, of a hand found exactly."""
    from dataclasses import asdict

    from maskpose.evaluation.protocols import Settings
    from maskpose.evaluation.results import Results

    made = Results(
        ["1.jpg", "2.jpg"], np.array(["a", "a"]), np.array([POINTS] * 2, float), np.ones((2, 21)),
        np.array([POINTS] * 2, float), np.ones((2, 21), bool), np.array([[WIDTH, HEIGHT]] * 2), np.array([0.5, 1.0]),
    )  # fmt: skip
    settings = Settings()

    rows = {"all": score_results(made, settings)}
    return json.loads(json.dumps({**SCORES, "settings": asdict(settings), "scores": {"single": rows}}, default=float))


@target("scores-json", lambda: [json.dumps(scores()).encode()], mutation.change_json, "report/collect.py")
def read_scores(data):
    written("scored/scores.json", data)
    runs = collect.read_runs([str(scratch() / "scored")])
    return collect.collect(runs, [{"absent": "x"}])


@target("noted-names", dumped(["1.json", "a/2.png"]), mutation.change_json, "io/files.py")
def read_noted(data):
    written("noted/.maskpose-files.json", data)
    return noted_names(scratch() / "noted")


@functools.cache
def project():
    """The bytes of an annotation project's SQLite file."""
    folder = scratch() / "project"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    store = Store.create(folder, {"p1": ["1.jpg"], "p2": ["2.jpg"]})
    label = {"wrist": [1.0, 2.0], "hand": [[[0, 0], [9, 0], [9, 9]]]}
    store.assign(store.introduce(["anna", "ben"]), 1)
    for one in store.status():
        store.submit(one.name, one.annotator, {store.images(one.name)[0]: label})
    for package in store.take("carla", seed=1):
        found = store.taken(package, "carla")
        store.validate(package, "carla", {name: {**one, "wrist": [3.0, 4.0]} for name, one in found.items()})
    store.close()
    return (folder / "state.sqlite").read_bytes()


@target("sqlite", lambda: [project()], mutation.change_pages, "annotation/store.py", grows=False)
def read_project(data):
    written("store/state.sqlite", data)
    store = Store(scratch() / "store")
    try:
        packages = store.status()
        store.corrections()
        for package in packages[:5]:
            for read in (store.labels, store.versions, store.images):
                with contextlib.suppress(InputError):
                    read(package.name)
        store.take("dora", seed=1)
        store.introduce(["emil"])
    finally:
        store.close()
    return packages
