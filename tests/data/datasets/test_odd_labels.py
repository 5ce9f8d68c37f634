"""Odd labels: one odd entry costs itself alone, and what a value means does not depend on who reads it."""

import base64
import copy
import csv
import io
import json
import math
import os
import pickle
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import cv2
import numpy as np
import pytest
from PIL import Image

from maskpose import geometry
from maskpose.annotation import labelme_files
from maskpose.data.build import build_items
from maskpose.data.database import Reader
from maskpose.data.datasets import cmu, coco_wholebody, freihand, labelme, mmpose, onehand10k, rhd, table
from maskpose.errors import InputError
from maskpose.keypoints import KEYPOINT_NAMES

WIDTH, HEIGHT = 64, 48
POINTS = np.array([(10.0 + 2 * k, 8.0 + k) for k in range(21)])
TRIPLES = np.column_stack([POINTS, np.ones(21)]).tolist()
FLAT = [number for row in TRIPLES for number in row]
ODD = [None, True, False, 0, -1, 0.5, 7, 1e300, -1e300, 10**400, math.nan, math.inf, "", " ", "5", "x", "../a.jpg",
       "/etc/passwd", "sub\\a.jpg", "a\0b", "\ud800", "\u202e", "x" * 300, [], [None], [[1]], {}, {"x": 1}]  # fmt: skip


def jpeg(seed=0, width=WIDTH, height=HEIGHT):
    noise = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    return cv2.imencode(".jpg", cv2.resize(noise, (width, height)))[1].tobytes()


def write(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else json.dumps(data).encode())


def shapes(points=POINTS):
    found = [
        {"label": name, "shape_type": "point", "points": [[x + 0.5, y + 0.5]]}
        for name, (x, y) in zip(KEYPOINT_NAMES, np.asarray(points).tolist())
    ]
    return [*found, {"label": "hand", "shape_type": "polygon", "points": [[5, 5], [55, 5], [55, 40], [5, 40]]}]


def labelme_document(name, **changes):
    return {"flags": {"left": True}, "shapes": shapes(), "imagePath": name, "imageData": None, "imageWidth": WIDTH,
            "imageHeight": HEIGHT, **changes}  # fmt: skip


@dataclass(frozen=True)
class DataSet:
    """A data set of two photographs, a.jpg and b.jpg, as one document."""

    name: str
    document: object
    entry: tuple  # keys that lead to what is odd
    items: Callable  # (folder, document): writes the labels, gives what the reader lists, and its ``read``


def files_of_labels(reader, **options):
    def items(root, document):
        for n, one in enumerate(document):
            write(root / f"{'ab'[n]}.json", one)
        return reader.items(root), partial(reader.read, **options)

    return items


def file_of_labels(reader, with_images, **options):
    def items(root, document):
        write(root / "x.json", document)
        more = {"images": root} if with_images else {}
        return reader.items(root / "x.json"), partial(reader.read, **options, **more)

    return items


LABELME = DataSet("labelme", [labelme_document("a.jpg"), labelme_document("b.jpg")], (0,), files_of_labels(labelme))
INSIDE_IT = labelme_document("none.jpg", imageData=base64.b64encode(jpeg()).decode())
EMBEDDED = replace(LABELME, name="labelme with its image inside", document=[INSIDE_IT, labelme_document("b.jpg")])
CMU = DataSet("cmu", [{"hand_pts": TRIPLES, "is_left": 1}, {"hand_pts": FLAT}], (0,), files_of_labels(cmu, crop=0))
PANOPTIC = DataSet(
    "cmu panoptic", {"root": [{"joint_self": TRIPLES, "img_paths": f"{name}.jpg"} for name in "ab"]}, ("root", 0),
    file_of_labels(cmu, with_images=False, crop=0),
)  # fmt: skip
IMAGES = [{"id": n, "file_name": f"{'ab'[n]}.jpg", "width": WIDTH, "height": HEIGHT} for n in range(2)]
MMPOSE = DataSet(
    "mmpose",
    {"images": IMAGES, "annotations": [{"id": n, "image_id": n, "keypoints": FLAT} for n in range(2)]},
    ("annotations", 0), file_of_labels(mmpose, with_images=True),
)  # fmt: skip
LEFT_HANDS = [{"id": n, "image_id": n, "lefthand_valid": True, "lefthand_kpts": FLAT} for n in range(2)]
WHOLE_BODY = DataSet(
    "coco wholebody", {"images": IMAGES, "annotations": LEFT_HANDS}, ("annotations", 0),
    file_of_labels(coco_wholebody, with_images=True, crop=0),
)  # fmt: skip
CAMERA = [[40.0, 0, 30], [0, 40.0, 20], [0, 0, 1]]


