import numpy as np
import pytest

from maskpose.inference import pyramid


@pytest.mark.parametrize("width,height", [(640, 480), (226, 339), (60, 200), (1920, 1080)])
def test_levels_shrink_within_one_another_down_to_50_pixels(width, height):
    levels = pyramid.crops(width, height, seed=3)
    assert levels[0] == (0, 0, width, height)
    for (x0, y0, w0, h0), (x1, y1, w1, h1) in zip(levels, levels[1:]):
        assert 1 <= w0 - w1 <= round(0.1 * width)
        assert x0 <= x1 and y0 <= y1 and x1 + w1 <= x0 + w0 and y1 + h1 <= y0 + h0
        assert abs(h1 - w1 * height / width) <= 0.5
    assert min(levels[-1][2:]) >= 50
    # one more cut of the largest size would have gone below 50
    assert min(levels[-1][2], levels[-1][3]) - 0.1 * max(width, height) * 1.01 < 50 + 1


def test_a_tiny_photograph_is_its_only_level():
    assert pyramid.crops(40, 300, seed=1) == [(0, 0, 40, 300)]


def test_the_seed_decides():
    assert pyramid.crops(640, 480, 1) == pyramid.crops(640, 480, 1)
    assert pyramid.crops(640, 480, 1) != pyramid.crops(640, 480, 2)


def test_a_centred_pyramid_is_not_random():
    levels = pyramid.crops(640, 480, 1, centred=True)
    assert levels == pyramid.crops(640, 480, 2, centred=True)
    assert levels[1] == (32, 24, 576, 432) and levels[2] == (64, 48, 512, 384)  # 64 pixels narrower each
    assert len(levels) == 9  # 640, 576 … 128 wide; the next were 64 x 48
    for x, y, w, h in levels:
        assert abs(2 * x + w - 640) <= 1 and abs(2 * y + h - 480) <= 1


@pytest.mark.parametrize("centred", [False, True])
def test_the_number_of_levels_may_be_limited(centred):
    every = pyramid.crops(640, 480, 1, centred=centred)
    for count in (1, 3, 100):
        assert pyramid.crops(640, 480, 1, count, centred) == every[:count]


def test_the_most_confident_level_wins_joint_by_joint():
    rng = np.random.default_rng(0)
    points, confidences = rng.random((5, 21, 2)), rng.random((5, 21))
    won, values = pyramid.most_confident_level(points, confidences)
    for k in range(21):
        level = max(range(5), key=lambda i: confidences[i, k])
        assert won[k].tolist() == points[level, k].tolist() and values[k] == confidences[level, k]
