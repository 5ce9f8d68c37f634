"""A hand from frame to frame: detected in every n-th frame, carried along by optical flow between, perhaps smoothed.

The paper detects "per 2-4 frames" for a higher rate, and does not smooth (section 4.1).
"""

from dataclasses import replace
from typing import Any, Protocol

import cv2
import numpy as np
import numpy.typing as npt

from maskpose import boxes
from maskpose.boxes import Box
from maskpose.inference.hand import MIN_DETECTED_KEYPOINTS, THRESHOLD, Hand
from maskpose.inference.one_euro import OneEuro

WINDOW, LEVELS = (21, 21), 3  # of the optical flow: pixels, and halvings of the image
MAX_RETURN = 1.5  # pixels that a point may be off after flowing to the next frame and back
FOLLOW_MARGIN = 1.35 * boxes.MARGIN  # of the region in which a hand is followed: larger than a crop, as the hand moves


class HandFinder(Protocol):
    """What a Tracker needs of a maskpose.Predictor."""

    def predict(self, image: npt.NDArray[np.uint8], /) -> Hand:
        """Return the hand in an image."""
        ...

    def predict_region(self, image: npt.NDArray[np.uint8], region: Box, /) -> Hand:
        """Return the hand in a region of an image."""
        ...


class Tracker:
    """Finds the hand in each frame of one film or camera."""

    def __init__(self, predictor: HandFinder, every: int = 1, follow: bool = False, smooth: OneEuro | None = None):
        """Begin a film.

        Args:
            predictor: a maskpose.Predictor.
            every: detect the hand in one of this many frames.
            follow: detect in the region of the last hand alone, as long as a hand is found there.
            smooth: smooths the keypoints. None: they stay as they are.
        """
        self.predictor, self.every, self.follow, self.smooth = predictor, every, follow, smooth
        self.detections = 0
        self._hand: Hand | None = None
        self._grey: npt.NDArray[np.uint8] | None = None
        self._since = 0  # frames since the last detection

    def __call__(self, image: npt.NDArray[np.uint8], seconds: float) -> tuple[Hand, bool]:
        """Find the hand in the next frame.

        Args:
            image: (h, w, 3) BGR.
            seconds: time of the frame.

        Returns:
            The hand, and whether it was detected. If not, it was carried along: it has no heatmaps, and a keypoint that
            was lost has a confidence of 0 until the next detection.
        """
        grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8) if self.every > 1 else None
        before = self._grey
        if before is not None and grey is not None and grey.shape != before.shape:
            self._hand = None  # another film altogether
        if self._hand is None or before is None or grey is None or self._since + 1 >= self.every:
            hand, detected, self._since = self._detect(image), True, 0
            self.detections += 1
        else:
            hand, detected, self._since = carry_hand(self._hand, before, grey), False, self._since + 1
        self._hand, self._grey = hand, grey
        if self.smooth is not None:
            hand = replace(hand, keypoints=self.smooth(hand.keypoints, seconds))
        return hand, detected

    def _detect(self, image: npt.NDArray[np.uint8]) -> Hand:
        if self.follow and self._hand is not None and _is_certain(self._hand):
            height, width = image.shape[:2]
            points = self._hand.keypoints[self._hand.confidences > THRESHOLD]
            hand = self.predictor.predict_region(image, boxes.around(points, width, height, FOLLOW_MARGIN))
            if _is_certain(hand):
                return hand
        return self.predictor.predict(image)


def _is_certain(hand: Hand) -> bool:
    return hand.detected() >= MIN_DETECTED_KEYPOINTS


def carry_hand(hand: Hand, before: npt.NDArray[np.uint8], after: npt.NDArray[np.uint8]) -> Hand:
    """Return the hand of one frame in a later one, its keypoints moved by optical flow.

    The mask and the keypoints that the flow loses move by the common motion of the other keypoints.

    Args:
        hand: of the frame ``before``.
        before: (h, w) grey.
        after: (h, w) grey.
    """
    points, kept = optical_flow(before, after, hand.keypoints)
    motion = _common_motion(hand.keypoints[kept], points[kept])
    moved = hand.keypoints @ motion[:, :2].T + motion[:, 2]
    mask = hand.mask
    if mask is not None:
        mask = cv2.warpAffine(mask.astype(np.uint8), motion, mask.shape[::-1], flags=cv2.INTER_NEAREST) > 0
    height, width = after.shape
    keypoints = np.clip(np.where(kept[:, None], points, moved), 0, (width - 1, height - 1))
    confidences = np.where(kept, hand.confidences, 0).astype(np.float32)
    return replace(hand, keypoints=keypoints, confidences=confidences, mask=mask, heatmaps=None)


def optical_flow(
    before: npt.NDArray[np.uint8], after: npt.NDArray[np.uint8], points: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Follow points by Lucas and Kanade's optical flow.

    Args:
        before: (h, w) grey.
        after: (h, w) grey.
        points: (n, 2) pixels of ``before``.

    Returns:
        The points (n, 2) in ``after``, and (n,) whether each was found: its flow back ends where it began.
    """
    if not np.isfinite(points).all():
        return points, np.zeros(len(points), bool)
    start = np.ascontiguousarray(points, np.float32)[:, None]
    forward, is_forward, _ = _lucas_kanade(before, after, start)
    backward, is_backward, _ = _lucas_kanade(after, before, forward)
    is_back = np.linalg.norm(backward - start, axis=2)[:, 0] < MAX_RETURN
    return forward[:, 0].astype(np.float64), (is_forward[:, 0] > 0) & (is_backward[:, 0] > 0) & is_back


def _lucas_kanade(before: Any, after: Any, points: Any) -> Any:
    unknown: Any = None  # where the points are: OpenCV begins at their old places
    return cv2.calcOpticalFlowPyrLK(before, after, points, unknown, winSize=WINDOW, maxLevel=LEVELS)


def _common_motion(before: npt.NDArray[np.float64], after: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the 2x3 map of rotation, scale and shift from ``before`` (n, 2) to ``after``; of few points, the shift."""
    if len(before) >= 3:
        motion, _ = cv2.estimateAffinePartial2D(before, after)
        if motion is not None:
            return np.asarray(motion, np.float64)
    shift = (after - before).mean(axis=0) if len(before) else np.zeros(2)
    return np.column_stack([np.eye(2), shift])