def in_space(points):
    """What CAMERA sees at ``points``."""
    return np.column_stack([(np.array(points) - (30, 20)) / 40, np.ones(21)]).tolist()


def freihand_items(root, document):
    for n, name in enumerate("ab"):
        write(root / f"training/rgb/{n:08d}.jpg", (root / f"{name}.jpg").read_bytes())
    for key, values in document.items():
        write(root / f"training_{key}.json", values)
    return freihand.items(root), freihand.read


FREIHAND = DataSet(
    "freihand", {"xyz": [in_space(POINTS), in_space(POINTS)], "K": [CAMERA, copy.deepcopy(CAMERA)]}, ("xyz", 0),
    freihand_items,
)  # fmt: skip


def rhd_items(root, document):
    values = np.full((HEIGHT, WIDTH), 5, np.uint8)
    for n, name in enumerate("ab"):
        write(root / f"training/color/{n:05d}.png", (root / f"{name}.jpg").read_bytes())
        write(root / f"training/mask/{n:05d}.png", cv2.imencode(".png", values)[1].tobytes())
    write(root / "training/anno_training.pickle", pickle.dumps(document))
    return rhd.items(root, "training"), rhd.read


NO_HAND = [[0.0, 0.0, 0.0]] * 21
RHD = DataSet("rhd", {n: {"uv_vis": TRIPLES + NO_HAND} for n in range(2)}, (0,), rhd_items)


def csv_items(root, document):
    text = io.StringIO()
    writer = csv.DictWriter(text, list(CSV.document[1]), extrasaction="ignore")
    writer.writeheader()
    writer.writerows(one if isinstance(one, dict) else {"image": str(one)} for one in document)
    write(root / "x.csv", text.getvalue().encode("utf-8", "surrogatepass"))
    return table.items(root / "x.csv"), partial(table.read, path=root / "x.csv", images=root)


def cells(points):
    places = zip(KEYPOINT_NAMES, np.asarray(points).tolist())
    return {f"{name}_{part}": number for name, point in places for part, number in zip("xy", point)}


CSV = DataSet(
    "csv",
    [
        {"image": f"{name}.jpg", "side": "left", "width": WIDTH, "height": HEIGHT, "mask": "", "group": "g"}
        | cells(POINTS) | {f"{key}_visible": 1 for key in KEYPOINT_NAMES}
        for name in "ab"
    ],
    (0,), csv_items,
)  # fmt: skip


def onehand10k_items(root, document):
    for name in "ab":
        write(root / f"Train/source/{name}.jpg", (root / f"{name}.jpg").read_bytes())
    lines = [",".join(map(str, one if isinstance(one, list) else [one])) for one in document]
    text = "".join(f"{line}\n" for line in ["", *lines])
    write(root / "Train/label_joint.txt", text.encode("utf-8", "surrogatepass"))
    lines = onehand10k.plan(root)["train"]
    read = onehand10k.LineReader(root, lines)
    return read.items(lines), read


LINES = [[f"{name}.jpg", WIDTH, HEIGHT, 1, *POINTS.ravel().tolist()] for name in "ab"]
ONE_HAND = DataSet("onehand10k", LINES, (0,), onehand10k_items)
READERS = [
    LABELME, EMBEDDED, CMU, PANOPTIC, MMPOSE, replace(MMPOSE, name="mmpose's images", entry=("images", 0)), WHOLE_BODY,
    replace(WHOLE_BODY, name="coco's images", entry=("images", 0)), FREIHAND,
    replace(FREIHAND, name="freihand's cameras", entry=("K", 0)), RHD, CSV, ONE_HAND,
]  # fmt: skip


