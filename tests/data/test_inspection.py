import subprocess
import sys
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from conftest import ROOT, build
from maskpose.codecs.masks import pack_mask
from maskpose.data import inspection, sampler
from maskpose.data.database import Reader
from maskpose.data.sample import Sample
from maskpose.errors import InputError
from maskpose.model.variants import get_variant
from maskpose.visualization import sheets

POINTS = np.column_stack([np.linspace(20, 60, 21), np.linspace(30, 50, 21)]).astype(np.float32)


def noise(seed, width=100, height=80):
    picture = np.random.default_rng(seed).integers(0, 256, (9, 9, 3), np.uint8)
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_CUBIC)


def sample(name, picture=None, **changes):
    picture = noise(zlib.crc32(name.encode())) if picture is None else picture
    data = cv2.imencode(".jpg", picture)[1].tobytes()
    height, width = picture.shape[:2]
    one = Sample(name, data, width, height, POINTS.copy(), np.ones(21, bool), b"", "here")
    for key, value in changes.items():
        setattr(one, key, value)
    return one


def mask_of(x0, x1, width=100, height=80):
    hand = np.zeros((height, width), bool)
    hand[10:70, x0:x1] = True
    return pack_mask(hand)


@pytest.fixture
def reader(tmp_path):
    outside, few = POINTS.copy(), np.zeros(21, bool)
    outside[3] = 150, 20
    few[4] = True
    samples = [
        sample("good", mask=mask_of(15, 65)), sample("outside", keypoints=outside), sample("few", visible=few),
        sample("doubtful", mask=mask_of(70, 95)), sample("empty", mask=pack_mask(np.zeros((80, 100), bool))),
        sample("cut", image=cv2.imencode(".jpg", noise(1))[1].tobytes()[:300]), sample("size", width=99),
    ]  # fmt: skip
    build(tmp_path / "x.lmdb", samples)
    return Reader(tmp_path / "x.lmdb")


def test_what_is_wrong_is_found(reader):
    pytest.importorskip("imagehash")
    found = inspection.inspect(reader)
    assert found.outside == ["outside"] and found.few == ["few"]
    assert found.doubtful == ["doubtful"] and found.empty == ["empty"]
    assert [text.partition(":")[0] for text in found.damaged] == ["sample 5", "sample 6"]
    assert "cut is truncated" in found.damaged[0] and "size is 100x80" in found.damaged[1]
    assert found.count == 5 and found.masks == 3 and found.origins == {"here": 5}
    assert found.visible.tolist() == [5 if k == 4 else 4 for k in range(21)]
    assert found.spans == pytest.approx([0.4, 1.3, 0.4, 0.4])
    assert found.mask_shares[0] == pytest.approx(50 * 60 / 8000)
    text = inspection.format_findings(found)
    assert "samples      5, 3 with a mask" in text and "(doubtful)" in text and "wrist 4" in text
    assert inspection.histogram_sheet(found).startswith(b"\x89PNG")


def test_images_without_a_hand_and_unknown_pixels_are_counted_and_nothing_is_wrong_with_them(tmp_path):
    nowhere, none = np.full((21, 2), -1, np.float32), np.zeros(21, bool)
    nothing, band = pack_mask(np.zeros((80, 100), bool)), mask_of(65, 73)
    samples = [
        sample("empty", keypoints=nowhere, visible=none, mask=nothing),
        sample("band", mask=mask_of(15, 65), unknown=band),
        sample("all unknown", mask=nothing, unknown=mask_of(15, 65)),
        sample("half unknown", mask=mask_of(40, 65), unknown=mask_of(15, 40)),  # without: half of the hand off the mask
        sample("both", mask=mask_of(15, 66), unknown=band),
        sample("cut", mask=mask_of(15, 65), unknown=band[:-3]), sample("size", unknown=mask_of(0, 9, 99)),
    ]  # fmt: skip
    build(tmp_path / "x.lmdb", samples)
    found = inspection.inspect(Reader(tmp_path / "x.lmdb"), hashes=False)
    assert found.without_hand == 1 and found.few == found.empty == found.doubtful == found.outside == []
    assert found.overlapping == ["both"]
    assert found.unknown_shares == pytest.approx([0.06, 3000 / 8000, 1500 / 8000, 0.06])
    assert found.mask_shares == pytest.approx([3000 / 8000, 1500 / 8000, 3060 / 8000])
    assert [text.partition(":")[0] for text in found.damaged] == ["sample 5", "sample 6"]
    assert "unknown pixels of cut is damaged" in found.damaged[0]
    assert "unknown pixels of size is not of its image's size, 100x80" in found.damaged[1]
    text = inspection.format_findings(found)
    assert "without a hand: 1\n" in text and "unknown pixels: in 4 samples, share 0.060 to 0.375, median 0.124" in text
    assert "count as hand: 1 (both)" in text and "fewer than two visible keypoints: 0\n" in text


def test_distance_from_the_mask_by_hand():
    mask = np.zeros((40, 40), np.uint8)
    mask[10:20, 10:20] = 255
    points = np.array([[15, 15], [23, 15], [25, 15], [22, 22.0]])  # 0, 4, 6 and 4.2 pixels away
    assert inspection.outside_mask(mask, points, 5.0).tolist() == [False, False, True, False]


