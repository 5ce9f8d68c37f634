"""The paper's augmentation (section 3.3, Training) as one affine map, input pixels to input pixels; and of colours."""

from dataclasses import dataclass

import cv2
import numpy as np

from maskpose import geometry

SMALLEST_ZOOM = 0.3  # of the resized image, however small the hand is to be: the rest of the input is grey
ZOOM_WITHOUT_HAND = (0.4, 2.5)  # range of scales of an image without a hand


def sample_affine(rng, settings, extent=None, points=None):
    """A random map of the m x m input: scale, rotation about the centre, crop, flip.

    ``rng`` is a numpy Generator; ``settings`` a DataSettings. With the probability ``settings.zoom`` it is the map of
    ``sample_zoom``, which takes ``extent`` and ``points``. The resized and turned picture keeps all its
    content, and a window of m x m is placed over it at random: within the scaled square (``crop: scaled``),
    or within the larger square that holds the turned one (``crop: rotated``). Where the picture is the
    smaller of the two it is the picture that moves within the window.
    """
    size = settings.input_size
    if settings.zoom and rng.random() < settings.zoom:
        affine = sample_zoom(rng, settings, extent, points)
        return _stretched(rng, affine, settings)
    scale = rng.uniform(*settings.scale)
    degrees = rng.uniform(-settings.rotation, settings.rotation)
    canvas = scale * size
    if settings.crop == "rotated":
        radians = np.deg2rad(degrees)
        canvas *= abs(np.cos(radians)) + abs(np.sin(radians))
    reach = abs(canvas - size) / 2
    dx, dy = rng.uniform(-reach, reach, size=2)
    flip = rng.random() < settings.flip
    affine = augmentation_affine(size, scale, degrees, dx, dy, flip)
    return _stretched(rng, affine, settings)


def _stretched(rng, affine, settings):
    """``affine`` after a random ``stretching``, where the settings ask for one."""
    if not settings.stretch:
        return affine
    factor, direction = 1 + rng.uniform(0, settings.stretch), rng.uniform(0, 180)
    return geometry.compose(affine, stretch_affine(settings.input_size, factor, direction))


def sample_zoom(rng, settings, extent, points):
    """A random map of the m x m input after which the hand has a size drawn from ``settings.span``. Not in the paper.

    The hand's box lies anywhere within the input. The image fills the input where it is large enough, and else lies
    within it. An image without a hand is scaled by ZOOM_WITHOUT_HAND about any of its pixels.

    Args:
        rng: numpy Generator.
        settings: DataSettings.
        extent: (width, height) of the resized image in the input, pixels.
        points: (n, 2) the visible keypoints in the input, pixels.

    Returns:
        2x3 float64, input to input.
    """
    size = settings.input_size
    low, high = (points.min(axis=0), points.max(axis=0)) if len(points) else (np.zeros(2), np.zeros(2))
    hand = (high - low).max()
    if hand > 0:
        centre = (low + high) / 2
        target = size * np.exp(rng.uniform(*np.log(settings.span)))
        scale = max(SMALLEST_ZOOM, target / hand)
    else:
        centre = rng.uniform(0, 1, 2) * extent
        scale = np.exp(rng.uniform(*np.log(ZOOM_WITHOUT_HAND)))
    half = min(scale * hand, size) / 2
    place = rng.uniform(half, size - half, 2) - 0.5
    degrees = rng.uniform(-settings.rotation, settings.rotation)
    affine = geometry.compose(
        geometry.rotation(degrees, place), geometry.translation(*place), np.diag([scale, scale, 1])[:2],
        geometry.translation(*(-centre)),
    )  # fmt: skip
    corners = geometry.apply(affine, np.array([[0, 0], [1, 0], [0, 1], [1, 1]]) * extent - 0.5)
    first, last = corners.min(axis=0) + 0.5, corners.max(axis=0) - (size - 0.5)  # beyond the input's edges
    shift = np.clip(0, np.minimum(-first, -last), np.maximum(-first, -last))
    affine = geometry.compose(geometry.translation(*shift), affine)
    if rng.random() < settings.flip:
        affine = geometry.compose(geometry.horizontal_flip(size), affine)
    return affine


def augmentation_affine(size, scale, degrees, dx, dy, flip):
    """The map for given parameters: scale and turn about the input's centre, move, perhaps mirror."""
    centre = ((size - 1) / 2, (size - 1) / 2)
    zoom = geometry.scale_affine(scale)
    recentre = geometry.translation(*(np.array(centre) - geometry.apply(zoom, centre)))
    affine = geometry.compose(geometry.translation(dx, dy), geometry.rotation(degrees, centre), recentre, zoom)
    if flip:
        affine = geometry.compose(geometry.horizontal_flip(size), affine)
    return affine