def read_all(items, read):
    """(samples, problems) of items, as a build takes them: broken ones are left out."""
    samples, problems = [], []
    for item in items:
        try:
            if isinstance(item, InputError):
                raise item
            samples += read(item)
        except InputError as problem:
            problems.append(str(problem))
    return samples, problems


def changes(entry):
    """Yield the entry with each of its values, but for most of the keypoints' numbers, replaced by each of ODD."""

    def places(value, path=()):
        yield path
        if isinstance(value, (dict, list)):
            keys = list(value) if isinstance(value, dict) else range(len(value))
            for key in list(keys)[:2] + list(keys)[-1:] if len(keys) > 7 else keys:
                yield from places(value[key], (*path, key))

    for path in dict.fromkeys(places(entry)):
        for odd in ODD:
            yield replaced(entry, path, odd), (*path, odd)
        if path:
            changed = copy.deepcopy(entry)
            parent = at(changed, path[:-1])
            del parent[path[-1]]
            yield changed, (*path, "is missing")


def at(value, path):
    for key in path:
        value = value[key]
    return value


def replaced(value, path, new):
    if not path:
        return new
    changed = copy.deepcopy(value)
    at(changed, path[:-1])[path[-1]] = new
    return changed


@pytest.mark.parametrize("data_set", READERS, ids=lambda one: one.name)
def test_an_odd_entry_is_read_or_left_out_and_the_other_stays(tmp_path, data_set, recwarn):
    for seed, name in enumerate("ab"):
        write(tmp_path / f"{name}.jpg", jpeg(seed))
    other, tables = (tmp_path / "b.jpg").read_bytes(), (CSV, ONE_HAND)
    whole, problems = read_all(*data_set.items(tmp_path, data_set.document))
    assert len(whole) == 2 and not problems
    count = 0
    for entry, what in changes(at(data_set.document, data_set.entry)):
        document = replaced(data_set.document, data_set.entry, entry)
        try:
            samples, problems = read_all(*data_set.items(tmp_path, document))
        except InputError as error:
            pytest.fail(f"{what} ended the work: {error}")
        assert sum(sample.image == other for sample in samples) == 1, (what, problems)
        is_nothing = (data_set in tables and entry in ("", " ", [], {}, {"x": 1})) or "lefthand_valid" in what
        assert len(samples) == 2 or problems or is_nothing, f"{what}: nothing said"
        for sample in samples:
            seen = sample.keypoints[sample.visible]
            assert geometry.inside(seen, WIDTH, HEIGHT).all() and np.isfinite(sample.keypoints).all(), what
            sample.serialize()
        assert all(len(problem) < 1000 and problem.isprintable() for problem in problems), problems
        count += 1
    assert count > 80 and not [str(warning.message) for warning in recwarn]


def test_a_build_leaves_out_items_that_are_broken_and_strict_stops_there(tmp_path):
    for name in "ab":
        write(tmp_path / f"{name}.jpg", jpeg(ord(name)))
    document = copy.deepcopy(MMPOSE.document)
    document["annotations"][0]["keypoints"] = None
    items, read = MMPOSE.items(tmp_path, document)
    _, problems = build_items(tmp_path / "x.lmdb", items, read)
    assert [sample.name for sample in Reader(tmp_path / "x.lmdb")] == ["b.jpg"]
    assert len(problems) == 1 and "annotation 0, keypoints: expected 21 keypoints" in problems[0]
    with pytest.raises(InputError, match="annotation 0, keypoints: expected 21 keypoints"):
        build_items(tmp_path / "y.lmdb", items, read, strict=True)


YES, NO = ["1", "1.0", "TRUE", "yes", "Y"], ["0", "0.0", "FALSE", "no", "n", "F"]


