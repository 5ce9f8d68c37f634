"""Whether there is a hand, and the tiles in which a small hand is searched for.

The paper has neither: all of its images show one large hand.
"""

import math

import numpy as np
import numpy.typing as npt

from maskpose.boxes import Box

TILE = 0.45  # side of a tile in larger sides of the image
STRIDE = 0.7  # largest step from one tile to the next in sides of a tile: hands of 0.3 of it lie whole in one


def tiles(width: int, height: int) -> list[Box]:
    """Return overlapping squares that cover a width x height image in equal steps, row by row, in pixels.

    If the image is lower (narrower) than a tile, the tiles have its height (width).
    """
    side = max(1, round(TILE * max(width, height)))
    columns, rows = (_tile_starts(length, side) for length in (width, height))
    return [(x, y, min(side, width), min(side, height)) for y in rows for x in columns]


def _tile_starts(length: int, side: int) -> list[int]:
    """Return the first pixel of each tile of ``side`` pixels along ``length`` pixels."""
    rest = max(0, length - side)
    count = math.ceil(rest / (STRIDE * side)) + 1
    return np.rint(np.linspace(0, rest, count)).astype(int).tolist()


def score(confidences: npt.ArrayLike, mask_probability: npt.ArrayLike = 1.0) -> float:
    """How certain it is that there is a hand, 0 to 1: the mean confidence times the largest probability of the mask.

    Both stages have to agree: a face may resemble some keypoints, but the mask stage seldom takes it for a hand.

    Args:
        confidences: of keypoints, of any shape, each clipped to 0 to 1; NaN counts as 0.
        mask_probability: of a hand, of any shape, 0 to 1; left out for a variant without a mask stage.
    """
    values = np.clip(np.nan_to_num(np.asarray(confidences, float)), 0, 1)
    return float(values.mean() * np.max(mask_probability)) if values.size else 0.0
