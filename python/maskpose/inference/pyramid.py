"""The paper's test-time pyramid (section 3.3, Inference): ever smaller random crops; the most confident one counts."""

import numpy as np
import numpy.typing as npt

from maskpose.boxes import Box

SMALLEST = 50  # pixels, the smaller side of the last level
LARGEST_CUT = 0.1  # of the image's width, cut off from one level to the next


def crops(width: int, height: int, seed: int, count: int | None = None, centred: bool = False) -> list[Box]:
    """Return the levels of the pyramid in whole pixels: the image itself, then each level a crop of the one before.

    A level has the image's shape. It is narrower than the one before by a random 1 to 0.1 x width pixels, and lies
    anywhere within it. The last one has a smaller side of at least 50 pixels; an image smaller than that is its only
    level.

    Args:
        width: of the image, pixels.
        height: of the image, pixels.
        seed: the same seed gives the same crops.
        count: how many levels there are at most. None: as many as there can be.
        centred: nothing is random: each level is narrower by 0.1 x width and lies in the middle of the image.
    """
    rng = np.random.default_rng(seed)
    levels = [(0, 0, width, height)]
    x, y, w, h = levels[0]
    largest = max(1, round(LARGEST_CUT * width))
    while count is None or len(levels) < count:
        narrower = w - (largest if centred else int(rng.integers(1, largest + 1)))
        lower = round(narrower * height / width)
        if min(narrower, lower) < SMALLEST:
            break
        if centred:
            x, y = (width - narrower) // 2, (height - lower) // 2
        else:
            x += int(rng.integers(0, w - narrower + 1))
            y += int(rng.integers(0, h - lower + 1))
        w, h = narrower, lower
        levels.append((x, y, w, h))
    return levels


def most_confident_level(
    points: npt.NDArray[np.float64], confidences: npt.NDArray[np.float32]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float32]]:
    """Return position (K, 2) and confidence (K,) of each keypoint on the level where it is most confident.

    Args:
        points: (levels, K, 2) pixels.
        confidences: (levels, K).
    """
    best = confidences.argmax(axis=0)
    keypoints = np.arange(confidences.shape[1])
    return points[best, keypoints], confidences[best, keypoints]
