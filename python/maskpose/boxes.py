"""Parts of a photograph worth a closer look: around a pose, or around each connected part of a mask."""

import math

import cv2
import numpy as np

MARGIN = 1.8  # side of a region in sides of the hand's box; training photographs mostly have 1.5 to 2.4
SECOND_LOOK = 1.8  # the same of a second look, whose square is about keypoints and mask (docs/prediction.md)
SMALLEST_PART = 0.002  # of the picture, below which a connected part of the mask is not called a hand
FEWEST = 3  # keypoints that make a box
SAME_HAND = 0.3  # intersection over union from which on two found hands are one
MOST = 5  # parts of a mask that are looked at


def span(keypoints: np.ndarray, visible: np.ndarray) -> float:
    """The larger side of the tight box of the visible keypoints, of (21, 2) and (21,) bool; 0 where none is visible."""
    points = keypoints[visible]
    return float(np.ptp(points, axis=0).max()) if len(points) else 0.0


def around(points, width, height, margin=MARGIN):
    """The square (x, y, w, h) of whole pixels about ``points`` (n, 2), cut off at the photograph's border.

    Its side is ``margin`` times the larger side of the points' box, so that a hand has the size in it that it has in
    training.
    """
    x, y, side, _ = square(points, margin)
    x0, y0 = np.clip((x, y), 0, (width - 2, height - 2))
    x1, y1 = np.clip((x + side, y + side), (x0 + 2, y0 + 2), (width, height))
    return int(x0), int(y0), int(x1 - x0), int(y1 - y0)


def square(points, margin, least=8):
    """The same, whole: it may reach beyond the photograph's border. Its side is at least ``least`` pixels, and 8."""
    low, high = points.min(axis=0), points.max(axis=0)
    side = math.ceil(max(margin * (high - low).max(), least, 8)) + 1
    x, y = np.rint((low + high - side + 1) / 2).astype(int).tolist()
    return x, y, side, side


def of_hand(hand, threshold, least=0):
    """The square of a maskpose.Hand for a second look: about its keypoints above ``threshold`` and the part
    of its mask there, beyond the photograph's border where it is near, with sides of at least ``least`` pixels.

    Of several parts of the mask it is the one that holds most of those keypoints, of several such the largest. None
    where there is nothing to go by: fewer than three such keypoints, and no mask.
    """
    points = hand.keypoints[hand.confidences > threshold]
    part = part_of(hand, points)
    if part is not None:
        points = np.concatenate([points, corners(part)])
    elif len(points) < FEWEST:
        return None
    return square(points, SECOND_LOOK, least)


def part_of(hand, points):
    """The connected part of a maskpose.Hand's mask, (h, w) bool, that holds most of ``points`` (n, 2).

    Of several such it is the largest; None where there is no mask, or nothing in it.
    """
    found = parts(hand.mask, MOST) if hand.mask is not None else []
    if not found:
        return None
    columns, rows = np.rint(points).astype(int).T
    return max(found, key=lambda one: one[rows, columns].sum())


def apart(hands):
    """Those of ``hands`` (maskpose.Hand) that lie on no surer one: surest first.

    Hands lie on one another if the boxes of their keypoints do, by an intersection over union of SAME_HAND or more or
    by more than half of the smaller one, or if their parts of the masks do.
    """
    kept, parts_kept = [], []
    for hand in sorted(hands, key=lambda hand: hand.score, reverse=True):
        part = part_of(hand, hand.keypoints)
        shared = any(_overlap(part, other) for other in parts_kept)
        if not shared and not any(_same(hand.keypoints, other.keypoints) for other in kept):
            kept.append(hand)
            parts_kept.append(part)
    return kept


def _overlap(part, other):
    """Whether two parts of masks, (h, w) bool or None, have an intersection over union of SAME_HAND or more."""
    if part is None or other is None:
        return False
    return np.count_nonzero(part & other) >= SAME_HAND * np.count_nonzero(part | other)


def _same(points, others):
    """Whether the boxes of two sets of points (n, 2) are of one hand, as ``apart`` says."""
    first, second = (_grown(p.min(axis=0), p.max(axis=0)) for p in (points, others))
    overlap = np.prod(np.maximum(np.minimum(first[1], second[1]) - np.maximum(first[0], second[0]), 0))
    areas = [np.prod(high - low) for low, high in (first, second)]
    return overlap > SAME_HAND * (sum(areas) - overlap) or overlap > 0.5 * min(areas)


def _grown(low, high):
    """A box with a rim of a tenth of its larger side and four pixels, so that folded hands have an area, too."""
    rim = 4 + 0.1 * (high - low).max()
    return low - rim, high + rim


def parts(mask, count):
    """The ``count`` largest connected parts of ``mask`` (h, w) bool, largest first, each as a (h, w) bool mask."""
    _, labels, figures, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    areas = figures[1:, cv2.CC_STAT_AREA]
    large = [n for n in np.argsort(-areas, kind="stable")[:count] if areas[n] >= SMALLEST_PART * mask.size]
    return [labels == n + 1 for n in large]


def corners(mask):
    """(2, 2) top-left and bottom-right pixel of the True ones of ``mask``."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return np.array([[columns[0], rows[0]], [columns[-1], rows[-1]]], float)
