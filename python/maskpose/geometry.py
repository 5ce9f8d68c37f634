"""The geometry that data layer, inference, drawing and metrics share.

Points are (x, y) in pixels with pixel centres at integers: the top-left pixel of a w x h image covers
[-0.5, 0.5] x [-0.5, 0.5]. Affine maps are 2x3 float64 matrices that take a source point to a destination
point. There are three coordinate systems: the image's pixels, the network input's pixels (m x m), and the
cells of the network's output grid (m/8 x m/8).
"""

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

Affine: TypeAlias = npt.NDArray[np.float64]  # (2, 3)


def fit_affine(width: float, height: float, size: int) -> Affine:
    """Return the map from image to input: resize by tau = min(m/w, m/h) into the top-left corner (eq. 1)."""
    tau = min(size / width, size / height)
    return scale_affine(tau)


def scale_affine(scale: float) -> Affine:
    """Return a resize by ``scale`` about the image's top-left corner (not the centre of its first pixel)."""
    shift = (scale - 1) / 2
    return np.array([[scale, 0, shift], [0, scale, shift]], np.float64)


def grid_affine(stride: int = 8) -> Affine:
    """Return the map from input to grid: cell g is centred on input pixel ``stride * g + (stride - 1) / 2``."""
    return scale_affine(1 / stride)


def translation(dx: float, dy: float) -> Affine:
    """Return a shift by (dx, dy) pixels."""
    return np.array([[1, 0, dx], [0, 1, dy]], np.float64)


def rotation(degrees: float, centre: Sequence[float] | npt.NDArray[np.floating]) -> Affine:
    """Return a turn about ``centre`` (x, y); positive degrees turn from +x towards +y (clockwise on screen)."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    x, y = centre
    return np.array([[c, -s, x - c * x + s * y], [s, c, y - s * x - c * y]], np.float64)


def horizontal_flip(width: int) -> Affine:
    """Return the map that mirrors an image of ``width`` pixels."""
    return np.array([[-1, 0, width - 1], [0, 1, 0]], np.float64)


def compose(*affines: Affine) -> Affine:
    """Return one map that applies ``affines`` from the last to the first, as a matrix product reads."""
    product, *rest = affines
    for affine in rest:
        shift = product[:, 2]
        product = product[:, :2] @ affine
        product[:, 2] += shift
    return product


def invert(affine: Affine) -> Affine:
    """Return the inverse map."""
    return np.linalg.inv(np.vstack([affine, [0, 0, 1]]))[:2]


def apply(affine: Affine, points: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return points (..., 2) mapped, (..., 2)."""
    return np.asarray(points, np.float64) @ affine[:, :2].T + affine[:, 2]


def affine_scale(affine: Affine) -> float:
    """Return how many destination pixels a source pixel's side becomes: the root of |determinant|."""
    (a, b, _), (c, d, _) = affine.tolist()
    return math.sqrt(abs(a * d - b * c))


def inside(points: npt.NDArray[np.floating], width: float, height: float) -> npt.NDArray[np.bool_]:
    """Return which of points (..., 2) lie on a pixel of a width x height image, (...)."""
    x, y = points[..., 0], points[..., 1]
    return (x >= -0.5) & (x < width - 0.5) & (y >= -0.5) & (y < height - 0.5)


def reduction(affine: Affine) -> int:
    """Return the largest power of two by which an image may be reduced before ``affine`` without a loss."""
    return 2 ** _halvings(affine)


def warp(image: npt.NDArray[Any], affine: Affine, size: int | Sequence[int], fill: float | Sequence[float]) -> Any:
    """Return an image resampled by an affine map, bilinearly and in one step. Training and inference both use it.

    If the map shrinks the image to a half or less, blocks of 2 x 2, 4 x 4, … pixels are averaged first, so that nothing
    between the samples is lost.

    >>> image = np.array([[10, 20], [30, 40]], np.uint8)
    >>> warp(image, scale_affine(0.5), size=1, fill=0).tolist()  # one pixel: the mean of all four
    [[25]]
    >>> warp(image, translation(1, 0), size=(3, 2), fill=0).tolist()
    [[0, 10, 20], [0, 30, 40]]

    Args:
        image: (h, w) or (h, w, channels), uint8 or float32.
        affine: from the image's pixels to the result's.
        size: of the result: the side of a square, or (width, height), pixels.
        fill: value outside the image, one per channel.

    Returns:
        (height, width) or (height, width, channels), an array of the image's type.
    """
    height, width = image.shape[:2]
    w, h = width, height
    for _ in range(_halvings(affine)):
        w, h = max(1, w // 2), max(1, h // 2)
        image = cv2.resize(image, (w, h), interpolation=cv2.INTER_AREA)
    if (w, h) != (width, height):
        rx, ry = width / w, height / h
        affine = compose(affine, np.array([[rx, 0, (rx - 1) / 2], [0, ry, (ry - 1) / 2]]))
    options: dict[str, Any] = {"borderMode": cv2.BORDER_CONSTANT, "borderValue": fill}
    return cv2.warpAffine(image, affine, np.broadcast_to(size, 2).tolist(), flags=cv2.INTER_LINEAR, **options)


def _halvings(affine: Affine) -> int:
    """Return how many times an image may be halved before ``affine`` without a loss."""
    return max(0, math.floor(1e-6 - math.log2(max(affine_scale(affine), 1e-6))))
