import shutil

import cv2
import numpy as np
import pytest

from conftest import exif_rotated
from maskpose.data.datasets import onehand10k
from maskpose.errors import InputError

LINE = "7.jpg,40,30,1," + ",".join(f"{i},{i + 1}" for i in range(21))


@pytest.fixture
def folder(tmp_path):
    """A data set of three images, the second with a mask, written by hand."""
    source, mask = tmp_path / "Train" / "source", tmp_path / "Train" / "mask"
    source.mkdir(parents=True)
    mask.mkdir()
    for i in range(3):
        cv2.imwrite(str(source / f"{i}.jpg"), np.full((30, 40, 3), 90 * i, np.uint8))
    cv2.imwrite(str(mask / "1.png"), np.full((30, 40), 200, np.uint8))
    points = [(5, 6)] * 20 + [(-1, -1)]
    text = ",".join(f"{x},{y}" for x, y in points)
    (tmp_path / "Train" / "label_joint.txt").write_text("".join(f"{i}.jpg,40,30,1,{text}\n" for i in range(3)))
    return tmp_path


def read(folder, **options):
    samples, problems = [], []
    lines = onehand10k.plan(folder, **options)["train"]
    one = onehand10k.LineReader(folder, lines)
    for line in lines:
        try:
            samples += one(line)
        except InputError as error:
            problems.append(str(error))
    return samples, problems


def test_a_line_by_hand():
    name, width, height, keypoints, visible = onehand10k.parse_line(LINE)
    assert (name, width, height) == ("7.jpg", 40, 30)
    assert keypoints[3].tolist() == [3, 4] and visible.all()


def test_minus_one_in_either_coordinate_is_invisible():
    parts = LINE.split(",")
    parts[4], parts[7] = "-1", "-1"  # x of keypoint 0, y of keypoint 1
    assert onehand10k.parse_line(",".join(parts))[4].tolist() == [False, False] + [True] * 19


@pytest.mark.parametrize(
    "text,said",
    [
        (LINE.rsplit(",", 4)[0], "41 numbers after the name, expected 45"),
        (LINE + ",1", "46 numbers"),
        (LINE.replace("7.jpg", ""), "not a file name"),
        (LINE.replace("7.jpg", "../7.jpg"), "not a file name"),
        (LINE.replace(",40,", ",wide,"), "wide"),
        (LINE.replace(",40,", ",0,"), "positive integers"),
        (LINE.replace(",40,", ",nan,"), "positive integers"),
        (LINE.replace(",5,6,", ",nan,6,"), "keypoint 5"),
        (LINE.replace(",5,6,", ",5,999,"), r"keypoint 5 \(5, 999\) lies outside"),
    ],
)
def test_malformed_lines(text, said):
    with pytest.raises(InputError, match=said):
        onehand10k.parse_line(text)


def test_samples_hold_the_files_untouched(folder):
    samples, problems = read(folder)
    assert not problems and [sample.name for sample in samples] == ["0.jpg", "1.jpg", "2.jpg"]
    assert samples[2].image == (folder / "Train/source/2.jpg").read_bytes()
    assert [bool(sample.mask) for sample in samples] == [False, True, False]
    assert (samples[1].decode_mask() == 255).all()


def test_which_grey_is_hand(folder):
    grey = np.arange(30 * 40, dtype=np.uint16).reshape(30, 40) % 256
    cv2.imwrite(str(folder / "Train/mask/1.png"), grey.astype(np.uint8))
    samples, _ = read(folder)
    assert np.array_equal(samples[1].decode_mask(), np.where(grey > 127, 255, 0))
    assert samples[0].visible.tolist() == [True] * 20 + [False]


def test_origins_are_read_where_they_are_named(folder):
    (folder / "Train" / "sources.csv").write_text("name,origin,more\n0.jpg,here,1\n2.jpg,there,2\n")
    assert [sample.origin for sample in read(folder)[0]] == ["here", "", "there"]


def break_missing(folder):
    (folder / "Train/source/1.jpg").unlink()


