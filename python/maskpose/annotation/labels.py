"""What a person says about one image: a dict of parts, which are compared and corrected one by one.

{"wrist": [x, y], … "little_4": [x, y], "hand": [[[x, y], …], …], "side": "left", "unusable": true}: keypoints and the
mask's polygons in the image's pixels, pixel centres at integers, to a hundredth. A part that is not visible or not
known is missing.
"""

import math
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from maskpose.keypoints import KEYPOINT_NAMES

Label: TypeAlias = dict[str, Any]


def changes(before: Label, after: Label) -> dict[str, tuple[Any, Any]]:
    """Return {part: (its value before, its value after)} of the parts that differ; None stands for a missing part."""
    parts = sorted(before.keys() | after.keys())
    return {part: (before.get(part), after.get(part)) for part in parts if before.get(part) != after.get(part)}


def correct(label: Label, part: str, value: Any) -> None:
    """Set a part of ``label``, or remove it if ``value`` is None."""
    label.pop(part, None)
    if value is not None:
        label[part] = value


def moved_by(part: str, before: Any, after: Any) -> float | None:
    """Return how far a keypoint was moved, pixels; None for another part, and for one that was added or removed."""
    if part not in KEYPOINT_NAMES or before is None or after is None:
        return None
    return math.dist(before, after)


def keypoint_arrays(label: Label) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Return the keypoints (21, 2) of a label, NaN if not visible, and which are visible, (21,)."""
    keypoints = np.array([label.get(name, (np.nan, np.nan)) for name in KEYPOINT_NAMES], float)
    return keypoints, np.isfinite(keypoints[:, 0])
