"""Whether there is a hand, and where to look for one that the pass over the whole image did not find.

The paper's images all show one large hand; none of this is in it.
"""

import math

import numpy as np

TILE = 0.45  # side of a tile, of the image's larger side
STRIDE = 0.7  # from one tile to the next at most, of a tile's side: hands of 0.3 of it lie whole in one


def tiles(width: int, height: int) -> list[tuple[int, int, int, int]]:
    """Overlapping squares (x, y, w, h) of whole pixels that cover a width x height image, row by row.

    They reach from border to border, evenly spread. Where the image is lower (narrower) than a tile, so are the tiles.
    """
    side = max(1, round(TILE * max(width, height)))
    columns, rows = (_starts(length, side) for length in (width, height))
    return [(x, y, min(side, width), min(side, height)) for y in rows for x in columns]


def _starts(length: int, side: int) -> list[int]:
    """Where tiles of ``side`` begin along ``length`` pixels."""
    rest = max(0, length - side)
    count = math.ceil(rest / (STRIDE * side)) + 1
    return np.rint(np.linspace(0, rest, count)).astype(int).tolist()


def score(confidences: np.ndarray) -> float:
    """How sure it is that there is a hand, 0 to 1: the mean of the keypoints' confidences, each cut to 0 to 1.

    confidences: (21,), or (…,) of whatever else tells of a hand; NaN counts as 0.
    """
    values = np.clip(np.nan_to_num(np.asarray(confidences, float)), 0, 1)
    return float(values.mean()) if values.size else 0.0