def break_truncated(folder):
    path = folder / "Train/source/1.jpg"
    path.write_bytes(path.read_bytes()[:-40])


def break_size(folder):
    cv2.imwrite(str(folder / "Train/source/1.jpg"), np.zeros((40, 40, 3), np.uint8))


def break_mask_size(folder):
    cv2.imwrite(str(folder / "Train/mask/1.png"), np.zeros((30, 41), np.uint8))


def break_mask(folder):
    (folder / "Train/mask/1.png").write_bytes(b"no picture")


def break_black_mask(folder):
    cv2.imwrite(str(folder / "Train/mask/1.png"), np.zeros((30, 40), np.uint8))


def break_dim_mask(folder):
    cv2.imwrite(str(folder / "Train/mask/1.png"), np.full((30, 40), 1, np.uint8))


def break_line(folder):
    path = folder / "Train/label_joint.txt"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], lines[1] + ",5", lines[2]]))


@pytest.mark.parametrize(
    "damage,said",
    [
        (break_missing, "1.jpg"),
        (break_truncated, "truncated"),
        (break_size, "40x40"),
        (break_mask_size, "41x30"),
        (break_mask, "mask"),
        (break_dim_mask, "no pixel brighter than half"),
        (break_black_mask, "is black, but 20 keypoints"),
        (break_line, "46 numbers"),
    ],
)
def test_a_bad_entry_is_named_with_its_line_and_left_out(folder, damage, said):
    damage(folder)
    samples, problems = read(folder)
    assert [sample.name for sample in samples] == ["0.jpg", "2.jpg"]
    assert len(problems) == 1 and "line 2" in problems[0] and said in problems[0]


def test_a_name_twice_is_a_problem(folder):
    with (folder / "Train/label_joint.txt").open("a") as file:
        file.write((folder / "Train/label_joint.txt").read_text().splitlines()[0] + "\n")
    samples, problems = read(folder)
    assert len(samples) == 3 and "second time" in problems[0]


def test_exif_rotated_photographs_are_as_seen(folder):
    rotated = exif_rotated((folder / "Train/source/0.jpg").read_bytes())
    (folder / "Train/source/0.jpg").write_bytes(rotated)
    assert "30x40" in read(folder)[1][0]  # a label of the unrotated size is a mismatch
    path = folder / "Train/label_joint.txt"
    path.write_text(path.read_text().replace("0.jpg,40,30", "0.jpg,30,40", 1))
    assert read(folder)[0][0].decode_image().shape == (40, 30, 3)


def test_plan_follows_the_distribution_or_shuffles(folder):
    shutil.copytree(folder / "Train", folder / "Test")
    plan = onehand10k.plan(folder)
    assert [line[:2] for line in plan["train"]] == [("Train", n) for n in (1, 2, 3)]
    mixed = onehand10k.plan(folder, shuffle_seed=5, train_count=4)
    assert (len(mixed["train"]), len(mixed["test"])) == (4, 2)
    assert sorted(mixed["train"] + mixed["test"]) == sorted(plan["train"] + plan["test"])
    assert mixed == onehand10k.plan(folder, shuffle_seed=5, train_count=4)
    assert mixed != onehand10k.plan(folder, shuffle_seed=6, train_count=4)


@pytest.mark.parametrize("count", [3, 10_000])
def test_a_split_that_leaves_nothing_to_test_on_is_said(folder, count):
    with pytest.raises(InputError, match=r"has 3 lines.*--train-count"):
        onehand10k.plan(folder, shuffle_seed=1, train_count=count)


def test_plan_by_names(folder):
    for name in ("Train/2.jpg", "2.jpg"):
        assert [line[1] for line in onehand10k.plan(folder, names=[name])["train"]] == [3]
    with pytest.raises(InputError, match=r"Train/9\.jpg"):
        onehand10k.plan(folder, names=["Train/9.jpg"])


def test_a_folder_that_is_something_else(tmp_path):
    with pytest.raises(InputError, match="label_joint"):
        onehand10k.plan(tmp_path)
