import cv2
import numpy as np
import pytest
from scipy import ndimage

from maskpose import geometry

RNG = np.random.default_rng(0)


def smooth_image(width, height):
    """A picture without fine detail, so that different resamplings of it agree."""
    noise = RNG.integers(0, 256, (max(2, height // 16), max(2, width // 16), 3), dtype=np.uint8)
    return cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)


def test_fit_affine_of_a_landscape_photograph_by_hand():
    # 736x368 into 368: tau = 0.5; source pixels 0 and 1 (centres 0, 1; edges -0.5..1.5) become pixel 0
    affine = geometry.fit_affine(736, 368, 368)
    assert np.allclose(geometry.apply(affine, [[0.5, 0.5], [735.5, 367.5]]), [[0, 0], [367.5, 183.5]])


def test_fit_affine_takes_the_tighter_side():
    assert geometry.affine_scale(geometry.fit_affine(100, 200, 50)) == pytest.approx(0.25)
    assert geometry.affine_scale(geometry.fit_affine(200, 100, 50)) == pytest.approx(0.25)


def test_grid_cell_g_is_centred_on_input_pixel_8g_plus_3_5():
    points = np.stack([8 * np.arange(46) + 3.5, np.zeros(46) + 3.5], axis=1)
    cells = geometry.apply(geometry.grid_affine(), points)
    assert np.allclose(cells, np.stack([np.arange(46), np.zeros(46)], axis=1))


def test_compose_applies_from_the_last_and_invert_undoes():
    first = geometry.rotation(30, (5, 7))
    second = geometry.translation(3, -2)
    points = RNG.uniform(-10, 10, (6, 2))
    both = geometry.apply(geometry.compose(second, first), points)
    assert np.allclose(both, geometry.apply(second, geometry.apply(first, points)))
    assert np.allclose(geometry.apply(geometry.invert(first), geometry.apply(first, points)), points)


def test_rotation_turns_plus_x_to_plus_y():
    assert np.allclose(geometry.apply(geometry.rotation(90, (1, 1)), [[3, 1]]), [[1, 3]])


def test_horizontal_flip_against_numpy():
    image = RNG.integers(0, 256, (5, 5, 3), dtype=np.uint8)
    assert np.array_equal(geometry.warp(image, geometry.horizontal_flip(5), 5, 0), image[:, ::-1])


@pytest.mark.parametrize("width,height", [(92, 60), (60, 92), (184, 184), (368, 276), (552, 414), (736, 460)])
def test_warp_by_fit_affine_against_resize_and_pad(width, height):
    image = smooth_image(width, height)
    size = 184
    w, h = size * width // max(width, height), size * height // max(width, height)  # whole, for these
    method = cv2.INTER_AREA if width > 184 else cv2.INTER_LINEAR
    expected = np.full((size, size, 3), 128, np.uint8)
    expected[:h, :w] = cv2.resize(image, (w, h), interpolation=method)
    warped = geometry.warp(image, geometry.fit_affine(width, height, size), size, (128, 128, 128))
    inner = np.s_[1 : h - 1, 1 : w - 1]  # a border pixel between samples blends with the fill
    assert np.abs(warped[inner].astype(int) - expected[inner]).max() <= 4
    assert (warped[h + 1 :] == 128).all() and (warped[:, w + 1 :] == 128).all()


@pytest.mark.parametrize("scale,block", [(1.3, 1), (0.7, 1), (0.51, 1), (0.45, 2), (0.3, 2), (0.21, 4)])
def test_warp_against_scipy(scale, block):
    size = 100
    image = smooth_image(240, 240)[..., 0]
    affine = geometry.compose(geometry.rotation(25, (50, 50)), geometry.scale_affine(scale))
    reduced = image.reshape(240 // block, block, 240 // block, block).mean(axis=(1, 3))
    ys, xs = np.mgrid[:size, :size].astype(float)
    source = geometry.apply(geometry.invert(affine), np.stack([xs, ys], axis=-1))
    source = (source + 0.5) / block - 0.5
    expected = ndimage.map_coordinates(reduced, [source[..., 1], source[..., 0]], order=1, cval=-1)
    warped = geometry.warp(image, affine, size, 0).astype(float)
    sure = expected >= 0
    assert sure.mean() > 0.2
    assert np.abs(warped - expected)[sure].max() <= 4


def test_strong_reduction_averages_rather_than_samples():
    stripes = np.zeros((800, 800), np.uint8)
    stripes[:, ::2] = 255
    warped = geometry.warp(stripes, geometry.fit_affine(800, 800, 100), 100, 0)
    assert np.abs(warped[2:-2, 2:-2].astype(int) - 127).max() <= 1


@pytest.mark.parametrize("scale", [0.9, 0.45, 0.2, 0.07])
def test_a_dot_lands_where_its_point_does(scale):
    size = 200
    for point in RNG.uniform(0.2, 0.8, (8, 2)) * size / scale:
        image = np.zeros((int(size / scale), int(size / scale)), np.uint8)
        cv2.circle(image, tuple(np.round(point).astype(int)), max(3, int(3 / scale)), 255, -1)
        affine = geometry.compose(geometry.rotation(20, (90, 110)), geometry.scale_affine(scale))
        warped = geometry.warp(image, affine, size, 0).astype(float)
        ys, xs = np.mgrid[:size, :size]
        centroid = np.array([(xs * warped).sum(), (ys * warped).sum()]) / warped.sum()
        assert np.allclose(centroid, geometry.apply(affine, np.round(point)), atol=0.15)


def test_inside_counts_whole_pixels():
    points = np.array([[-0.5, 0], [-0.51, 0], [9.49, 4.49], [9.5, 0], [0, 4.5]])
    assert geometry.inside(points, 10, 5).tolist() == [True, False, True, False, False]


@pytest.mark.parametrize("scale,expected", [(1.2, 1), (0.51, 1), (0.5, 2), (0.3, 2), (0.25, 4), (0.1, 8), (0.01, 64)])
def test_how_far_a_picture_may_be_reduced(scale, expected):
    turned = geometry.compose(geometry.rotation(30, (5, 7)), geometry.scale_affine(scale))
    assert geometry.reduction(turned) == expected
