"""Drawn hands: labels that fit the picture, variety, and files that repeat."""

import numpy as np
import pytest
from PIL import Image

from maskpose.errors import InputError
from maskpose.testing.drawn_hands import draw_hand, write_onehand10k


@pytest.fixture(scope="module")
def hands():
    return [draw_hand(np.random.default_rng([11, n]), (160, 120)) for n in range(40)]


def test_types_and_shapes(hands):
    for image, mask, keypoints, visible in hands:
        assert image.shape == (120, 160, 3) and image.dtype == np.uint8
        assert mask.shape == (120, 160) and set(np.unique(mask)) <= {0, 255}
        assert keypoints.shape == (21, 2) and keypoints.dtype == np.float64
        assert visible.shape == (21,) and visible.dtype == bool


def test_visible_keypoints_lie_on_the_hand(hands):
    for _, mask, keypoints, visible in hands:
        columns, rows = np.rint(keypoints[visible]).astype(int).T
        assert (mask[rows, columns] == 255).all()


def test_keypoints_outside_are_not_visible(hands):
    outside = np.array([((k < 0) | (k > [159, 119])).any(axis=1) for _, _, k, _ in hands])
    visible = np.array([v for _, _, _, v in hands])
    assert outside.any() and not (outside & visible).any()
    assert (~outside & ~visible).any()  # hidden by the hand itself
    assert visible.mean() > 0.6


def test_every_direction_both_hands_and_many_sizes(hands):
    towards = np.array([k[9] - k[0] for _, _, k, _ in hands])
    quadrants = {(x > 0, y > 0) for x, y in towards}
    assert len(quadrants) == 4
    across = np.array([k[17] - k[5] for _, _, k, _ in hands])
    side = towards[:, 0] * across[:, 1] - towards[:, 1] * across[:, 0]
    assert 5 < np.count_nonzero(side > 0) < 35
    sizes = np.array([np.ptp(k, axis=0).max() for _, _, k, _ in hands]) / 120
    assert sizes.min() >= 0.35 - 1e-9 and sizes.max() <= 0.85 + 1e-9 and np.ptp(sizes) > 0.3


def test_the_hand_differs_from_what_is_behind_it(hands):
    brightness = [image[mask > 0].mean() for image, mask, _, _ in hands]
    assert min(brightness) < 80 and max(brightness) > 150


def test_the_same_seed_gives_the_same_hand():
    first, again = (draw_hand(np.random.default_rng(4), (90, 130)) for _ in range(2))
    other = draw_hand(np.random.default_rng(5), (90, 130))
    assert all(np.array_equal(a, b) for a, b in zip(first, again))
    assert not np.array_equal(first[0], other[0])


def test_onehand10k_layout(tmp_path):
    write_onehand10k(tmp_path / "a", 4, 9, "Train")
    write_onehand10k(tmp_path / "b", 4, 9, "Train")
    write_onehand10k(tmp_path / "c", 2, 9, "Train")
    write_onehand10k(tmp_path / "a", 1, 9, "Test")
    files = sorted(f.relative_to(tmp_path / "a") for f in (tmp_path / "a" / "Train").rglob("*.*"))
    assert len(files) == 9
    assert all((tmp_path / "a" / f).read_bytes() == (tmp_path / "b" / f).read_bytes() for f in files)
    lines = (tmp_path / "a/Train/label_joint.txt").read_text().splitlines()
    assert lines[:2] == (tmp_path / "c/Train/label_joint.txt").read_text().splitlines()
    assert lines[0] != (tmp_path / "a/Test/label_joint.txt").read_text().splitlines()[0]
    for line in lines:
        name, width, height, hands, *numbers = line.split(",")
        size = int(width), int(height)
        assert Image.open(tmp_path / "a/Train/source" / name).size == size
        mask = np.asarray(Image.open(tmp_path / "a/Train/mask" / name.replace("jpg", "png")))
        assert mask.shape == size[::-1] and hands == "1"
        points = np.array(numbers, int).reshape(21, 2)
        seen = (points >= 0).all(axis=1)
        assert seen.any() and (points[~seen] == -1).all()
        assert (mask[points[seen, 1], points[seen, 0]] == 255).all()


def test_other_splits_and_unwritable_folders_are_errors(tmp_path):
    with pytest.raises(InputError, match="Train"):
        write_onehand10k(tmp_path, 1, 0, "validation")
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="file"):
        write_onehand10k(tmp_path / "file", 1, 0, "Train")