def stretch_affine(size, factor, degrees):
    """The map that draws the picture out ``factor`` times along a direction, about the input's centre.

    What lies along the direction grows by the root of ``factor``, what lies across it shrinks by as much: areas stay.
    It is not in the paper.
    """
    centre = ((size - 1) / 2, (size - 1) / 2)
    along = np.sqrt(factor)
    drawn_out = np.array([[along, 0, (1 - along) * centre[0]], [0, 1 / along, (1 - 1 / along) * centre[1]]])
    return geometry.compose(geometry.rotation(degrees, centre), drawn_out, geometry.rotation(-degrees, centre))


GREY = (0.114, 0.587, 0.299)  # brightness of B, G, R


@dataclass
class ColourChange:
    """A change of a photograph's colours: first ``mix``, then ``table``."""

    mix: np.ndarray | None  # (3, 3) float32: BGR from BGR, as cv2.transform takes it; None: as they are
    table: np.ndarray  # (1, 256, 3) uint8: each channel's new value for each old one, as cv2.LUT takes it


def sample_colour_change(rng, strength):
    """Random Colours (not in the paper): exposure, contrast, gamma, white balance; at times grey.

    strength: 1 for a range as wide as different cameras and lamps give; 0 changes nothing.
    """
    exposure, contrast, gamma = rng.uniform(-1, 1, 3) * strength * (0.25, 0.3, 0.3)
    balance = rng.uniform(-1, 1, 3) * strength * 0.12
    grey = rng.random() < 0.1 * strength
    level = np.arange(256)[:, None] / 255
    level = level ** np.exp(gamma) * np.exp(exposure + balance)
    level = (level - 0.5) * np.exp(contrast) + 0.5
    table = np.clip(np.rint(255 * level), 0, 255).astype(np.uint8)[None]
    return ColourChange(np.tile(np.float32(GREY), (3, 1)) if grey else None, table)


BLUR = 2.5  # pixels of the input: the largest standard deviation of out-of-focus blur
SMEAR = 0.06  # of the input's side: the longest path of motion blur
COARSEST = 3.0  # times that an image is reduced and enlarged again at most
NOISE = 14  # grey levels: the largest standard deviation
QUALITY = (15, 90)  # of a JPEG
SHARE_EACH = 0.35  # probability of each loss at full strength


def degrade(rng, image, strength):
    """An image with random blur, motion blur, loss of pixels, noise and JPEG blocks (not in the paper).

    Args:
        rng: numpy Generator.
        image: (m, m, 3) uint8.
        strength: 0 to 1: scales the probability of each loss.

    Returns:
        (m, m, 3) uint8; positions of what it shows stay.
    """
    blurred, moved, coarse, noisy, packed = rng.random(5) < strength * SHARE_EACH
    size = image.shape[0]
    if blurred:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, BLUR))
    if moved:
        image = cv2.filter2D(image, -1, motion_kernel(rng.uniform(2, max(3, SMEAR * size)), rng.uniform(0, 180)))
    if coarse:
        side = max(1, round(size / rng.uniform(1.2, COARSEST)))
        small = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
        image = cv2.resize(small, (size, size), interpolation=cv2.INTER_LINEAR)
    if noisy:
        noise = rng.standard_normal(image.shape, np.float32) * np.float32(rng.uniform(1, NOISE))
        image = np.clip(np.rint(image + noise), 0, 255).astype(np.uint8)
    if packed:
        quality = int(rng.integers(*QUALITY))
        image = cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)
    return image


def motion_kernel(length, degrees):
    """(k, k) float32 of sum 1, k odd: a straight path of ``length`` pixels, ``degrees`` from the x axis, seen whole."""
    reach = int(np.ceil(length / 2))
    kernel = np.zeros((2 * reach + 1,) * 2, np.float32)
    steps = np.linspace(-length / 2, length / 2, 8 * reach + 1)  # symmetric, so that nothing moves on average
    columns = np.rint(reach + steps * np.cos(np.deg2rad(degrees))).astype(int)
    rows = np.rint(reach + steps * np.sin(np.deg2rad(degrees))).astype(int)
    np.add.at(kernel, (rows, columns), 1)
    return kernel / kernel.sum()
