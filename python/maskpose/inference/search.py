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


def score(confidences: npt.ArrayLike) -> float:
    """How certain it is that there is a hand, 0 to 1: the mean of the confidences, each clipped to 0 to 1.

    Args:
        confidences: (21,) of keypoints, or of any shape for a variant without a pose stage; NaN counts as 0.
    """
    values = np.clip(np.nan_to_num(np.asarray(confidences, float)), 0, 1)
    return float(values.mean()) if values.size else 0.0
