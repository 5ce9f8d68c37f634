"""What a person says about one photograph: a dict of parts, which are compared and corrected one by one.

{"wrist": [x, y], … "little_4": [x, y], "hand": [[[x, y], …], …], "side": "left", "unusable": true}: keypoints and the
mask's polygons in the photograph's pixels, centres at integers, to a hundredth. What is not visible or not known is not
there.
"""

import math

import numpy as np

from maskpose.keypoints import KEYPOINT_NAMES


def changes(before, after):
    """{part: (its value before, its value after)} of what two labels differ in; None: not there."""
    parts = sorted(before.keys() | after.keys())
    return {part: (before.get(part), after.get(part)) for part in parts if before.get(part) != after.get(part)}


def correct(label, part, value):
    """Set a part of ``label``, or take it out where ``value`` is None."""
    label.pop(part, None)
    if value is not None:
        label[part] = value


def moved_by(part, before, after):
    """How many pixels a keypoint was moved by; None for another part, and for one that came or went."""
    if part not in KEYPOINT_NAMES or before is None or after is None:
        return None
    return math.dist(before, after)


def keypoint_arrays(label):
    """(keypoints (21, 2) float64, NaN where not visible; visible (21,) bool) of a label."""
    keypoints = np.array([label.get(name, (np.nan, np.nan)) for name in KEYPOINT_NAMES], float)
    return keypoints, np.isfinite(keypoints[:, 0])
