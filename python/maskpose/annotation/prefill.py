"""Labels that a network makes, for people to correct."""

from collections.abc import Iterator, Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from maskpose import boxes
from maskpose.annotation import labelme_files
from maskpose.data.datasets.labelme import HAND
from maskpose.errors import InputError
from maskpose.inference.hand import THRESHOLD, Hand
from maskpose.inference.image_paths import ImageFile
from maskpose.inference.predictor import Predictor
from maskpose.io.files import write_new_text
from maskpose.io.images import read_color
from maskpose.io.left_out import report_left_out
from maskpose.io.progress import progress_bar
from maskpose.keypoints import KEYPOINT_NAMES

FINER = 4  # how many times finer a mask's outline is followed than its pixels
TOLERANCE = 0.75  # pixels that a polygon may leave the outline by
MOST_POLYGONS = 5  # of a mask


def prefill(predictor: Predictor, images: Sequence[ImageFile], threshold: float = THRESHOLD) -> int:
    """Write a LabelMe file beside each image that has none; return how many were written.

    Each keypoint's confidence is its description. Existing files are never touched, whoever made them, so that a call
    that was stopped can be repeated. Images that cannot be read are named on stderr.

    Args:
        predictor: of a network with masks.
        images: that are labelled.
        threshold: confidence threshold; keypoints that are not above it are left out.

    Raises:
        InputError: no image can be read, and none has a label file.
    """
    waiting = [image for image in images if not image.path.with_suffix(".json").exists()]
    begun: list[ImageFile] = []
    written, read = 0, 0

    def decoded() -> Iterator[npt.NDArray[np.uint8]]:
        for image in waiting:
            try:
                pixels = read_color(image.path)
            except InputError as error:
                report_left_out(error)
                bar.update()
                continue
            begun.append(image)
            yield pixels

    with progress_bar(total=len(waiting), unit="image") as bar:
        for hand in predictor.predict_many(decoded()):
            image = begun.pop(0)
            read += 1
            written += write_new_text(image.path.with_suffix(".json"), label_text(hand, image.path.name, threshold))
            bar.update()
    if not read and len(waiting) == len(images):
        raise InputError("no image that can be read")
    return written


def label_text(hand: Hand, image: str, threshold: float) -> str:
    """Return the text of the LabelMe file of a predicted hand.

    Args:
        hand: with a mask.
        image: name of its file, in the same folder.
        threshold: confidence threshold of the keypoints.

    Raises:
        InputError: the hand has no mask.
    """
    if hand.mask is None:
        raise InputError("labels for people to correct need a network with a mask stage")
    detected = hand.confidences > threshold
    label: dict[str, Any] = {name: hand.keypoints[k].tolist() for k, name in enumerate(KEYPOINT_NAMES) if detected[k]}
    label[HAND] = outlines(hand.mask)
    confidences = {name: f"{hand.confidences[k]:.2f}" for k, name in enumerate(KEYPOINT_NAMES)}
    height, width = hand.mask.shape
    return labelme_files.document_text(label, image, (width, height), confidences, prefilled=True)


def outlines(mask: npt.NDArray[np.bool_]) -> list[list[list[float]]]:
    """Return polygons [[x, y], …] about the largest connected regions of a mask (h, w), holes filled, largest first."""
    polygons = []
    for region in boxes.connected_regions(mask, MOST_POLYGONS):
        fine = np.kron(np.pad(region, 1), np.ones((FINER, FINER), np.uint8)).astype(np.uint8)
        contours, _ = cv2.findContours(fine, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        outline = cv2.approxPolyDP(max(contours, key=cv2.contourArea), TOLERANCE * FINER, closed=True)[:, 0]
        if len(outline) >= 3:
            polygons.append(((outline + 0.5) / FINER - 0.5 - 1).tolist())
    return polygons
