"""The geometry that data layer, inference, drawing and metrics share.

Points are (x, y) in pixels with pixel centres at integers: the top-left pixel of a w x h image covers
[-0.5, 0.5] x [-0.5, 0.5]. Affine maps are 2x3 float64 matrices that take a source point to a destination
point. Three coordinate systems occur: the photograph's pixels, the network input's pixels (m x m), and the
cells of the network's output grid (m/8 x m/8).
"""

import math

import cv2
import numpy as np


def fit_affine(width, height, size):
    """Photograph to input: resize by tau = min(m/w, m/h) into the top-left corner (eq. 1)."""
    tau = min(size / width, size / height)
    return scale_affine(tau)


def scale_affine(scale):
    """Resizing by ``scale`` about the image's top-left corner (not the centre of its first pixel)."""
    shift = (scale - 1) / 2
    return np.array([[scale, 0, shift], [0, scale, shift]], np.float64)


def grid_affine(stride=8):
    """Input to grid: cell g is centred on input pixel ``stride * g + (stride - 1) / 2``."""
    return scale_affine(1 / stride)


def translation(dx, dy):
    """Move by (dx, dy) pixels."""
    return np.array([[1, 0, dx], [0, 1, dy]], np.float64)


def rotation(degrees, centre):
    """Turn about ``centre`` (x, y); positive degrees turn from +x towards +y (clockwise on screen)."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    x, y = centre
    return np.array([[c, -s, x - c * x + s * y], [s, c, y - s * x - c * y]], np.float64)


def horizontal_flip(width):
    """Mirror an image of ``width`` pixels."""
    return np.array([[-1, 0, width - 1], [0, 1, 0]], np.float64)


def compose(*affines):
    """One 2x3 map that applies ``affines`` from the last to the first, as a matrix product reads."""
    product, *rest = affines
    for affine in rest:
        shift = product[:, 2]
        product = product[:, :2] @ affine
        product[:, 2] += shift
    return product


def invert(affine):
    """The inverse 2x3 map."""
    return np.linalg.inv(np.vstack([affine, [0, 0, 1]]))[:2]


def apply(affine, points):
    """Map ``points`` (..., 2); float64 (..., 2) out."""
    return np.asarray(points, np.float64) @ affine[:, :2].T + affine[:, 2]


def affine_scale(affine):
    """How many destination pixels a source pixel's side becomes: the root of |determinant|."""
    (a, b, _), (c, d, _) = affine.tolist()
    return math.sqrt(abs(a * d - b * c))


def inside(points, width, height):
    """Which of ``points`` (..., 2) lie on a pixel of a width x height image; bool (...)."""
    x, y = points[..., 0], points[..., 1]
    return (x >= -0.5) & (x < width - 0.5) & (y >= -0.5) & (y < height - 0.5)


def reduction(affine):
    """By how much a picture may be reduced before ``affine`` without a loss: the largest such power of two."""
    return 2 ** _halvings(affine)


def warp(image, affine, size, fill):
    """Resample ``image`` (h, w[, c]) uint8 or float32 by ``affine`` into ``size``; ``fill`` outside.

    size: pixels of a square's side, or (width, height).

    Bilinear, in one resampling; where ``affine`` shrinks to a half or less, blocks of 2 x 2, 4 x 4, … pixels are
    averaged first, so that nothing between the samples is lost. Training and inference both come here.
    """
    height, width = image.shape[:2]
    w, h = width, height
    for _ in range(_halvings(affine)):
        w, h = max(1, w // 2), max(1, h // 2)
        image = cv2.resize(image, (w, h), interpolation=cv2.INTER_AREA)
    if (w, h) != (width, height):
        rx, ry = width / w, height / h
        affine = compose(affine, np.array([[rx, 0, (rx - 1) / 2], [0, ry, (ry - 1) / 2]]))
    size = np.broadcast_to(size, 2).tolist()
    return cv2.warpAffine(image, affine, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=fill)


def _halvings(affine):
    """How many times a picture may be halved before ``affine`` without a loss."""
    return max(0, math.floor(1e-6 - math.log2(max(affine_scale(affine), 1e-6))))
