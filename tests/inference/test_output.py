import csv
import json
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest

from maskpose.inference import writers
from maskpose.inference.hand import Hand
from maskpose.inference.image_paths import ImageFile
from maskpose.keypoints import KEYPOINT_NAMES

SIZE = 60, 40


def a_hand(seed, mask=True, pose=True):
    """A Hand with everything random on a picture of SIZE."""
    rng = np.random.default_rng(seed)
    width, height = SIZE
    keypoints = rng.uniform(0, 1, (21, 2)) * (width - 1, height - 1) if pose else np.full((21, 2), np.nan)
    blob = np.zeros((height, width), bool)
    blob[5 + seed : 15 + seed, 10:30] = True
    maps = rng.uniform(0, 1, (22, 23, 23)).astype(np.float32) if pose else None
    confidences = rng.uniform(0, 1, 21).astype(np.float32)
    return Hand(keypoints, confidences, blob if mask else None, maps, np.array([[3.0, 0, 1], [0, 3, 1]]))


@pytest.fixture
def image():
    return np.random.default_rng(9).integers(0, 256, (SIZE[1], SIZE[0], 3), np.uint8)


def photograph(key="album/photo"):
    return ImageFile(Path("photo.jpg"), key)


def write(folder, image, hands, formats=writers.FORMATS, **more):
    writers.write_hands(folder, photograph(), image, hands, 0.5, formats, **more)
    return writers.write_tables(folder, [photograph()], formats)


def test_every_format_writes_its_file(tmp_path, image):
    assert write(tmp_path, image, [a_hand(1)]) == ["keypoints.csv", "coco_results.json"]
    suffixes = {suffix for suffix, _ in writers.PER_IMAGE.values()}
    assert {path.name for path in (tmp_path / "album").iterdir()} == {f"photo{suffix}" for suffix in suffixes}


def test_numbers_are_the_same_in_every_format(tmp_path, image):
    hands = [a_hand(1), a_hand(2)]
    write(tmp_path, image, hands, side="left")
    rows = [np.column_stack([hand.keypoints, hand.confidences]) for hand in hands]
    document = json.loads((tmp_path / "album/photo.json").read_text())
    assert document["image"] == "album/photo.jpg" and (document["width"], document["height"]) == SIZE
    for expected, hand in zip(rows, [document, *document["more_hands"]]):
        assert np.abs(np.array(hand["keypoints"]) - expected).max() < 0.006
        assert hand["detected"] == (expected[:, 2] > 0.5).tolist()
    people = json.loads((tmp_path / "album/photo_keypoints.json").read_text())["people"]
    assert [len(person["hand_left_keypoints_2d"]) for person in people] == [63, 63]
    assert not any(person["hand_right_keypoints_2d"] or person["pose_keypoints_2d"] for person in people)
    assert np.abs(np.reshape(people[1]["hand_left_keypoints_2d"], (21, 3)) - rows[1]).max() < 0.006
    with (tmp_path / "keypoints.csv").open() as file:
        table = list(csv.DictReader(file))
    assert [row["hand"] for row in table] == ["1", "2"] and table[0]["image"] == "album/photo.jpg"
    assert float(table[1]["little_4_x"]) == pytest.approx(rows[1][20, 0], abs=0.006)
    assert list(table[0])[4:7] == [f"{KEYPOINT_NAMES[0]}_{part}" for part in ("x", "y", "confidence")]
    first, second = json.loads((tmp_path / "coco_results.json").read_text())
    assert first["image_id"] == second["image_id"] == 1 and first["category_id"] == 1
    assert np.abs(np.reshape(second["keypoints"], (21, 3)) - rows[1]).max() < 0.006
    low, high = rows[0][:, :2].min(axis=0), rows[0][:, :2].max(axis=0)
    assert np.abs(np.array(first["bbox"]) - [*low, *(high - low)]).max() < 0.011
    assert first["score"] == pytest.approx(hands[0].score)


def test_hdf5_holds_the_arrays_in_compressed_chunks(tmp_path, image):
    hands = [a_hand(1), a_hand(2)]
    write(tmp_path, image, hands, ["hdf5"])
    with h5py.File(tmp_path / "album/photo.h5") as file:
        for name in ("keypoints", "confidences", "heatmaps", "grid_to_image", "mask"):
            assert np.array_equal(file[name][...], np.stack([getattr(hand, name) for hand in hands]))
        assert file["heatmaps"].chunks == (1, 1, 23, 23) and file["mask"].chunks == (1, SIZE[1], SIZE[0])
        assert file["mask"].compression == "gzip" and file.attrs["image"] == "album/photo.jpg"


