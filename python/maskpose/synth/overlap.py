"""How far a pose pushes fingers into each other or through the palm: bones with flesh round them, as capsules."""

import numpy as np

from maskpose.keypoints import FINGERS
from maskpose.synth.arrays import Floats
from maskpose.synth.compiling import compiled

RADII = {"thumb": (0.012, 0.0105, 0.009), "index": (0.0095, 0.0085, 0.0075), "middle": (0.0095, 0.0085, 0.0075),
         "ring": (0.009, 0.008, 0.007), "little": (0.008, 0.007, 0.0065)}  # metres, for PALM_SPAN  # fmt: skip
METACARPAL = 0.010
PALM_SPAN = 0.075  # metres from wrist to middle knuckle

_BONES = [(joints[n], joints[n + 1]) for joints in FINGERS.values() for n in range(3)]
_PALM = [(0, joints[0]) for finger, joints in FINGERS.items() if finger != "thumb"]
_ENDS = np.array(_BONES + _PALM)
_RADII = np.array([radius for finger in FINGERS for radius in RADII[finger]] + [METACARPAL] * 4)
_FINGER = np.array([n // 3 for n in range(15)] + [5] * 4)
# A bone at a finger's base may touch anything; others may meet neither other fingers nor the palm.
_FREE = np.array([n % 3 > 0 for n in range(15)] + [False] * 4)


def deepest(keypoints: Floats) -> float:
    """Metres of the deepest overlap in a hand of ``keypoints`` (21, 3), 0 where there is none."""
    scale = np.linalg.norm(keypoints[9] - keypoints[0]) / PALM_SPAN
    starts, ends = keypoints[_ENDS[:, 0]], keypoints[_ENDS[:, 1]]
    return _deepest(np.ascontiguousarray(starts), np.ascontiguousarray(ends), _RADII * scale, _FINGER, _FREE)


@compiled()
def _deepest(starts, ends, radii, finger, free):
    worst = 0.0
    for i in range(len(starts)):
        for j in range(i):
            if finger[i] != finger[j] and (free[i] or free[j]):
                gap = segment_distance(starts[i], ends[i], starts[j], ends[j])
                worst = max(worst, radii[i] + radii[j] - gap)
    return worst


@compiled()
def segment_distance(a: Floats, b: Floats, c: Floats, d: Floats) -> float:
    """The distance between the segments from ``a`` to ``b`` and from ``c`` to ``d``, (3,) each, not points."""
    u, v, w = b - a, d - c, a - c
    uu, uv, vv, uw, vw = (u * u).sum(), (u * v).sum(), (v * v).sum(), (u * w).sum(), (v * w).sum()
    across = uu * vv - uv * uv
    s = min(max((uv * vw - vv * uw) / across, 0.0), 1.0) if across > 1e-12 * uu * vv else 0.0
    t = (uv * s + vw) / vv
    if t < 0 or t > 1:
        t = min(max(t, 0.0), 1.0)
        s = min(max((uv * t - uw) / uu, 0.0), 1.0)
    gap = w + s * u - t * v
    return np.sqrt((gap * gap).sum())
