import cv2
import numpy as np
import pytest

from maskpose import geometry
from maskpose.data.augmentation import (
    augmentation_affine,
    degrade,
    motion_kernel,
    sample_affine,
    sample_colour_change,
    stretch_affine,
)
from maskpose.data.settings import DataSettings

SIZE = 184


def step_by_step(image, points, scale, degrees, dx, dy, flip, fill):
    """Section 3.3, one obvious step after another, on a canvas that is never too small."""
    resized_size = round(scale * SIZE)
    resized = cv2.resize(image, (resized_size, resized_size), interpolation=cv2.INTER_LINEAR)
    points = (points + 0.5) * resized_size / SIZE - 0.5
    # a canvas three times the input's side, the picture's centre on the canvas' centre
    margin = (3 * SIZE - resized_size) // 2
    canvas = np.full((3 * SIZE, 3 * SIZE, 3), fill, np.uint8)
    canvas[margin : margin + resized_size, margin : margin + resized_size] = resized
    points = points + margin
    centre = margin + (resized_size - 1) / 2
    turn = cv2.getRotationMatrix2D((centre, centre), -degrees, 1.0)
    canvas = cv2.warpAffine(canvas, turn, (3 * SIZE, 3 * SIZE), borderValue=(fill,) * 3)
    points = points @ turn[:, :2].T + turn[:, 2]
    left = round(centre - (SIZE - 1) / 2 - dx)
    top = round(centre - (SIZE - 1) / 2 - dy)
    crop = canvas[top : top + SIZE, left : left + SIZE]
    points = points - (left, top)
    if flip:
        crop = crop[:, ::-1]
        points = np.stack([SIZE - 1 - points[:, 0], points[:, 1]], axis=1)
    return crop, points