@pytest.mark.parametrize(("said", "means"), [*((one, True) for one in YES), *((one, False) for one in NO)])
def test_a_flag_means_the_same_in_every_data_set(tmp_path, said, means):
    for name in "ab":
        write(tmp_path / f"{name}.jpg", jpeg())

    def first(kind, path, value):
        samples, problems = read_all(*kind.items(tmp_path, replaced(kind.document, path, value)))
        assert not problems
        return samples[0] if len(samples) == 2 else None

    assert first(CSV, (0, "wrist_visible"), said).visible.tolist() == [means] + [True] * 20
    assert first(CMU, (0, "is_left"), said).side == ("left" if means else "right")
    assert (first(WHOLE_BODY, ("annotations", 0, "lefthand_valid"), said) is not None) == means
    (tmp_path / "hands").mkdir()
    for number in (said, "1"):  # as text, and as the other flag, too
        write(tmp_path / "hands/a.jpg", jpeg())
        write(tmp_path / "hands/a.json", labelme_document("a.jpg", flags={"left": said, "unusable": number}))
        (sample,) = labelme.read(tmp_path / "hands/a.json")
        assert sample.side == ("left" if means else "")
        label = labelme_files.read_label(tmp_path / "hands/a.json", "a.jpg")
        assert ("unusable" in label) == (number == "1" or means) and ("side" in label) == means


@pytest.mark.parametrize("said", ["", "maybe", "NA", "2", "0.5"])
def test_a_visibility_that_says_neither_leaves_its_row_out(tmp_path, said):
    write(tmp_path / "a.jpg", jpeg())
    write(tmp_path / "b.jpg", jpeg())
    samples, problems = read_all(*CSV.items(tmp_path, replaced(CSV.document, (0, "wrist_visible"), said)))
    assert [sample.name for sample in samples] == ["b.jpg"]
    assert "line 2, wrist_visible: expected yes or no" in problems[0]
    # where the keypoint has no place, it is not visible whatever is said
    unknown = replaced(replaced(CSV.document, (0, "wrist_visible"), said), (0, "wrist_x"), "")
    (first, _), problems = read_all(*CSV.items(tmp_path, unknown))
    assert first.visible.tolist() == [False] + [True] * 20 and not problems


OUTSIDE = {0: (-0.6, 20), 3: (20, -3), 5: (WIDTH - 0.4, 20), 8: (20, HEIGHT + 5)}
INSIDE = {1: (-0.4, 20), 9: (20, HEIGHT - 0.6)}


def test_a_keypoint_outside_the_image_is_not_visible_wherever_it_is_read(tmp_path):
    """The same points in every format, with the image beside the label and inside it."""
    points = POINTS.copy()
    for k, place in {**OUTSIDE, **INSIDE}.items():
        points[k] = place
    rows = np.column_stack([points, np.ones(21)]).tolist()
    for name in "ab":
        write(tmp_path / f"{name}.jpg", jpeg())
    of_rhd = np.array(rows)[[0, *(first + k for first in range(1, 21, 4) for k in (3, 2, 1, 0))]].tolist()
    for kind, path, labels in (
        (LABELME, (0, "shapes"), shapes(points)), (EMBEDDED, (0, "shapes"), shapes(points)),
        (CMU, (0, "hand_pts"), rows), (PANOPTIC, ("root", 0, "joint_self"), rows),
        (MMPOSE, ("annotations", 0, "keypoints"), np.ravel(rows).tolist()),
        (WHOLE_BODY, ("annotations", 0, "lefthand_kpts"), np.ravel(rows).tolist()),
        (FREIHAND, ("xyz", 0), in_space(points)), (RHD, (0, "uv_vis"), of_rhd + NO_HAND),
        (CSV, (0,), {**CSV.document[0], **cells(points)}),
    ):  # fmt: skip
        (sample, _), problems = read_all(*kind.items(tmp_path, replaced(kind.document, path, labels)))
        assert not problems, kind
        assert np.flatnonzero(~sample.visible).tolist() == sorted(OUTSIDE), kind


def test_onehand10ks_keypoints_on_the_far_edge_are_not_visible_and_further_ones_an_error():
    line = ["a.jpg", WIDTH, HEIGHT, 1, *POINTS.ravel()]
    line[4], line[7] = WIDTH, HEIGHT  # x of keypoint 0, y of keypoint 1
    visible = onehand10k.parse_line(",".join(map(str, line)))[4]
    assert visible.tolist() == [False] * 2 + [True] * 19
    line[4] = WIDTH + 1
    with pytest.raises(InputError, match=r"keypoint 0 \(65, 8.0\) lies outside the 64x48 image"):
        onehand10k.parse_line(",".join(map(str, line)))


