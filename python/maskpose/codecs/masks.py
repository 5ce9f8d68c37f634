"""Masks: to a sample's bytes, to the network's label, and from its probability. mask_files reads image files."""

import zlib
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from maskpose import geometry
from maskpose.model.variants import IGNORE_LABEL, STRIDE

MASK_THRESHOLD = 0.5  # probability of hand above which a pixel is hand
MASK_STEP = 4  # input pixels between the samples that the mask label counts: four in a cell
WHITE = 255

BoolMask = npt.NDArray[np.bool_]


def more_than_half(levels: npt.NDArray[Any], white: int = WHITE) -> BoolMask:
    """Return which levels, 0 to ``white``, are brighter than half: where a resampled mask is hand."""
    return levels > white // 2


def mask_label(
    mask: npt.NDArray[np.uint8] | None,
    affine: npt.NDArray[np.float64],
    size: int,
    unknown: npt.NDArray[np.uint8] | None = None,
) -> npt.NDArray[np.float32]:
    """Return the mask stage's label of a sample.

    Args:
        mask: (h, w) uint8, 255 on the hand, 0 elsewhere. None: the mask is not known, and the label is 255 everywhere.
        affine: 2x3, image to network input.
        size: m, the side of the input, pixels.
        unknown: (h, w) uint8, 255 on pixels that may be hand or not. None: there are none.

    Returns:
        (m/8, m/8) float32: 1 where the hand covers more than half of the cell; 255, which no loss counts, where it
        would if the cell's unknown pixels were hand; else 0.
    """
    cells = size // STRIDE
    if mask is None:
        return np.full((cells, cells), IGNORE_LABEL, np.float32)
    label = _mostly(mask, affine, size).astype(np.float32)
    if unknown is not None:
        label[_mostly(mask | unknown, affine, size) & (label == 0)] = IGNORE_LABEL
    return label


def _mostly(pixels: npt.NDArray[np.uint8], affine: npt.NDArray[np.float64], size: int) -> BoolMask:
    """Return the cells (m/8, m/8) of which more than half is 255 in ``pixels`` (h, w) of 0 and 255."""
    warped = geometry.warp(pixels, geometry.compose(geometry.scale_affine(1 / MASK_STEP), affine), size // MASK_STEP, 0)
    return more_than_half(cv2.resize(warped, (size // STRIDE,) * 2, interpolation=cv2.INTER_AREA))  # of rounded means


def mask_from_probability(
    probability: npt.NDArray[np.float32], grid_to_image: npt.NDArray[np.float64], width: int, height: int
) -> BoolMask:
    """Enlarge the network's probability of hand to a mask.

    Args:
        probability: (m', m') of the grid's cells.
        grid_to_image: 2x3, cells to the image's pixels.
        width: of the image, pixels.
        height: of the image, pixels.

    Returns:
        (height, width) bool: where the probability is above MASK_THRESHOLD.
    """
    full = cv2.warpAffine(
        probability, grid_to_image, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return full > MASK_THRESHOLD


def pack_mask(hand: BoolMask) -> bytes:
    """Return the bytes that hold a mask (h, w) in a sample: its bits, row after row, compressed by zlib."""
    return zlib.compress(np.packbits(hand).tobytes())
