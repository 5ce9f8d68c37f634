"""Labels as LabelMe's files, and LabelMe's configuration for labelling hands.

LabelMe's pixels have their corners at integers, ours their centres: half a pixel lies between.
"""

import hashlib
import json

import numpy as np

from maskpose.data.datasets import labelme
from maskpose.errors import InputError
from maskpose.io.files import read_json
from maskpose.io.values import field, flag_field, json_object, list_field, numbers
from maskpose.keypoints import FINGERS, KEYPOINT_NAMES
from maskpose.visualization.drawing import FINGER_COLOURS, WRIST_COLOUR

VERSION = "5.5.0"  # of LabelMe, whose format this is
UNUSABLE = "unusable"
PREFILLED = "prefilled"
DIGITS = 2  # of a hundredth of a pixel
HAND_COLOUR = (255, 128, 0)  # BGR


def configuration():
    """The text of a YAML file for ``labelme --config``: our labels and flags and no others, saved at every step."""
    of_fingers = [FINGER_COLOURS[finger] for finger, joints in FINGERS.items() for _ in joints]
    colours = zip([*KEYPOINT_NAMES, labelme.HAND], [WRIST_COLOUR, *of_fingers, HAND_COLOUR])
    return "\n".join([
        "# labelme --config labelme.yaml packages/p001",
        "# A keypoint is a point (key P), the hand polygons (Ctrl+N); what cannot be seen is not labelled.",
        "auto_save: true",
        "store_data: false",
        "validate_label: exact",
        "sort_labels: false",
        f"labels: {json.dumps([*KEYPOINT_NAMES, labelme.HAND])}",
        f"flags: {json.dumps([*labelme.SIDES, UNUSABLE])}",
        "shortcuts: {create_point: P}",
        "shape_color: manual",
        "label_colors:",
        *(f"  {name}: {list(bgr[::-1])}" for name, bgr in colours),
    ]) + "\n"  # fmt: skip


def document(label, photograph, size, descriptions=None):
    """What LabelMe's file of a label holds, JSON-able.

    photograph: its file's name, in the same folder; size: its (width, height); descriptions: {keypoint: text}.
    """
    texts = descriptions or {}
    points = [(name, "point", [label[name]]) for name in KEYPOINT_NAMES if name in label]
    polygons = [(labelme.HAND, "polygon", polygon) for polygon in label.get(labelme.HAND, ())]
    shapes = [
        {
            "label": name, "shape_type": kind, "points": (np.array(at) + 0.5).round(DIGITS).tolist(),
            "group_id": None, "description": texts.get(name, ""), "flags": {},
        }
        for name, kind, at in points + polygons
    ]  # fmt: skip
    flags = {side: label.get("side") == side for side in labelme.SIDES} | {UNUSABLE: UNUSABLE in label}
    width, height = size
    return {
        "version": VERSION, "flags": flags, "shapes": shapes, "imagePath": photograph, "imageData": None,
        "imageHeight": height, "imageWidth": width,
    }  # fmt: skip


def document_text(label, photograph, size, descriptions=None, prefilled=False):
    """``document`` as text. prefilled: note in it what it says now, for ``is_untouched``."""
    made = document(label, photograph, size, descriptions)
    if prefilled:
        made[PREFILLED] = _fingerprint(made, photograph)
    return json.dumps(made, indent=1) + "\n"


def is_untouched(path):
    """Whether a LabelMe file says exactly what it was prefilled with. LabelMe keeps keys that it does not know."""
    found = json_object(read_json(path), path)
    return found.get(PREFILLED) == _fingerprint(found, path)


def _fingerprint(document, where):
    """SHA-256, as hexadecimal digits, of the shapes and flags of a LabelMe document. Raises InputError."""
    shapes = []
    for shape in list_field(document, "shapes", where):
        pairs = list_field(shape, "points", where)
        points = numbers(pairs, (len(pairs), 2), f"{where}, points")
        shapes.append((field(shape, "label", where), points.round(DIGITS).tolist()))
    said = labelme.flags(document, where)
    flags = sorted(name for name in said if flag_field(said, name, f"{where}, flags"))
    return hashlib.sha256(json.dumps([shapes, flags]).encode()).hexdigest()


def read_label(path, photograph):
    """The label of a LabelMe file that belongs to a photograph beside it.

    Raises InputError for what data_prep/labelme.py could not read, for a keypoint outside the photograph, and where no
    keypoint or no hand polygon is there, unless the photograph is flagged as unusable.
    """
    found = read_json(path)
    sample = labelme.sample_from_document(found, path)
    keypoints, visible, polygons = labelme.shapes(found, path)
    if sample.name != photograph:
        raise InputError(f"{path} is of {sample.name}, not of {photograph}")
    if (outside := visible & ~sample.visible).any():
        raise InputError(f"{path}: {KEYPOINT_NAMES[outside.argmax()]} lies outside the photograph")
    points = keypoints.astype(float).round(DIGITS).tolist()
    label = {name: points[k] for k, name in enumerate(KEYPOINT_NAMES) if visible[k]}
    if polygons:
        label[labelme.HAND] = [polygon.round(DIGITS).tolist() for polygon in polygons]
    if sample.side:
        label["side"] = sample.side
    if flag_field(labelme.flags(found, path), UNUSABLE, f"{path}, flags"):
        label[UNUSABLE] = True
    elif not visible.any() or not polygons:
        raise InputError(f"{path}: no {'polygon called hand' if visible.any() else 'keypoint'}, and not {UNUSABLE}")
    return label
