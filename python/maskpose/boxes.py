"""Squares about keypoints, and the connected regions of a mask.

Points are (x, y) in the image's pixels, pixel centres at integers. A ``Box`` is whole pixels.
"""

import math
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

MARGIN = 1.8  # side of a crop in sides of the hand's box; training images mostly have 1.5 to 2.4
MAX_REGIONS = 5  # connected regions of the mask that are compared
SMALLEST_REGION = 0.002  # of the image's pixels: a smaller connected region of a mask is no hand

Box: TypeAlias = tuple[int, int, int, int]  # left, top, width, height


def span(keypoints: npt.NDArray[np.floating], visible: npt.NDArray[np.bool_]) -> float:
    """Return the larger side in pixels of the tight box of the visible keypoints, 0 if none is visible.

    Args:
        keypoints: (21, 2).
        visible: (21,).
    """
    points = keypoints[visible]
    return float(np.ptp(points, axis=0).max()) if len(points) else 0.0


def around(points: npt.NDArray[np.floating], width: int, height: int, margin: float = MARGIN) -> Box:
    """Return the square about ``points``, cut off at the border of a width x height image.

    Args:
        points: (n, 2), at least one.
        width: of the image, pixels.
        height: of the image, pixels.
        margin: the square's side in larger sides of the points' box. With the default a hand has the size in the crop
            that it has in training.
    """
    x, y, side, _ = square(points, margin)
    x0, y0 = np.clip((x, y), 0, (width - 2, height - 2))
    x1, y1 = np.clip((x + side, y + side), (x0 + 2, y0 + 2), (width, height))
    return int(x0), int(y0), int(x1 - x0), int(y1 - y0)


def square(points: npt.NDArray[np.floating], margin: float, min_side: int = 8) -> Box:
    """Return the whole square about ``points``: it may reach beyond the image's border.

    Args:
        points: (n, 2), at least one.
        margin: as in ``around``.
        min_side: pixels that the side has at least; below 8 it is 8.
    """
    low, high = points.min(axis=0), points.max(axis=0)
    side = math.ceil(max(margin * (high - low).max(), min_side, 8)) + 1
    x, y = np.rint((low + high - side + 1) / 2).astype(int).tolist()
    return x, y, side, side


def connected_regions(mask: npt.NDArray[np.bool_], count: int) -> list[npt.NDArray[np.bool_]]:
    """Return the ``count`` largest connected regions of a mask (h, w), largest first, each as a mask (h, w).

    Regions below SMALLEST_REGION of the mask's pixels are left out.
    """
    _, labels, statistics, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    areas = statistics[1:, cv2.CC_STAT_AREA]
    large = [n for n in np.argsort(-areas, kind="stable")[:count] if areas[n] >= SMALLEST_REGION * mask.size]
    return [labels == n + 1 for n in large]


def region_with_most(
    mask: npt.NDArray[np.bool_] | None, points: npt.NDArray[np.floating]
) -> npt.NDArray[np.bool_] | None:
    """The connected region of a mask (h, w) that holds most of ``points`` (n, 2), as a mask (h, w).

    Of regions with equally many points it is the largest. None if there is no mask, or nothing in it.
    """
    regions = connected_regions(mask, MAX_REGIONS) if mask is not None else []
    if not regions:
        return None
    columns, rows = np.rint(points).astype(int).T
    return max(regions, key=lambda region: region[rows, columns].sum())


def corners(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Return the top-left and the bottom-right pixel, (2, 2), of the box about the True pixels of a mask (h, w)."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return np.array([[columns[0], rows[0]], [columns[-1], rows[-1]]], float)
