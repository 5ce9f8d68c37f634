"""What the network found in one image."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from maskpose.errors import InputError
from maskpose.io.images import as_image
from maskpose.model.variants import NUM_KEYPOINTS
from maskpose.visualization import drawing

THRESHOLD = 0.2  # confidence above which a keypoint is detected, the paper's
MIN_DETECTED_KEYPOINTS = NUM_KEYPOINTS // 3  # with fewer, a region of the mask is no hand beside others


@dataclass(repr=False)
class Hand:
    """What the network found in one image, in the image's own pixels, pixel centres at integers.

    >>> import numpy as np
    >>> keypoints = np.linspace((10, 20), (90, 80), 21)
    >>> confidences = np.array([0.9] * 15 + [0.1] * 6, np.float32)
    >>> hand = Hand(keypoints, confidences, mask=None, heatmaps=None, grid_to_image=np.eye(2, 3))
    >>> hand, hand.detected(threshold=0.95)
    (<Hand: 15 of 21 keypoints>, 0)
    >>> bool(hand.draw(np.zeros((100, 100, 3), np.uint8)).any())
    True
    """

    keypoints: npt.NDArray[np.float64]  # (21, 2), x and y of the best position; NaN without a pose stage
    confidences: npt.NDArray[np.float32]  # (21,), about 0 to 1
    mask: npt.NDArray[np.bool_] | None  # (h, w); None without a mask stage
    heatmaps: npt.NDArray[np.float32] | None  # (22, m/8, m/8); with the pyramid, the maximum over its levels
    grid_to_image: npt.NDArray[np.float64]  # (2, 3), from heatmap cells to pixels
    score: float = 1.0  # how certain it is that there is a hand, 0 to 1: maskpose.inference.search.score
    present: bool = True  # whether ``score`` reaches the predictor's threshold; False: no hand was found

    def detected(self, threshold: float = THRESHOLD) -> int:
        """Return how many of the 21 keypoints have a confidence above ``threshold``."""
        return int((self.confidences > threshold).sum())

    def draw(self, image: npt.NDArray[np.uint8], threshold: float = THRESHOLD) -> npt.NDArray[np.uint8]:
        """Return a copy of the hand's image with mask and keypoints drawn over it; unchanged if no hand was found.

        Args:
            image: (h, w, 3) BGR.
            threshold: only keypoints with a confidence above it are drawn.

        Raises:
            InputError: the array has another shape or type, or another size than the mask.
        """
        image = as_image(image)
        if self.mask is not None and self.mask.shape != image.shape[:2]:
            (height, width), (h, w) = self.mask.shape, image.shape[:2]
            raise InputError(f"expected the image of {width} x {height} pixels that the hand is of, not {w} x {h}")
        if not self.present:
            return image.copy()
        return drawing.overlay(image, self.keypoints, self.confidences, threshold, self.mask)

    def summary(self, threshold: float = THRESHOLD) -> str:
        """Return in a few words how many keypoints are detected, and the hand's share of the image."""
        if not self.present:
            return f"no hand found (score {self.score:.2f})"
        words = []
        if np.isfinite(self.keypoints).all():
            words.append(f"{self.detected(threshold)} of {NUM_KEYPOINTS} keypoints")
        if self.mask is not None:
            words.append(f"hand mask {100 * self.mask.mean():.0f} % of the image")
        return ", ".join(words)

    def __repr__(self) -> str:
        return f"<Hand: {self.summary()}>"
