"""A hand from frame to frame: detected every n-th time, carried along by optical flow between, smoothed if asked for.

The paper detects "per 2-4 frames" for a higher rate, and smoothed nothing (section 4.1).
"""

import math
from dataclasses import replace

import cv2
import numpy as np

from maskpose import boxes
from maskpose.inference.hand import MIN_DETECTED_KEYPOINTS, THRESHOLD

WINDOW, LEVELS = (21, 21), 3  # of the optical flow: pixels, and halvings of the picture
RETURN = 1.5  # pixels within which a point carried forth and back must come home
ROOM = 1.35  # a region that is followed is this much larger than one for a second look: the hand moves


class Tracker:
    """Gives each frame's hand; made for one film or camera."""

    def __init__(self, predictor, every=1, follow=False, smooth=None):
        """predictor: a Predictor; every: detect in one of so many frames; follow: look only where
        the last hand was, as long as one is found there; smooth: a OneEuro, or None.
        """
        self.predictor, self.every, self.follow, self.smooth = predictor, every, follow, smooth
        self.detections = 0
        self._hand = self._grey = None
        self._since = 0  # frames since the last detection

    def __call__(self, image, seconds):
        """(Hand, detected) of the next frame, (h, w, 3) uint8 BGR, at ``seconds``; detected: False where carried along.

        A carried hand has no heatmaps; a keypoint that was lost has a confidence of 0 until the next detection.
        """
        grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) if self.every > 1 else None
        if self._grey is not None and grey.shape != self._grey.shape:  # another picture altogether
            self._hand = None
        detected = self._hand is None or self._since + 1 >= self.every
        if detected:
            self._hand, self._since = self._detect(image), 0
            self.detections += 1
        else:
            self._hand, self._since = carried(self._hand, self._grey, grey), self._since + 1
        self._grey = grey
        if self.smooth is None:
            return self._hand, detected
        return replace(self._hand, keypoints=self.smooth(self._hand.keypoints, seconds)), detected

    def _detect(self, image):
        if self.follow and self._hand is not None and _is_sure(self._hand):
            height, width = image.shape[:2]
            points = self._hand.keypoints[self._hand.confidences > THRESHOLD]
            hand = self.predictor.predict_region(image, boxes.around(points, width, height, ROOM * boxes.MARGIN))
            if _is_sure(hand):
                return hand
        return self.predictor.predict(image)


def _is_sure(hand):
    return hand.detected() >= MIN_DETECTED_KEYPOINTS


def carried(hand, before, after):
    """A Hand of the frame ``before`` in the frame ``after``, both (h, w) uint8: keypoints by optical flow.

    The mask, and keypoints that the flow loses, move as the other keypoints do on the whole.
    """
    points, kept = flow(before, after, hand.keypoints)
    motion = _common_motion(hand.keypoints[kept], points[kept])
    moved = hand.keypoints @ motion[:, :2].T + motion[:, 2]
    mask = hand.mask
    if mask is not None:
        mask = cv2.warpAffine(mask.astype(np.uint8), motion, mask.shape[::-1], flags=cv2.INTER_NEAREST) > 0
    height, width = after.shape
    keypoints = np.clip(np.where(kept[:, None], points, moved), 0, (width - 1, height - 1))
    confidences = np.where(kept, hand.confidences, 0).astype(np.float32)
    return replace(hand, keypoints=keypoints, confidences=confidences, mask=mask, heatmaps=None)


def flow(before, after, points):
    """Where ``points`` (n, 2) of ``before`` are in ``after``, both (h, w) uint8, and (n,) bool which are found.

    Found: Lucas and Kanade's flow leads there, and from there back.
    """
    if not np.isfinite(points).all():
        return points, np.zeros(len(points), bool)
    start = np.ascontiguousarray(points, np.float32)[:, None]
    forth, there, _ = cv2.calcOpticalFlowPyrLK(before, after, start, None, winSize=WINDOW, maxLevel=LEVELS)
    back, home, _ = cv2.calcOpticalFlowPyrLK(after, before, forth, None, winSize=WINDOW, maxLevel=LEVELS)
    found = (there[:, 0] > 0) & (home[:, 0] > 0) & (np.linalg.norm(back - start, axis=2)[:, 0] < RETURN)
    return forth[:, 0].astype(np.float64), found


def _common_motion(before, after):
    """The 2x3 map, of turn, size and place, that takes ``before`` (n, 2) to ``after``; of too few points, none."""
    if len(before) >= 3:
        motion, _ = cv2.estimateAffinePartial2D(before, after)
        if motion is not None:
            return motion
    shift = (after - before).mean(axis=0) if len(before) else np.zeros(2)
    return np.column_stack([np.eye(2), shift])


class OneEuro:
    """The 1 euro filter (Casiez, Roussel and Vogel, CHI 2012) of a set of points: still when slow, quick when fast."""

    def __init__(self, cutoff=1.5, beta=0.02, speed_cutoff=1.0):
        """cutoff: hertz, of what stands still; beta: how much higher it is per pixel a second; speed_cutoff: hertz."""
        self.cutoff, self.beta, self.speed_cutoff = cutoff, beta, speed_cutoff
        self._points = self._speeds = self._seconds = None

    def __call__(self, points, seconds):
        """``points`` (n, 2) at a time ``seconds``, later than the last, smoothed."""
        if self._points is None or not np.isfinite(self._points).all():
            self._points, self._speeds, self._seconds = points.copy(), np.zeros_like(points), seconds
            return points
        step = max(seconds - self._seconds, 1e-6)
        speeds = (points - self._points) / step
        self._speeds = self._speeds + _share(self.speed_cutoff, step) * (speeds - self._speeds)
        self._points = self._points + _share(self.cutoff + self.beta * np.abs(self._speeds), step) * (
            points - self._points
        )
        self._seconds = seconds
        return self._points.copy()


def _share(cutoff, step):
    """How much of a new value a low-pass filter of ``cutoff`` hertz takes after ``step`` seconds."""
    return 1 / (1 + 1 / (2 * math.pi * cutoff * step))
