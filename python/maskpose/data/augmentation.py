"""Augmentation: the paper's (section 3.3, Training) as one affine map, input pixels to input pixels; and of colours.

Affine maps are 2x3 float64; pixel centres lie at integers. The input is a square of m x m pixels.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from maskpose import geometry
from maskpose.data.settings import DataSettings

SMALLEST_ZOOM = 0.3  # of the resized image, however small the hand shall be: the rest of the input is grey
ZOOM_WITHOUT_HAND = (0.4, 2.5)  # range of scales of an image without a hand
GREY = (0.114, 0.587, 0.299)  # weights of B, G, R in the brightness
MOST_BLUR = 2.5  # pixels of the input: standard deviation of out-of-focus blur
LONGEST_SMEAR = 0.06  # of the input's side: path of motion blur
COARSEST = 3.0  # times that an image is reduced and enlarged again
MOST_NOISE = 14  # grey levels: standard deviation
QUALITY = (15, 90)  # of a JPEG
SHARE_EACH = 0.35  # probability of each loss at full strength

Affine = npt.NDArray[np.float64]
Points = npt.NDArray[np.floating[Any]]


def sample_affine(
    rng: np.random.Generator,
    settings: DataSettings,
    extent: npt.NDArray[np.floating[Any]] | None = None,
    points: Points | None = None,
) -> Affine:
    """Return a random map of the m x m input: scale, rotation about the centre, crop, flip.

    The image is resized and turned; all its content stays. A window of m x m is then placed over it at random: within
    the scaled square (``crop: scaled``), or within the larger square about the turned one (``crop: rotated``). If the
    image is smaller than the window, it moves within the window instead. With the probability ``settings.zoom``, the
    map is that of ``sample_zoom``.

    Args:
        rng: of all that is random.
        settings: ranges and probabilities.
        extent: (width, height) of the resized image in the input, pixels; needed if ``settings.zoom`` is not 0.
        points: (n, 2) the visible keypoints in the input, pixels; needed if ``settings.zoom`` is not 0.
    """
    size = settings.input_size
    if settings.zoom and rng.random() < settings.zoom:
        if extent is None or points is None:
            raise TypeError("a zoom needs extent and points")
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


def _stretched(rng: np.random.Generator, affine: Affine, settings: DataSettings) -> Affine:
    """Return ``affine`` after a random ``stretch_affine``, if the settings ask for one."""
    if not settings.stretch:
        return affine
    factor, direction = 1 + rng.uniform(0, settings.stretch), rng.uniform(0, 180)
    return geometry.compose(affine, stretch_affine(settings.input_size, factor, direction))


def sample_zoom(
    rng: np.random.Generator, settings: DataSettings, extent: npt.NDArray[np.floating[Any]], points: Points
) -> Affine:
    """Return a random map of the m x m input after which the hand has a size from ``settings.span``. Not in the paper.

    The hand's box lies anywhere within the input. The image fills the input if it is large enough, and otherwise lies
    within it. An image without a hand is scaled by ZOOM_WITHOUT_HAND about one of its pixels.

    Args:
        rng: of all that is random.
        settings: ranges and probabilities.
        extent: (width, height) of the resized image in the input, pixels.
        points: (n, 2) the visible keypoints in the input, pixels.
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


def augmentation_affine(size: int, scale: float, degrees: float, dx: float, dy: float, flip: bool) -> Affine:
    """Return the map of given parameters: scale and turn about the input's centre, move, mirror if ``flip``.

    Args:
        size: m, side of the input, pixels.
        scale: of lengths.
        degrees: positive ones turn clockwise on the screen.
        dx: pixels to the right.
        dy: pixels down.
        flip: whether the result is mirrored.
    """
    centre = ((size - 1) / 2, (size - 1) / 2)
    zoom = geometry.scale_affine(scale)
    recentre = geometry.translation(*(np.array(centre) - geometry.apply(zoom, centre)))
    affine = geometry.compose(geometry.translation(dx, dy), geometry.rotation(degrees, centre), recentre, zoom)
    if flip:
        affine = geometry.compose(geometry.horizontal_flip(size), affine)
    return affine


