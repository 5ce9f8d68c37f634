"""Lines in the skin where it folds: across the joints of fingers, and those of the palm."""

import numpy as np
from numba import njit

from maskpose.skeleton import FINGERS


def joint_frames(keypoints):
    """(j, 8) float32 of the joints that crease: place (3), bone's direction (3), reach and strength, at rest."""
    rows = []
    for finger, (base, middle, last, tip) in FINGERS.items():
        for joint, ahead, reach in ((base, middle, 0.016), (middle, last, 0.013), (last, tip, 0.011)):
            along = keypoints[ahead] - keypoints[joint]
            place = keypoints[joint]
            if joint == base:
                if finger == "thumb":
                    continue
                place = place + 0.45 * along  # the fold of the palm's side lies at the web
            along = along / np.linalg.norm(along)
            rows.append([*place, *along, reach, 0.7 if joint == base else 1.0])
    return np.array(rows, np.float32)


@njit(cache=True)
def lines(points, palm, frames, wobble):
    """(k,) float32 depth of the creases, 0 to 1, at ``points`` (k, 3) at rest; ``palm`` and ``wobble`` (k,)."""
    result = np.zeros(points.shape[0], np.float32)
    for i in range(points.shape[0]):
        deepest = 0.0
        for j in range(frames.shape[0]):
            dx = points[i, 0] - frames[j, 0]
            dy = points[i, 1] - frames[j, 1]
            dz = points[i, 2] - frames[j, 2]
            reach = frames[j, 6]
            if dx * dx + dy * dy + dz * dz > reach * reach:
                continue
            along = dx * frames[j, 3] + dy * frames[j, 4] + dz * frames[j, 5] + 0.0004 * wobble[i]
            inner = np.exp(-((along / 0.0006) ** 2)) + 0.6 * np.exp(-(((along - 0.0022) / 0.0005) ** 2))
            ridges = 0.5 + 0.5 * np.cos(along * 2 * np.pi / 0.0019)
            outer = 0.55 * ridges * ridges * np.exp(-((along / 0.0042) ** 2))
            if frames[j, 7] < 1:
                outer *= 0.0
            depth = frames[j, 7] * (palm[i] * inner + (1 - palm[i]) * outer)
            deepest = max(deepest, depth)
        result[i] = min(deepest, 1.0)
    return result
