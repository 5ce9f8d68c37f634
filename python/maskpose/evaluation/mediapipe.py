"""Keypoints by MediaPipe's hand landmark model, which scores are compared with."""

from collections.abc import Iterable
from importlib import metadata
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from maskpose.data.sample import Sample
from maskpose.errors import InputError
from maskpose.evaluation.predictions import Predictions
from maskpose.io.progress import progress_bar


def predict_with_mediapipe(samples: Iterable[Sample], confidence: float = 0.5) -> Predictions:
    """Return MediaPipe's predictions on samples, one hand each; arguments and errors as ``open_model``'s."""
    hands = {}
    with open_model(confidence) as model:
        predictor = f"MediaPipe {metadata.version('mediapipe')}"
        for sample in progress_bar(samples, desc=predictor, unit="image"):
            if hand := find_hand(model, sample.decode_image()):
                hands[sample.name] = hand
    return Predictions.from_hands(predictor, hands, names_all=False)


def open_model(confidence: float = 0.5) -> Any:
    """Return MediaPipe's full model for one hand in single images, a context manager.

    Args:
        confidence: from which on its detection counts, 0 to 1.

    Raises:
        InputError: MediaPipe is not installed.
    """
    try:
        import mediapipe  # pyright: ignore[reportMissingImports]  # it has an environment of its own
    except ImportError:
        raise InputError("MediaPipe is missing here: `make mediapipe` gives it an environment of its own") from None
    options = {"static_image_mode": True, "max_num_hands": 1, "min_detection_confidence": confidence}
    solutions = mediapipe.solutions  # pyright: ignore[reportAttributeAccessIssue]
    return solutions.hands.Hands(model_complexity=1, **options)


def find_hand(
    model: Any, image: npt.NDArray[np.uint8]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | None:
    """Return keypoints (21, 2) in pixels and confidences (21,) of the hand in an image (h, w, 3) BGR, or None."""
    found = model.process(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
    if not found.multi_hand_landmarks:
        return None
    points = np.array([(mark.x, mark.y) for mark in found.multi_hand_landmarks[0].landmark])
    score = found.multi_handedness[0].classification[0].score
    # the edges of MediaPipe's pixels are at integers, the centres of ours
    return points * image.shape[1::-1] - 0.5, np.full(len(points), score)