@pytest.mark.parametrize("depth", [-1.0, 0.0, -1e-9])
def test_a_point_that_is_not_before_the_camera_leaves_its_picture_out(tmp_path, depth):
    for name in "ab":
        write(tmp_path / f"{name}.jpg", jpeg())
    samples, problems = read_all(*FREIHAND.items(tmp_path, replaced(FREIHAND.document, ("xyz", 0, 4, 2), depth)))
    assert len(samples) == 1 and "training, entry 0: keypoint 4 is not before the camera" in problems[0]
    # a camera that looks the other way
    document = replaced(FREIHAND.document, ("K", 1, 2, 2), -1)
    samples, problems = read_all(*FREIHAND.items(tmp_path, document))
    assert len(samples) == 1 and "entry 1: keypoint 0 is not before the camera" in problems[0]


def test_a_visible_keypoint_needs_a_place_and_an_invisible_one_does_not(tmp_path):
    for name in "ab":
        write(tmp_path / f"{name}.jpg", jpeg())
    for kind, path in (
        (CMU, (0, "hand_pts", 2)), (PANOPTIC, ("root", 0, "joint_self", 2)),
    ):  # fmt: skip
        for nothing in (None, math.nan):
            document = replaced(kind.document, path, [nothing, 5, 0])
            (sample, _), problems = read_all(*kind.items(tmp_path, document))
            assert not problems and np.flatnonzero(~sample.visible).tolist() == [2]
            assert np.isfinite(sample.keypoints).all()
            _, problems = read_all(*kind.items(tmp_path, replaced(kind.document, path, [nothing, 5, 1])))
            assert "keypoint 2 is visible, but has no place" in problems[0]


def mask_png(values, mode="L", palette=None):
    made, out = Image.fromarray(values), io.BytesIO()
    if palette is not None:
        made = Image.fromarray(values).convert("P")
        made.frombytes(values.tobytes())
        made.putpalette(palette)
    made.save(out, "PNG")
    return out.getvalue()


def test_rhds_masks_are_their_numbers_however_they_are_stored(tmp_path):
    for name in "ab":
        write(tmp_path / f"{name}.jpg", jpeg())
    items, read = RHD.items(tmp_path, RHD.document)
    values = np.zeros((HEIGHT, WIDTH), np.uint8)
    values[:10], values[10:20], values[20:30], values[30:40] = 1, 2, 17, 18
    colours = np.random.default_rng(1).integers(0, 256, 768).tolist()
    path = tmp_path / "training/mask/00000.png"
    for data in (mask_png(values), mask_png(values, palette=colours), mask_png(values.astype(np.uint16))):
        write(path, data)
        (sample, _), problems = read_all(items, read)
        assert not problems
        assert np.array_equal(sample.decode_mask() > 0, (values == 2) | (values == 17))
    for data, said in (
        (mask_png(values * 7), "has the value 126: expected 0 to 33"),  # brightened, to be looked at
        (mask_png(np.full_like(values, 20)), "has no pixel of the left hand (2 to 17)"),
        (cv2.imencode(".jpg", values)[1].tobytes(), "is compressed with loss"),
    ):
        write(path, data)
        samples, problems = read_all(items, read)
        assert len(samples) == 1 and said in problems[0]