def test_the_mask_is_of_all_hands(tmp_path, image):
    hands = [a_hand(1), a_hand(7)]
    write(tmp_path, image, hands, ["mask"])
    mask = cv2.imread(str(tmp_path / "album/photo_mask.png"), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(mask > 0, hands[0].mask | hands[1].mask) and set(np.unique(mask)) == {0, 255}


def test_the_papers_figures(tmp_path, image):
    hand = a_hand(1)
    hand.heatmaps[:21] = 0
    hand.heatmaps[4, 10, 5] = 1  # cell (5, 10) is pixel (16, 31)
    write(tmp_path, image, [hand], ["figure5", "figure8"])
    five, eight = (cv2.imread(str(tmp_path / f"album/photo_figure{n}.png")) for n in (5, 8))
    width, height = SIZE
    assert five.shape == (height, 3 * width, 3) and eight.shape == (height, 2 * width, 3)
    assert np.array_equal(five[:, width:], eight)
    blue = five[:, :width, 0].astype(int) - image[..., 0]
    away = cv2.dilate(hand.mask.astype(np.uint8), np.ones((5, 5))) == 0
    assert np.array_equal(five[:, :width][away], image[away])
    assert blue[hand.mask].mean() > 20
    heat = five[:, 2 * width :].astype(int).sum(axis=2) - 0.45 * image.astype(int).sum(axis=2)
    assert np.unravel_index(heat.argmax(), heat.shape) == (31, 16)


@pytest.mark.parametrize("parts", [{"mask": False}, {"pose": False}])
def test_a_variant_without_a_stage_leaves_its_files_out(tmp_path, image, parts):
    write(tmp_path, image, [a_hand(1, **parts)])
    there = {path.name for path in (tmp_path / "album").iterdir()}
    assert ("photo_mask.png" in there) == ("mask" not in parts)
    assert ("photo_heatmaps.png" in there) == ("pose" not in parts)
    if "pose" in parts:
        assert json.loads((tmp_path / "album/photo.json").read_text())["keypoints"] == []
        assert json.loads((tmp_path / "coco_results.json").read_text()) == []


def test_a_photograph_is_done_once_all_its_files_are_there(tmp_path, image):
    def done(formats, fingerprint="f"):
        return writers.is_done(tmp_path, "album/photo", formats, fingerprint)

    assert not done(["overlay"])
    write(tmp_path, image, [a_hand(1), a_hand(2)], ["overlay", "heatmaps"], fingerprint="f")
    assert done(["overlay"]) and done(["overlay", "heatmaps", "csv"])
    assert not done(["overlay", "mask"]) and not done(["overlay"], "g")
    (tmp_path / "album/photo_heatmaps_2.png").unlink()
    assert done(["overlay"]) and not done(["heatmaps"])
    (tmp_path / "album/photo.json").write_text("[1, 2]")
    assert not done(["overlay"])


def test_names_are_what_is_written(tmp_path, image):
    for count in (1, 3):
        folder = tmp_path / str(count)
        write(folder, image, [a_hand(n) for n in range(count)])
        there = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
        assert there == {
            *writers.file_names("album/photo", writers.FORMATS, count),
            *writers.table_names(writers.FORMATS),
        }


def test_stale_files_go_but_for_those_that_are_not_ours(tmp_path, image):
    write(tmp_path, image, [a_hand(1), a_hand(2)], ["heatmaps", "mask"], fingerprint="f")
    ours = set(writers.file_names("album/photo", ["heatmaps"], 2))
    writers.remove_stale(tmp_path, "album/photo", "f", ours)
    assert len(list((tmp_path / "album").iterdir())) == 4
    writers.remove_stale(tmp_path, "album/photo", "g", ours)
    assert [path.name for path in (tmp_path / "album").iterdir()] == ["photo_mask.png"]


def test_where_no_hand_was_found_there_is_none_in_openposes_and_cocos_files(tmp_path, image):
    hand = a_hand(1)
    hand.confidences[:] = 0.4  # below the threshold of 0.5
    write(tmp_path, image, [hand])
    assert json.loads((tmp_path / "album/photo_keypoints.json").read_text()) == {"version": 1.3, "people": []}
    assert json.loads((tmp_path / "coco_results.json").read_text()) == []
    assert json.loads((tmp_path / "album/photo.json").read_text())["detected"] == [False] * 21
    hand.confidences[3] = 0.6
    write(tmp_path, image, [hand])
    (person,) = json.loads((tmp_path / "album/photo_keypoints.json").read_text())["people"]
    assert len(person["hand_right_keypoints_2d"]) == 63
    assert len(json.loads((tmp_path / "coco_results.json").read_text())) == 1
