"""Keypoints by MediaPipe's hand landmark model, the peer that people would take today."""

import cv2
import numpy as np
from tqdm import tqdm

from maskpose.errors import InputError
from maskpose.predictions import Predictions


def predict(samples, confidence=0.5):
    """Predictions of MediaPipe's full model on ``samples``: of one hand, the photograph taken by itself.

    confidence: least of its detection, 0 to 1. Raises InputError where MediaPipe is not installed.
    """
    try:
        import mediapipe
    except ImportError:
        raise InputError("MediaPipe is missing here: `make mediapipe` gives it an environment of its own") from None
    predictor, found_hands = f"MediaPipe {mediapipe.__version__}", {}
    options = {"static_image_mode": True, "max_num_hands": 1, "min_detection_confidence": confidence}
    with mediapipe.solutions.hands.Hands(model_complexity=1, **options) as hands:
        for sample in tqdm(samples, desc=predictor, unit="image", dynamic_ncols=True):
            image = sample.decode_image()
            height, width = image.shape[:2]
            found = hands.process(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
            if found.multi_hand_landmarks:
                points = np.array([(mark.x, mark.y) for mark in found.multi_hand_landmarks[0].landmark])
                score = found.multi_handedness[0].classification[0].score
                keypoints = points * (width, height) - 0.5  # its pixels' edges are at integers, ours their centres
                found_hands[sample.name] = keypoints, np.full(len(points), score)
    return Predictions.of_hands(predictor, found_hands, names_all=False)