def test_a_second_label_of_a_photograph_is_left_out_and_named(tmp_path):
    for seed, name in enumerate("ab"):
        write(tmp_path / f"{name}.jpg", jpeg(seed))
    again = copy.deepcopy(MMPOSE.document)
    again["annotations"].append({**again["annotations"][0], "id": 99})
    again["images"].append({**again["images"][1], "id": 7})  # another image entry of the same file
    again["annotations"].append({**again["annotations"][1], "id": 100, "image_id": 7})
    samples, problems = read_all(*MMPOSE.items(tmp_path, again))
    assert [sample.name for sample in samples] == ["a.jpg", "b.jpg"]
    assert "annotation 99: a.jpg has two annotations" in problems[0] and "annotation 100: b.jpg" in problems[1]
    again = copy.deepcopy(WHOLE_BODY.document)
    again["annotations"].append(again["annotations"][0])
    samples, problems = read_all(*WHOLE_BODY.items(tmp_path, again))
    assert len(samples) == 2 and "annotation 0: its left hand appears twice" in problems[0]
    folder = tmp_path / "labelled"
    write(folder / "a.jpg", jpeg())
    write(folder / "sub/a.jpg", jpeg(1))
    for name, picture in (("a", "a.jpg"), ("copy", "./a.jpg"), ("sub/a", "a.jpg"), ("sub/b", "..\\a.jpg")):
        write(folder / f"{name}.json", labelme_document(picture))
    samples, problems = read_all(labelme.items(folder), lambda item: labelme.read(item, folder))
    assert [sample.name for sample in samples] == ["a.jpg", "sub/a.jpg"]  # two photographs of one name
    assert [problem.split(":")[0][-10:] for problem in problems] == ["/copy.json", "sub/b.json"]
    assert all("a.json already" in problem for problem in problems)


def test_windows_paths_are_found(tmp_path):
    for seed, name in enumerate("ab"):
        write(tmp_path / f"sub/{name}.jpg", jpeg(seed))
        write(tmp_path / f"{name}.jpg", jpeg(seed))
    for kind, path in (
        (MMPOSE, ("images", 0, "file_name")), (WHOLE_BODY, ("images", 0, "file_name")), (CSV, (0, "image")),
        (PANOPTIC, ("root", 0, "img_paths")),
    ):  # fmt: skip
        samples, problems = read_all(*kind.items(tmp_path, replaced(kind.document, path, "sub\\a.jpg")))
        assert len(samples) == 2 and not problems, kind
        assert "\\" not in samples[0].name
        for outside in ("..\\a.jpg", "sub\\..\\..\\a.jpg", "../a.jpg", str(tmp_path / "a.jpg"), "C:\\a.jpg"):
            samples, problems = read_all(*kind.items(tmp_path, replaced(kind.document, path, outside)))
            assert len(samples) == 1 and problems, (kind, outside)


@pytest.mark.parametrize(("picture", "name"), [
    ("a.jpg", "sub/a.jpg"), ("..\\sub\\a.jpg", "sub/a.jpg"), ("gone\\..\\a.jpg", "sub/a.jpg"),
    ("../b.jpg", "b.jpg"), ("..\\b.jpg", "b.jpg"), ("C:\\photos\\a.jpg", "sub/a.jpg"),
    ("\\\\server\\share\\a.jpg", "sub/a.jpg"), ("..\\..\\elsewhere\\c.jpg", "sub/c.jpg"),
])  # fmt: skip
def test_labelmes_images_are_found_where_labelme_finds_them(tmp_path, picture, name):
    folder = tmp_path / "labelled"
    for path in ("labelled/sub/a.jpg", "labelled/b.jpg", "elsewhere/c.jpg"):
        write(tmp_path / path, jpeg())
    write(folder / "sub/x.json", labelme_document(picture))
    (sample,), problems = read_all(labelme.items(folder), lambda item: labelme.read(item, folder))
    assert sample.name == name and not problems
    os.remove(folder / "sub/a.jpg")
    write(folder / "sub/x.json", labelme_document("D:\\x\\a.jpg", imageData=base64.b64encode(jpeg()).decode()))
    (sample,), _ = read_all(labelme.items(folder), lambda item: labelme.read(item, folder))
    assert sample.name == "sub/a.jpg" and sample.image == jpeg()


