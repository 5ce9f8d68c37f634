"""Keypoints that some predictor found, in a file: so that others' can be scored beside ours.

A JSON object: ``{"predictor": "MediaPipe 0.10.21", "hands": {"12.jpg": [[x, y, confidence], … 21], …}}``, pixels of the
photograph, OpenPose's order. A photograph that is not named there had no hand found in it.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from maskpose.errors import InputError
from maskpose.files import read_bytes, write_text
from maskpose.variants import KEYPOINTS


@dataclass
class Predictions:
    """Whose, and {name of the photograph: (keypoints (21, 2) float64, confidences (21,) float64)}."""

    predictor: str
    hands: dict = field(default_factory=dict)

    def write(self, path):
        """Write the file, numbers to three places."""
        hands = {name: np.round(np.column_stack(hand), 3).tolist() for name, hand in self.hands.items()}
        write_text(path, json.dumps({"predictor": self.predictor, "hands": hands}) + "\n")


def read(path):
    """The Predictions of a file. Raises InputError that names the file, and the photograph at fault."""
    try:
        document = json.loads(read_bytes(Path(path)))
        predictor, hands = document["predictor"], document["hands"].items()
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InputError(f"{path} is no file of predictions: expected {{\"predictor\": …, \"hands\": {{…}}}}") from None
    return Predictions(predictor, {name: _hand(path, name, rows) for name, rows in hands})


def _hand(path, name, rows):
    try:
        numbers = np.array(rows, float)
    except (TypeError, ValueError):
        numbers = np.empty(0)
    if numbers.shape != (KEYPOINTS, 3):
        raise InputError(f"{path}: {name} must have {KEYPOINTS} keypoints [x, y, confidence]")
    return numbers[:, :2], numbers[:, 2]
