"""Hands that lie on one another: of each such group the most certain one stays."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from maskpose import boxes
from maskpose.inference.hand import Hand

SAME_HAND_IOU = 0.3  # intersection over union from which on two hands are one


def without_duplicates(hands: Iterable[Hand]) -> list[Hand]:
    """Return the hands, highest score first, without those that lie on a hand with a higher score.

    Two hands lie on one another if the boxes of their keypoints or the regions of their masks have an intersection over
    union of SAME_HAND_IOU or more, or if the intersection of the boxes is more than half of the smaller one.
    """
    kept: list[Hand] = []
    regions: list[npt.NDArray[np.bool_] | None] = []
    for hand in sorted(hands, key=lambda hand: hand.score, reverse=True):
        region = boxes.region_with_most(hand.mask, hand.keypoints)
        on_region = any(_regions_overlap(region, other) for other in regions)
        if not on_region and not any(_boxes_overlap(hand.keypoints, other.keypoints) for other in kept):
            kept.append(hand)
            regions.append(region)
    return kept


def _regions_overlap(region: npt.NDArray[np.bool_] | None, other: npt.NDArray[np.bool_] | None) -> bool:
    """Return whether two regions of masks (h, w) are of one hand; not if one is missing."""
    if region is None or other is None:
        return False
    return bool(np.count_nonzero(region & other) >= SAME_HAND_IOU * np.count_nonzero(region | other))


def _boxes_overlap(points: npt.NDArray[np.floating], others: npt.NDArray[np.floating]) -> bool:
    """Return whether the boxes of two sets of points (n, 2) are of one hand."""
    first, second = (_with_rim(p.min(axis=0), p.max(axis=0)) for p in (points, others))
    overlap = np.prod(np.maximum(np.minimum(first[1], second[1]) - np.maximum(first[0], second[0]), 0))
    areas = [np.prod(high - low) for low, high in (first, second)]
    return bool(overlap > SAME_HAND_IOU * (sum(areas) - overlap) or overlap > 0.5 * min(areas))


def _with_rim(low: npt.NDArray[np.floating], high: npt.NDArray[np.floating]) -> tuple:
    """Return the box, larger by a tenth of its larger side and 4 pixels, so that a folded hand has an area, too."""
    rim = 4 + 0.1 * (high - low).max()
    return low - rim, high + rim