def test_a_line_that_is_no_utf8_costs_itself_alone(tmp_path):
    for name in "ab":
        write(tmp_path / f"Train/source/{name}.jpg", jpeg(ord(name)))
        write(tmp_path / f"{name}.jpg", jpeg(ord(name)))
    line = ",".join(map(str, ONE_HAND.document[0]))
    odd = [line.replace("a.jpg", "gr\xfc\xdfe.jpg").encode("latin-1"), line.replace("a.jpg", "a\0.jpg").encode()]
    write(tmp_path / "Train/label_joint.txt", b"\n".join([line.encode(), *odd, line.replace("a.", "b.").encode()]))
    lines = onehand10k.plan(tmp_path)["train"]
    samples, problems = read_all(lines, onehand10k.LineReader(tmp_path, lines))
    assert [sample.name for sample in samples] == ["a.jpg", "b.jpg"]
    assert [problem.split("label_joint.txt, ")[1] for problem in problems] == [
        f"line {n}: not text in UTF-8: save the file as UTF-8" for n in (2, 3)
    ]
    CSV.items(tmp_path, CSV.document)
    header, first, second, *_ = (tmp_path / "x.csv").read_bytes().split(b"\r\n")
    write(tmp_path / "x.csv", b"\r\n".join([header, first.replace(b"a.jpg", b"gr\xfc\xdfe.jpg"), second]))
    items = table.items(tmp_path / "x.csv")
    samples, problems = read_all(items, lambda item: table.read(item, tmp_path / "x.csv", tmp_path))
    assert [sample.name for sample in samples] == ["b.jpg"] and "line 2 is not text in UTF-8" in problems[0]


def test_names_that_are_no_utf8_are_left_out(tmp_path):
    """A folder's own names, which no document spells."""
    odd = os.fsdecode(b"gr\xfc\xdfe")
    for name in ("a", odd):
        write(tmp_path / f"cmu/{name}.jpg", jpeg())
        write(tmp_path / f"cmu/{name}.json", CMU.document[0])
        write(tmp_path / f"labelme/{name}.jpg", jpeg())
        write(tmp_path / f"labelme/{name}.json", labelme_document(f"{name}.jpg"))
    for items, read in ((cmu.items(tmp_path / "cmu"), cmu.read), (labelme.items(tmp_path / "labelme"), labelme.read)):
        samples, problems = read_all(items, read)
        assert [sample.name for sample in samples] == ["a.jpg"]
        assert len(problems) == 1 and "gr\\udcfc\\udcdfe.jpg' is not text" in problems[0]


def test_broken_rows_of_sources_are_named_and_their_images_of_no_origin(tmp_path):
    for name in "ab":
        write(tmp_path / f"{name}.jpg", jpeg(ord(name)))
    write(tmp_path / "Train/sources.csv", b"name,origin\na.jpg,here\nb.jpg,gr\xfcn\na.jpg,there\nc.jpg\n")
    samples, problems = read_all(*ONE_HAND.items(tmp_path, ONE_HAND.document))
    assert [(sample.name, sample.origin) for sample in samples] == [("a.jpg", "here"), ("b.jpg", "")]
    assert [problem.split("sources.csv, ")[1] for problem in problems] == [
        "line 3 is not text in UTF-8: save the file as UTF-8", "line 4: a.jpg is named a second time",
        "line 5 has fewer columns than the header",
    ]  # fmt: skip


def test_a_key_that_is_there_twice_leaves_its_entry_out(tmp_path):
    for name in "ab":
        write(tmp_path / f"{name}.jpg", jpeg())
    for kind, text, twice in (
        (MMPOSE, '"image_id": 0', '"image_id": 0, "image_id": 1'), (CMU, '"is_left": 1', '"is_left": 1, "is_left": 0'),
        (WHOLE_BODY, '"image_id": 0', '"image_id": 0, "image_id": 1'),
        (LABELME, '"imageWidth": 64', '"imageWidth": 64, "imageWidth": 65'),
        (PANOPTIC, '"img_paths": "a.jpg"', '"img_paths": "a.jpg", "img_paths": "b.jpg"'),
    ):  # fmt: skip
        _, read = kind.items(tmp_path, kind.document)
        path = next(path for name in ("x.json", "hands.json", "a.json") if (path := tmp_path / name).exists())
        path.write_text(path.read_text().replace(text, twice, 1))
        again = {"mmpose": mmpose, "coco wholebody": coco_wholebody, "labelme": labelme}.get(kind.name, cmu)
        samples, problems = read_all(again.items(path if path.name != "a.json" else tmp_path), read)
        key = text.split('"')[1]
        assert len(samples) == 1 and len(problems) == 1 and f"the key '{key}' appears twice" in problems[0]
        for left in tmp_path.glob("*.json"):
            left.unlink()
