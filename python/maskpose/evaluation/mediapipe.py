"""Keypoints by MediaPipe's hand landmark model, the peer that people would take today."""

from importlib import metadata

import cv2
import numpy as np

from maskpose.errors import InputError
from maskpose.evaluation.predictions import Predictions
from maskpose.io.progress import progress_bar


def predict(samples, confidence=0.5):
    """Predictions on ``samples``: of one hand, the photograph taken by itself; arguments and errors as open_model's."""
    hands = {}
    with open_model(confidence) as model:
        predictor = f"MediaPipe {metadata.version('mediapipe')}"
        for sample in progress_bar(samples, desc=predictor, unit="image"):
            if found := find(model, sample.decode_image()):
                hands[sample.name] = found
    return Predictions.of_hands(predictor, hands, names_all=False)


def open_model(confidence=0.5):
    """MediaPipe's full model for one hand in single photographs, a context manager.

    confidence: least of its detection, 0 to 1. Raises InputError where MediaPipe is not installed.
    """
    try:
        import mediapipe
    except ImportError:
        raise InputError("MediaPipe is missing here: `make mediapipe` gives it an environment of its own") from None
    options = {"static_image_mode": True, "max_num_hands": 1, "min_detection_confidence": confidence}
    return mediapipe.solutions.hands.Hands(model_complexity=1, **options)


def find(model, image):
    """Keypoints (21, 2) in pixels and confidences (21,) of the hand in ``image`` (h, w, 3) uint8 BGR, or None."""
    found = model.process(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
    if not found.multi_hand_landmarks:
        return None
    points = np.array([(mark.x, mark.y) for mark in found.multi_hand_landmarks[0].landmark])
    score = found.multi_handedness[0].classification[0].score
    # its pixels' edges are at integers, ours their centres
    return points * image.shape[1::-1] - 0.5, np.full(len(points), score)