def stretch_affine(size: int, factor: float, degrees: float) -> Affine:
    """Return the map that stretches the image along a direction, about the input's centre. Not in the paper.

    Areas stay: lengths along the direction grow by the root of ``factor``, lengths across it shrink by as much.

    Args:
        size: m, side of the input, pixels.
        factor: of the proportion of lengths along and across.
        degrees: of the direction, from the x axis.
    """
    centre = ((size - 1) / 2, (size - 1) / 2)
    along = np.sqrt(factor)
    stretch = np.array([[along, 0, (1 - along) * centre[0]], [0, 1 / along, (1 - 1 / along) * centre[1]]])
    return geometry.compose(geometry.rotation(degrees, centre), stretch, geometry.rotation(-degrees, centre))


@dataclass
class ColourChange:
    """A change of an image's colours: first ``mix``, then ``table``."""

    mix: npt.NDArray[np.float32] | None  # (3, 3) BGR from BGR, as cv2.transform takes it; None: colours stay
    table: npt.NDArray[np.uint8]  # (1, 256, 3): each channel's new value for each old one, as cv2.LUT takes it

    def apply(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Return an image (h, w, 3) uint8 BGR in its new colours."""
        mixed = image if self.mix is None else cv2.transform(image, self.mix)
        return np.asarray(cv2.LUT(mixed, self.table), np.uint8)


def sample_colour_change(rng: np.random.Generator, strength: float) -> ColourChange:
    """Return a random change of exposure, contrast, gamma and white balance, at times to grey. Not in the paper.

    Args:
        rng: of all that is random.
        strength: 1 for a range as wide as that of different cameras and lamps; 0 changes nothing.
    """
    exposure, contrast, gamma = rng.uniform(-1, 1, 3) * strength * (0.25, 0.3, 0.3)
    balance = rng.uniform(-1, 1, 3) * strength * 0.12
    grey = rng.random() < 0.1 * strength
    level = np.arange(256)[:, None] / 255
    level = level ** np.exp(gamma) * np.exp(exposure + balance)
    level = (level - 0.5) * np.exp(contrast) + 0.5
    table = np.clip(np.rint(255 * level), 0, 255).astype(np.uint8)[None]
    return ColourChange(np.tile(np.array(GREY, np.float32), (3, 1)) if grey else None, table)


def degrade(rng: np.random.Generator, image: npt.NDArray[np.uint8], strength: float) -> npt.NDArray[np.uint8]:
    """Return an image with random blur, motion blur, loss of pixels, noise and JPEG blocks. Not in the paper.

    Args:
        rng: of all that is random.
        image: (m, m, 3) uint8.
        strength: 0 to 1: scales the probability of each loss.

    Returns:
        (m, m, 3) uint8; the content stays where it is.
    """
    blurred, moved, coarse, noisy, packed = rng.random(5) < strength * SHARE_EACH
    size = image.shape[0]
    result: npt.NDArray[Any] = image
    if blurred:
        result = cv2.GaussianBlur(result, (0, 0), rng.uniform(0.3, MOST_BLUR))
    if moved:
        length = rng.uniform(2, max(3, LONGEST_SMEAR * size))
        result = cv2.filter2D(result, -1, motion_kernel(length, rng.uniform(0, 180)))
    if coarse:
        side = max(1, round(size / rng.uniform(1.2, COARSEST)))
        small = cv2.resize(result, (side, side), interpolation=cv2.INTER_AREA)
        result = cv2.resize(small, (size, size), interpolation=cv2.INTER_LINEAR)
    if noisy:
        noise = rng.standard_normal(result.shape, np.float32) * np.float32(rng.uniform(1, MOST_NOISE))
        result = np.clip(np.rint(result + noise), 0, 255).astype(np.uint8)
    if packed:
        quality = int(rng.integers(*QUALITY))
        jpeg = cv2.imencode(".jpg", result, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        result = np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR))
    return result


def motion_kernel(length: float, degrees: float) -> npt.NDArray[np.float32]:
    """Return the kernel of a motion blur along a straight path that lies in it whole.

    Args:
        length: of the path, pixels.
        degrees: of its direction, from the x axis.

    Returns:
        (k, k) float32 of sum 1, k odd.
    """
    reach = int(np.ceil(length / 2))
    kernel = np.zeros((2 * reach + 1,) * 2, np.float32)
    steps = np.linspace(-length / 2, length / 2, 8 * reach + 1)  # symmetric, so that nothing moves on average
    columns = np.rint(reach + steps * np.cos(np.deg2rad(degrees))).astype(int)
    rows = np.rint(reach + steps * np.sin(np.deg2rad(degrees))).astype(int)
    np.add.at(kernel, (rows, columns), 1)
    return kernel / kernel.sum()