def test_the_same_picture_is_known_again_in_other_sizes_and_encodings():
    imagehash = pytest.importorskip("imagehash")
    picture = cv2.GaussianBlur(noise(3, 200, 160), (0, 0), 2)
    first = inspection.perceptual_hash(picture)
    assert f"{first:016x}" == str(imagehash.phash(Image.fromarray(picture[:, :, ::-1])))
    again = cv2.imdecode(cv2.imencode(".jpg", cv2.resize(picture, (120, 96)))[1], cv2.IMREAD_COLOR)
    hashes = {"a": first, "again": inspection.perceptual_hash(again), "other": inspection.perceptual_hash(noise(8))}
    hashes = list(hashes.items())
    assert [pair[:2] for pair in inspection.find_duplicates(hashes)] == [("a", "again")]
    assert inspection.find_duplicates([("x", first)], hashes)[0][:2] == ("x", "a")
    assert inspection.find_duplicates([("a", first), ("a", first)]) == [("a", "a", 0)]


def test_bits_apart_by_brute_force():
    rng = np.random.default_rng(2)
    base = int(rng.integers(0, 2**63))
    hashes = {str(n): base ^ int(sum(1 << int(b) for b in rng.choice(64, n, replace=False))) for n in range(8)}
    found = {(a, b): bits for a, b, bits in inspection.find_duplicates(list(hashes.items()))}
    names = list(hashes)
    expected = {
        (a, b): bin(hashes[a] ^ hashes[b]).count("1")
        for i, a in enumerate(names) for b in names[i + 1 :]
        if bin(hashes[a] ^ hashes[b]).count("1") <= inspection.ALIKE
    }  # fmt: skip
    assert found == expected and len(found) >= 4


def test_sheets_show_samples_as_they_are_and_as_they_are_trained_on(tmp_path):
    path = tmp_path / "x.lmdb"
    build(path, [sample(f"{n}", mask=mask_of(15, 65)) for n in range(10)])
    reader = Reader(path)
    assert sampler.evenly_spaced(10, 4) == [0, 3, 6, 9] and sampler.evenly_spaced(2, 48) == [0, 1]
    assert inspection.raw_sheet(reader, range(10)).shape[1] == 5 * 200  # in two rows
    reader.close()
    variant = get_variant("compact/mask_pose")
    plain = inspection.trained_sheet(path, [0], variant, augment=False)
    assert plain.shape == (200 + sheets.CAPTION_HEIGHT, 200, 3)
    assert (plain != inspection.trained_sheet(path, [0], variant, epoch=1)).any()
    assert (plain == inspection.trained_sheet(path, [0], variant, augment=False, batch_size=5, db="elsewhere")).all()
    for wrong, message in (({"flips": 1}, "unknown key 'flips'"), ({"scale": [2, 1]}, "'scale' must be two positive")):
        with pytest.raises(InputError, match=message):
            inspection.trained_sheet(path, [0], variant, **wrong)
    inspection.trained_sheet(path, [0], variant, scale=[0.9, 1.1])  # a list, as JSON has it


def test_mask_and_heatmaps_are_drawn_where_they_are():
    grey, mask, maps = np.zeros((3, 184, 184), np.float32), np.zeros((1, 23, 23), np.float32), np.zeros((22, 23, 23))
    mask[0, 2:4, 2:4], maps[5, 20, 10] = 1, 1
    picture = inspection.as_trained(grey, mask, maps.astype(np.float32)).astype(int)
    assert (picture[24, 24] - picture[120, 120])[0] > 20  # blue
    assert (picture[164, 84] - picture[120, 120])[1:].min() > 60  # yellow
    mask[0, 2:4, 2:4], mask[0, 12:20, 2:10], maps[:] = 0, 255, 0
    picture = inspection.as_trained(grey, mask, maps.astype(np.float32)).astype(int)
    assert (picture[:96] == 128).all() and (picture[:, 80:] == 128).all()  # no cell is hand
    ignored = picture[96:160, 16:80].reshape(-1, 3)
    assert ((ignored[:, 2] - ignored[:, 0]) > 10).all() and len(np.unique(ignored, axis=0)) == 2  # hatched in red
    mask[:] = 255
    assert (inspection.as_trained(grey, mask) == 128).all()  # no mask is known


def test_the_scripts(reader, tmp_path):
    pytest.importorskip("imagehash")
    path = str(reader.path)

    def run(*command):
        return subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True)

    verified = run("tools/verify_db.py", path)
    assert verified.returncode == 1 and "4 things are wrong" in verified.stdout, verified.stderr
    assert "cut is truncated" in verified.stderr and "outside: a visible keypoint lies outside" in verified.stderr
    unknown = mask_of(60, 70), mask_of(65, 70), b""
    build(tmp_path / "good.lmdb", [sample(f"{n}", mask=mask_of(15, 65), unknown=unknown[n]) for n in range(3)])
    verified = run("tools/verify_db.py", str(tmp_path / "good.lmdb"))
    assert verified.returncode == 0 and "good.lmdb: whole; format version" in verified.stdout
    assert "3 masks, 2 with unknown pixels, 0 without a hand, sha256" in verified.stdout
    assert "in 1 samples the mask calls unknown pixels hand, and they count as hand (0)" in verified.stdout
    (tmp_path / "good.lmdb/manifest.json").unlink()
    verified = run("tools/verify_db.py", str(tmp_path / "good.lmdb"))
    assert verified.returncode == 1 and "1 thing is wrong" in verified.stdout
    assert "manifest.json is missing" in verified.stderr
    browsed = run("tools/browse_db.py", str(tmp_path / "good.lmdb"), "--out", str(tmp_path / "look"))
    assert browsed.returncode == 0 and "samples      3, 3 with a mask" in browsed.stdout, browsed.stderr
    pictures = {one.name for one in (tmp_path / "look").iterdir()}
    assert pictures == {"good_raw.png", "good_trained.png", "good_figures.png"}