@pytest.mark.parametrize(
    "scale,degrees,dx,dy,flip",
    [(1, 0, 0, 0, False), (1, 0, 0, 0, True), (0.745, 35, 10, -4, False), (1.1957, -40, -7, 12, True)],
)
def test_one_warp_equals_the_steps(scale, degrees, dx, dy, flip):
    rng = np.random.default_rng(1)
    image = cv2.resize(rng.integers(0, 256, (14, 14, 3), dtype=np.uint8), (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)
    points = rng.uniform(20, 160, (21, 2))
    scale = round(scale * SIZE) / SIZE  # the steps resize to whole pixels
    # the steps crop at whole pixels: move the picture by what makes that so
    half = ((round(scale * SIZE) - SIZE) % 2) / 2
    expected, expected_points = step_by_step(image, points, scale, degrees, dx + half, dy + half, flip, 128)
    affine = augmentation_affine(SIZE, scale, degrees, dx + half, dy + half, flip)
    got = geometry.warp(image, affine, SIZE, (128, 128, 128))
    assert np.allclose(geometry.apply(affine, points), expected_points, atol=0.6)
    difference = np.abs(got.astype(int) - expected)
    assert np.percentile(difference, 99) <= 12 and difference.mean() < 2


def drawn_parameters(settings, count=4000):
    """Scale, angle, flip and move of the input's centre, read off the drawn matrices."""
    centre = (settings.input_size - 1) / 2
    rows = []
    for i in range(count):
        affine = sample_affine(np.random.default_rng([5, i]), settings)
        flipped = np.linalg.det(affine[:, :2]) < 0
        upright = geometry.compose(geometry.horizontal_flip(settings.input_size), affine) if flipped else affine
        angle = np.rad2deg(np.arctan2(upright[1, 0], upright[0, 0]))
        move = geometry.apply(upright, [centre, centre]) - centre
        rows.append((geometry.affine_scale(affine), angle, flipped, *move))
    return np.array(rows).T


def test_drawn_parameters_cover_the_papers_ranges():
    scale, angle, flipped, dx, dy = drawn_parameters(DataSettings(db="x"))
    assert 0.7 <= scale.min() < 0.71 and 1.19 < scale.max() <= 1.2
    assert -40 <= angle.min() < -39 and 39 < angle.max() <= 40
    assert abs(flipped.mean() - 0.5) < 0.03
    # the window stays within the scaled square, or the square within the window
    reach = np.abs(scale * 368 - 368) / 2 + 1e-6
    assert (np.abs(dx) <= reach).all() and (np.abs(dy) <= reach).all()
    assert (np.abs(dx) > 0.95 * reach).any()


def test_crop_rotated_reaches_further():
    scale, angle, _, dx, _ = drawn_parameters(DataSettings(db="x", crop="rotated"))
    radians = np.deg2rad(np.abs(angle))
    reach = np.abs(scale * 368 * (np.cos(radians) + np.sin(radians)) - 368) / 2 + 1e-6
    assert (np.abs(dx) <= reach).all() and np.abs(dx).max() > 60


def test_stretching_as_computed_by_hand():
    def moved(affine, *points):  # counted from the centre
        return geometry.apply(affine, np.array(points) + (SIZE - 1) / 2) - (SIZE - 1) / 2

    assert np.allclose(moved(stretch_affine(SIZE, 1.44, 0), (12, 12)), [14.4, 10])
    assert np.allclose(moved(stretch_affine(SIZE, 1.44, 90), (12, 12)), [10, 14.4])
    assert np.allclose(moved(stretch_affine(SIZE, 4, 45), (3, 3), (3, -3)), [[6, 6], [1.5, -1.5]])


def test_stretch_draws_pictures_out_in_all_directions_and_leaves_the_rest_as_drawn():
    ratios, directions = [], []
    for i in range(2000):
        plain = sample_affine(np.random.default_rng([5, i]), DataSettings(db="x"))
        drawn = sample_affine(np.random.default_rng([5, i]), DataSettings(db="x", stretch=0.3))
        assert np.isclose(np.linalg.det(drawn[:, :2]), np.linalg.det(plain[:, :2]))  # as large, mirrored or not
        assert np.allclose(geometry.apply(drawn, [183.5, 183.5]), geometry.apply(plain, [183.5, 183.5]))
        _, (longer, shorter), rows = np.linalg.svd(drawn[:, :2])
        ratios.append(longer / shorter)
        directions.append(np.rad2deg(np.arctan2(rows[0, 1], rows[0, 0])) % 180)
    assert 1 <= min(ratios) < 1.01 and 1.29 < max(ratios) <= 1.3 + 1e-9
    assert np.allclose(np.histogram(directions, 6, (0, 180))[0], 2000 / 6, rtol=0.2)


def test_no_strength_leaves_the_colours():
    colours = sample_colour_change(np.random.default_rng(0), 0.0)
    assert colours.mix is None and np.array_equal(colours.table[0], np.repeat(np.arange(256)[:, None], 3, axis=1))


def test_colours_keep_the_order_of_greys_and_reach_as_far_as_said():
    drawn = [sample_colour_change(np.random.default_rng(seed), 1.0) for seed in range(400)]
    tables = np.array([colours.table[0] for colours in drawn]).astype(int)  # (400, 256, 3)
    assert (np.diff(tables, axis=1) >= 0).all()
    middle = tables[:, 128]
    assert middle.min() < 90 and middle.max() > 170 and 110 < middle.mean() < 146
    assert 5 < np.abs(middle[:, 0] - middle[:, 2]).mean() < 30
    grey = [colours.mix for colours in drawn if colours.mix is not None]
    assert 20 < len(grey) < 60
    pixel = np.float32([[[10, 100, 200]]])
    assert np.allclose(cv2.transform(pixel, grey[0])[0, 0], 0.114 * 10 + 0.587 * 100 + 0.299 * 200)


def test_degrading_leaves_what_an_image_shows_in_its_place():
    image = np.full((96, 96, 3), 40, np.uint8)
    cv2.circle(image, (61, 30), 12, (220, 200, 210), -1)
    for seed in range(60):
        degraded = degrade(np.random.default_rng(seed), image, 1.0)
        assert degraded.shape == image.shape and degraded.dtype == np.uint8
        light = np.clip(degraded.mean(axis=2) - 80, 0, None)  # above what noise and blocks leave of the ground
        rows, columns = np.indices(light.shape)
        centre = (light * columns).sum() / light.sum(), (light * rows).sum() / light.sum()
        assert np.hypot(centre[0] - 61, centre[1] - 30) < 0.6, seed


def test_strength_is_how_often_images_are_degraded():
    image = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)

    def changed(strength):
        return sum(not np.array_equal(degrade(np.random.default_rng(n), image, strength), image) for n in range(400))

    assert changed(0.0) == 0
    assert changed(0.5) == pytest.approx(400 * (1 - (1 - 0.5 * 0.35) ** 5), abs=40)


def test_a_motion_kernel_is_the_path_of_a_point():
    level = motion_kernel(2.0, 0)  # from pixel -1 to pixel 1: a third of the time on each of three
    assert level == pytest.approx(np.array([[0, 0, 0], [1, 1, 1], [0, 0, 0]]) / 3)
    assert motion_kernel(2.0, 90) == pytest.approx(level.T)
    steep = motion_kernel(9.0, 45)
    assert steep.sum() == pytest.approx(1) and np.array_equal(steep, steep.T) and steep[0, -1] == 0
