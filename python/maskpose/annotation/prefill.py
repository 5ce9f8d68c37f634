"""Labels that a network makes, for people to correct."""

import sys

import cv2
import numpy as np
from tqdm import tqdm

from maskpose import boxes
from maskpose.annotation import labelme_files
from maskpose.data.datasets.labelme import HAND
from maskpose.errors import InputError
from maskpose.inference.hand import THRESHOLD
from maskpose.io import images
from maskpose.io.files import write_new_text
from maskpose.io.progress import progress_bar
from maskpose.keypoints import KEYPOINT_NAMES

FINER = 4  # how many times finer a mask's outline is followed than its pixels
TOLERANCE = 0.75  # pixels that a polygon may leave the outline by
PARTS = 5  # of a mask, at most


def prefill(predictor, photographs, threshold=THRESHOLD):
    """Write a LabelMe file beside each of [ImageFile] that has none; give how many were written.

    Each keypoint's confidence is its description; those not above ``threshold`` are left out. A file that is there,
    whoever made it, is never touched, so a call that was stopped goes on. Photographs that cannot be read are told on
    stderr. Raises InputError if none can be read and none has a label file.
    """
    waiting = [one for one in photographs if not one.path.with_suffix(".json").exists()]
    begun, written, read = [], 0, 0

    def pictures():
        for one in waiting:
            try:
                image = images.read_color(one.path)
            except InputError as error:
                tqdm.write(f"left out: {error}", file=sys.stderr)
                bar.update()
                continue
            begun.append(one)
            yield image

    with progress_bar(total=len(waiting), unit="photograph") as bar:
        for hand in predictor.predict_many(pictures()):
            one = begun.pop(0)
            read += 1
            written += write_new_text(one.path.with_suffix(".json"), label_text(hand, one.path.name, threshold))
            bar.update()
    if not read and len(waiting) == len(photographs):
        raise InputError("no photograph that can be read")
    return written


def label_text(hand, photograph, threshold):
    """The text of a LabelMe file of a maskpose.Hand that has a mask."""
    shown = hand.confidences > threshold
    label = {name: hand.keypoints[k].tolist() for k, name in enumerate(KEYPOINT_NAMES) if shown[k]}
    label[HAND] = outlines(hand.mask)
    confidences = {name: f"{hand.confidences[k]:.2f}" for k, name in enumerate(KEYPOINT_NAMES)}
    return labelme_files.document_text(label, photograph, hand.mask.shape[::-1], confidences, prefilled=True)


def outlines(mask):
    """[polygon [[x, y], …]] about the larger connected parts of a mask (h, w) bool, holes filled, largest first."""
    polygons = []
    for part in boxes.connected_regions(mask, PARTS):
        fine = np.kron(np.pad(part, 1), np.ones((FINER, FINER), np.uint8)).astype(np.uint8)
        contours, _ = cv2.findContours(fine, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        outline = cv2.approxPolyDP(max(contours, key=cv2.contourArea), TOLERANCE * FINER, closed=True)[:, 0]
        if len(outline) >= 3:
            polygons.append(((outline + 0.5) / FINER - 0.5 - 1).tolist())
    return polygons
