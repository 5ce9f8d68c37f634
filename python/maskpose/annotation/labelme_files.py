"""Labels as LabelMe's files, and LabelMe's configuration for labelling hands.

LabelMe's pixels have their corners at integers, ours their centres: half a pixel lies between.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from maskpose.annotation.labels import Label
from maskpose.data.datasets import labelme
from maskpose.errors import InputError
from maskpose.io.files import read_json
from maskpose.io.paths import PathLike
from maskpose.io.values import Where, field, flag_field, json_object, list_field, numbers
from maskpose.keypoints import FINGERS, KEYPOINT_NAMES
from maskpose.visualization.drawing import FINGER_COLOURS, WRIST_COLOUR

VERSION = "5.5.0"  # of LabelMe, whose format this is
UNUSABLE = "unusable"
PREFILLED = "prefilled"
DIGITS = 2  # decimals of a pixel
HAND_COLOUR = (255, 128, 0)  # BGR


def configuration() -> str:
    """Return the YAML for ``labelme --config``: our labels and flags and no others, saved at every step."""
    of_fingers = [FINGER_COLOURS[finger] for finger, keypoints in FINGERS.items() for _ in keypoints]
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


def document(
    label: Label, image: str, size: tuple[int, int], descriptions: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return what LabelMe's file of a label holds, JSON-able.

    Args:
        label: of the image.
        image: name of its file, in the same folder.
        size: its (width, height), pixels.
        descriptions: {keypoint: text}.
    """
    texts = descriptions or {}
    points = [(name, "point", [label[name]]) for name in KEYPOINT_NAMES if name in label]
    polygons = [(labelme.HAND, "polygon", polygon) for polygon in label.get(labelme.HAND, ())]
    shapes = [
        {
            "label": name, "shape_type": kind, "points": _rounded(np.array(places) + 0.5),
            "group_id": None, "description": texts.get(name, ""), "flags": {},
        }
        for name, kind, places in points + polygons
    ]  # fmt: skip
    flags = {side: label.get("side") == side for side in labelme.SIDES} | {UNUSABLE: UNUSABLE in label}
    width, height = size
    return {
        "version": VERSION, "flags": flags, "shapes": shapes, "imagePath": image, "imageData": None,
        "imageHeight": height, "imageWidth": width,
    }  # fmt: skip


def document_text(
    label: Label,
    image: str,
    size: tuple[int, int],
    descriptions: Mapping[str, str] | None = None,
    prefilled: bool = False,
) -> str:
    """Return ``document`` as text.

    Args:
        label: as of ``document``, as are the following.
        image: name of its file.
        size: its (width, height), pixels.
        descriptions: {keypoint: text}.
        prefilled: whether the text keeps a fingerprint of itself for ``is_untouched``.
    """
    made = document(label, image, size, descriptions)
    if prefilled:
        made[PREFILLED] = _fingerprint(made, image)
    return json.dumps(made, indent=1) + "\n"


def is_untouched(path: PathLike) -> bool:
    """Return whether a LabelMe file says exactly what it was prefilled with. LabelMe keeps keys it does not know."""
    found = json_object(read_json(path), path)
    return found.get(PREFILLED) == _fingerprint(found, path)


def _fingerprint(document: dict[str, Any], where: Where) -> str:
    """Return the SHA-256 of a LabelMe document's shapes and flags. Raises InputError if it is not one."""
    shapes = []
    for shape in list_field(document, "shapes", where):
        pairs = list_field(shape, "points", where)
        points = numbers(pairs, (len(pairs), 2), f"{where}, points")
        shapes.append((field(shape, "label", where), _rounded(points)))
    stated = labelme.flags(document, where)
    flags = sorted(name for name in stated if flag_field(stated, name, f"{where}, flags"))
    return hashlib.sha256(json.dumps([shapes, flags]).encode()).hexdigest()


def read_label(path: PathLike, image: str) -> Label:
    """Return the label in the LabelMe file of an image beside it.

    Args:
        path: of the LabelMe file.
        image: name of the image's file.

    Raises:
        InputError: `maskpose data labelme` could not read the file, it is of another image, a keypoint lies outside the
            image, or there is no keypoint or no hand polygon and the image is not flagged as unusable.
    """
    found = read_json(path)
    sample = labelme.sample_from_document(found, path)
    keypoints, visible, polygons = labelme.shapes(found, path)
    if sample.name != image:
        raise InputError(f"{path} is of {sample.name}, not of {image}")
    if (outside := visible & ~sample.visible).any():
        raise InputError(f"{path}: {KEYPOINT_NAMES[outside.argmax()]} lies outside the image")
    points = _rounded(keypoints)
    label: Label = {name: points[k] for k, name in enumerate(KEYPOINT_NAMES) if visible[k]}
    if polygons:
        label[labelme.HAND] = [_rounded(polygon) for polygon in polygons]
    if sample.side:
        label["side"] = sample.side
    if flag_field(labelme.flags(found, path), UNUSABLE, f"{path}, flags"):
        label[UNUSABLE] = True
    elif not visible.any() or not polygons:
        raise InputError(f"{path}: no {'polygon called hand' if visible.any() else 'keypoint'}, and not {UNUSABLE}")
    return label


def _rounded(points: npt.NDArray[np.float64]) -> list[Any]:
    """Return points (n, 2) as lists of numbers of DIGITS decimals."""
    return points.astype(float).round(DIGITS).tolist()
