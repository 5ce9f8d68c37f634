"""The paper's test-time pyramid (section 3.3, Inference): ever smaller random crops, the best answer wins."""

import numpy as np

SMALLEST = 50  # pixels, the smaller side of the last level
LARGEST_CUT = 0.1  # of the photograph's width, cut off from one level to the next


def crops(width, height, seed, count=None, centred=False):
    """[(x, y, w, h)] in whole pixels: the photograph itself, then each level a random crop of the one before.

    A level is narrower than the one before by a random 1 to 0.1 x width pixels, keeps the photograph's
    shape, and lies anywhere within the one before. The last has a smaller side of at least 50 pixels; a
    photograph smaller than that is its only level. The same seed gives the same crops. ``count``: no more levels
    than that. ``centred``: nothing is random; each level is narrower by 0.1 x width and in the photograph's middle.
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


def most_confident_level(points, confidences):
    """Each keypoint's most confident level: points (levels, K, 2), confidences (levels, K) to (K, 2), (K,)."""
    best = confidences.argmax(axis=0)
    joints = np.arange(confidences.shape[1])
    return points[best, joints], confidences[best, joints]
