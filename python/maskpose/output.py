"""What a prediction leaves on disk: overlay, heatmap panel, mask, JSON."""

import json

import numpy as np

from maskpose import drawing, images
from maskpose.errors import InputError
from maskpose.files import write_text


def refuse_duplicates(paths):
    """Raise InputError where two photographs would write the same files: those are named by the stem."""
    seen = {}
    for path in paths:
        if seen.setdefault(path.stem, path) is not path:
            raise InputError(f"{seen[path.stem]} and {path} would both write {path.stem}.json: run them apart")


def write_hand(folder, path, image, hand, threshold):
    """Write the files of one photograph into ``folder``.

    path: the photograph's, whose stem names the files; image: (h, w, 3) uint8 BGR; hand: a
    maskpose.predictor.Hand; threshold: of confidence, for a keypoint to be drawn and called detected.
    """
    stem = path.stem
    if hand.heatmaps is not None:
        panel = drawing.heatmap_panel(image, hand.heatmaps, hand.confidences, hand.grid_to_image)
        images.write_image(folder / f"{stem}_heatmaps.png", panel)
    if hand.mask is not None:
        images.write_image(folder / f"{stem}_mask.png", np.where(hand.mask, 255, 0).astype(np.uint8))
    overlay = drawing.overlay(image, hand.keypoints, hand.confidences, threshold, hand.mask)
    images.write_image(folder / f"{stem}_overlay.png", overlay)
    write_text(folder / f"{stem}.json", json_text(describe(path.name, image, hand, threshold)))


def describe(name, image, hand, threshold):
    """The prediction as a JSON-able dict; keypoints is empty where the variant has no pose stage."""
    posed = hand.heatmaps is not None
    return {
        "image": name,
        "width": image.shape[1],
        "height": image.shape[0],
        "threshold": threshold,
        "keypoints": [
            [round(float(x), 2), round(float(y), 2), round(float(confidence), 4)]
            for (x, y), confidence in zip(hand.keypoints, hand.confidences)
            if posed
        ],
        "detected": [bool(confidence > threshold) for confidence in hand.confidences if posed],
    }


def json_text(document):
    """JSON of a dict with a line a key, and a line an element where a value is a list of lists."""
    lines = []
    for key, value in document.items():
        text = json.dumps(value)
        if isinstance(value, list) and value and isinstance(value[0], list):
            text = "[\n  " + ",\n  ".join(map(json.dumps, value)) + "\n ]"
        lines.append(f" {json.dumps(key)}: {text}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def summary(name, hand, threshold):
    """One line for people: how many keypoints pass the threshold, and how much of the picture is hand."""
    found = []
    if hand.heatmaps is not None:
        found.append(f"{(hand.confidences > threshold).sum()} of {len(hand.confidences)} keypoints")
    if hand.mask is not None:
        found.append(f"hand mask {100 * hand.mask.mean():.0f} % of the picture")
    return f"{name}: {', '.join(found)}"
