"""What the network found in one image."""

from dataclasses import dataclass

import numpy as np

from maskpose.errors import InputError
from maskpose.io import images
from maskpose.model.variants import KEYPOINTS
from maskpose.visualization import drawing

THRESHOLD = 0.2  # of a keypoint's confidence, the paper's
MIN_DETECTED_KEYPOINTS = KEYPOINTS // 3  # above THRESHOLD, that make a part of the mask a hand among several


@dataclass(repr=False)
class Hand:
    """What the network found in one photograph, in the photograph's own pixels."""

    keypoints: np.ndarray  # (21, 2) float64, x and y of the best position; NaN without a pose stage
    confidences: np.ndarray  # (21,) float32, about 0 to 1
    mask: np.ndarray | None  # (h, w) bool; None without a mask stage
    heatmaps: np.ndarray | None  # (22, m/8, m/8) float32; over the pyramid: the levels' maximum
    grid_to_image: np.ndarray  # 2x3, heatmap cells to pixels
    score: float = 1.0  # 0 to 1: whether this is a hand at all, maskpose.inference.search.score
    present: bool = True  # whether ``score`` reaches the predictor's threshold; False: no hand was found

    def detected(self, threshold: float = THRESHOLD) -> int:
        """How many of the 21 keypoints have a confidence above ``threshold``."""
        return int((self.confidences > threshold).sum())

    def draw(self, image, threshold=THRESHOLD):
        """``image`` (h, w, 3) uint8 BGR with the mask and the keypoints above ``threshold`` drawn over it.

        Where no hand was found it is the image as it is.
        Raises InputError for an array of another shape or type, and for a picture of another size than the mask's.
        """
        image = images.as_image(image)
        if self.mask is not None and self.mask.shape != image.shape[:2]:
            (height, width), (h, w) = self.mask.shape, image.shape[:2]
            raise InputError(f"expected the picture of {width} x {height} pixels that the hand is of, not {w} x {h}")
        if not self.present:
            return image.copy()
        return drawing.overlay(image, self.keypoints, self.confidences, threshold, self.mask)

    def summary(self, threshold=THRESHOLD):
        """In a few words: how many keypoints are above ``threshold``, and how much of the picture is hand."""
        if not self.present:
            return f"no hand found (score {self.score:.2f})"
        found = []
        if np.isfinite(self.keypoints).all():
            found.append(f"{self.detected(threshold)} of {KEYPOINTS} keypoints")
        if self.mask is not None:
            found.append(f"hand mask {100 * self.mask.mean():.0f} % of the picture")
        return ", ".join(found)

    def __repr__(self):
        return f"<Hand: {self.summary()}>"
