import cv2
import numpy as np
import pytest

from maskpose import geometry
from maskpose.codecs import heatmaps


def brute_force(cells, visible, size, sigma):
    maps = np.zeros((len(cells), size, size))
    for k, (cx, cy) in enumerate(cells):
        for y in range(size):
            for x in range(size):
                if visible[k]:
                    maps[k, y, x] = np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * sigma**2))
    return maps


@pytest.mark.parametrize("background", ["sum", "max"])
def test_encode_against_brute_force(background):
    rng = np.random.default_rng(2)
    cells = rng.uniform(-1, 24, (21, 2))
    cells[4] = np.nan  # an invisible keypoint may hold anything
    visible = rng.random(21) < 0.7
    visible[4] = False
    maps = heatmaps.encode(cells, visible, 23, 1.5, background)
    expected = brute_force(cells, visible, 23, 1.5)
    assert maps.shape == (22, 23, 23) and maps.dtype == np.float32
    assert np.allclose(maps[:21], expected, atol=1e-6)
    reduced = expected.sum(axis=0) if background == "sum" else expected.max(axis=0)
    assert np.allclose(maps[21], 1 - reduced, atol=1e-5)


def test_background_of_the_paper_falls_below_zero_where_fingers_crowd():
    cells = np.full((21, 2), 10.0)
    maps = heatmaps.encode(cells, np.ones(21, bool), 20, 1.5, "sum")
    assert maps[21, 10, 10] == pytest.approx(-20)
    assert heatmaps.encode(cells, np.ones(21, bool), 20, 1.5, "max")[21, 10, 10] == pytest.approx(0)


def test_a_keypoint_comes_back_within_an_input_pixel():
    rng = np.random.default_rng(3)
    points = rng.uniform(24, 344, (21, 2))  # input pixels
    cells = geometry.apply(geometry.grid_affine(), points)
    maps = heatmaps.encode(cells, np.ones(21, bool), 46, 1.5)
    found, values = heatmaps.argmax2d(heatmaps.upsample(maps[:21]))
    assert np.abs(found - points).max() <= 1.0
    assert (found - points).mean() == pytest.approx(0, abs=0.15)  # no bias to a side
    assert values.min() > 0.9


def test_peaks_ignore_the_padding():
    maps = np.zeros((1, 8, 8), np.float32)
    maps[0, 6, 2] = 2.0
    maps[0, 3, 4] = 1.0
    points, values = heatmaps.argmax2d(maps, width=8, height=5)
    assert points.tolist() == [[4, 3]] and values.tolist() == [1.0]
    points, values = heatmaps.argmax2d(maps, top=4, left=1)
    assert points.tolist() == [[2, 6]] and values.tolist() == [2.0]


def test_upsample_is_opencv_on_the_whole_image():
    maps = np.random.default_rng(4).random((3, 6, 7), np.float32)
    whole = cv2.resize(maps.transpose(1, 2, 0), None, fx=8, fy=8, interpolation=cv2.INTER_CUBIC)
    assert np.allclose(heatmaps.upsample(maps), whole.transpose(2, 0, 1))


def maps_of(kind, rng):
    """(4, 23, 23) float32 that try the bound of upsampled_argmax2d, or look like a network's."""
    if kind == "noise":
        maps = rng.normal(size=(4, 23, 23))
    elif kind == "checks":
        maps = rng.integers(0, 2, (4, 23, 23))
    elif kind == "single cells":
        maps = np.zeros((4, 23, 23))
        maps.reshape(4, -1)[:, rng.integers(0, 529, 3)] = 1, 1, 0.9
    elif kind == "below zero":
        maps = (rng.random((4, 23, 23)) < 0.02) * 3 - np.abs(rng.normal(size=(4, 23, 23)))
    elif kind == "constant":
        maps = np.full((4, 23, 23), rng.normal())
    else:
        maps = heatmaps.encode(rng.uniform(-1, 24, (4, 2)), np.ones(4, bool), 23, 1.5)[:4]
    return maps.astype(np.float32)


@pytest.mark.parametrize("kind", ["noise", "checks", "single cells", "below zero", "constant", "hands"])
def test_peaks_without_large_maps_are_those_of_large_maps(kind):
    rng = np.random.default_rng(5)
    for _ in range(40):
        maps = maps_of(kind, rng)
        size = rng.integers(1, 185, 2)
        for width, height, left, top in ((None, None, 0, 0), (*size, 0, 0), (*size, *rng.integers(0, size))):
            large = heatmaps.upsample(maps)[:, top:height, left:width]
            points, values = heatmaps.upsampled_argmax2d(maps, width, height, left=left, top=top)
            assert np.allclose(values, large.max(axis=(1, 2)), rtol=1e-6, atol=1e-7)
            x, y = (points - (left, top)).astype(int).T
            assert np.allclose(large[np.arange(4), y, x], values, rtol=1e-6, atol=1e-7)  # ties round apart
