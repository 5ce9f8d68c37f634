"""LabelMe's JSONs, one a picture: points called as the keypoints are, and polygons called ``hand``.

A keypoint is a ``point`` whose label is a name in ``keypoints`` (wrist, thumb_1 … little_4) or its number, 0 to
20; one that is missing is not visible. Polygons called "hand" together are the mask. A flag ``left`` or ``right`` of
the file says the side. ``imagePath`` is relative to the file, as LabelMe takes it, and may have Windows' backslashes.
"""

import base64
import os
from pathlib import Path, PureWindowsPath

import cv2
import numpy as np

from maskpose.codecs.masks import more_than_half
from maskpose.data.datasets.reading import (
    NOWHERE,
    checked_image_size,
    existing_path,
    field,
    json_file,
    read_entries,
    sample_from_bytes,
)
from maskpose.errors import InputError
from maskpose.io.files import read_bytes
from maskpose.io.printable import short_repr
from maskpose.io.progress import progress_bar
from maskpose.io.values import flag_field, json_object, list_field, numbers, size, text
from maskpose.keypoints import KEYPOINT_NAMES

NAME = "LabelMe"
HAND = "hand"
SIDES = ("left", "right")
FINER = 8  # how many times finer polygons are drawn than their pixels
NUMBERS = {**{name: k for k, name in enumerate(KEYPOINT_NAMES)}, **{str(k): k for k in range(len(KEYPOINT_NAMES))}}


def items(folder):
    """[path] of the JSON files in and below a folder.

    In the place of a file that is broken, or whose picture an earlier one labels, there is an InputError.
    """
    files, known = sorted(map(str, existing_path(folder).rglob("*.json"))), {}
    if not files:
        raise InputError(f"{folder} holds no LabelMe files (<name>.json)")

    def read_file(n, path):
        picture = os.path.realpath(image_path(json_file(path), path))
        if picture in known:
            raise InputError(f"{path}: its photograph is labelled in {known[picture]} already")
        known[picture] = path
        return [path]

    return read_entries(progress_bar(files, desc=str(folder), unit="file", leave=False), read_file)


def read(path, folder=None):
    """The sample of a LabelMe file: the picture that it names, or that is in it. Raises InputError for no shapes.

    folder: what the sample's name is relative to, as ``sample_from_document`` takes it.
    """
    document = json_object(json_file(path), path)
    if not list_field(document, "shapes", path):
        raise InputError(f"{path}: nothing is labelled in it")
    return [sample_from_document(document, path, folder)]


def sample_from_document(document, path, folder=None):
    """The sample of what a LabelMe file ``path`` holds. Raises InputError that names it.

    It is called as its picture is below ``folder``, by default the file's own; one that lies elsewhere as if it were
    beside the file.
    """
    keypoints, visible, polygons = shapes(document, path)
    side = side_of(document, path)
    said = tuple(size(field(document, key, path), f"{path}, {key}") for key in ("imageWidth", "imageHeight"))
    points = np.concatenate([keypoints[visible], *polygons])
    if ((points < -np.array(said)) | (points > 2 * np.array(said))).any():
        raise InputError(f"{path}: a point lies outside its {said[0]}x{said[1]} photograph by more than that is large")
    picture = image_path(document, path)
    if os.path.isfile(picture) or not document.get("imageData"):
        where, image = picture, read_bytes(picture)
    else:
        where, image = f"{path}: imageData", _decoded(document["imageData"], path)
    checked_image_size(image, where, said)  # before a mask of that size is made
    mask = polygon_mask(polygons, said) if polygons else None
    if mask is not None and not mask.any():
        raise InputError(f"{path}: no pixel of the photograph lies in a polygon called {HAND}")
    name = _name(picture, Path(path).parent, Path(path).parent if folder is None else folder)
    return sample_from_bytes(image, where, name, keypoints, visible, mask, said, origin="labelme", side=side)


def image_path(document, path):
    r"""The path of the picture that a LabelMe file ``path`` names. Raises InputError where it names none.

    One of Windows that begins with a drive, C:\\…, is looked for beside the file.
    """
    name = text(field(json_object(document, path), "imagePath", path), f"{path}, imagePath")
    picture = Path(path).parent / name
    if "\\" in name and not os.path.exists(picture):
        windows = PureWindowsPath(name)
        parts = [windows.name] if windows.anchor else windows.parts
        picture = Path(path).parent / os.path.normpath(os.path.join("", *parts))
    return picture


def _name(picture, beside, folder):
    relative = Path(os.path.relpath(picture, folder))
    if ".." in relative.parts:
        relative = Path(os.path.relpath(beside, folder)) / picture.name
    return relative.as_posix()


def _decoded(data, path):
    encoded = text(data, f"{path}, imageData")
    try:
        return base64.b64decode(encoded)
    except ValueError:
        raise InputError(f"{path}: imageData is not base64") from None


def side_of(document, where):
    """The side that a document's flags say, "left" or "right", or "". Raises InputError where they say both."""
    said = [side for side in SIDES if flag_field(flags(document, where), side, f"{where}, flags")]
    if len(said) > 1:
        raise InputError(f"{where}: the flags say left and right")
    return said[0] if said else ""


def flags(document, where):
    """The flags of a LabelMe document, a dict. Raises InputError that names ``where``."""
    return json_object(document.get("flags") or {}, f"{where}, flags")


def shapes(document, where):
    """(keypoints (21, 2) float64, visible (21,) bool, [polygon (n, 2)]) of a LabelMe document.

    LabelMe's pixels have their corners at integers, ours their centres: half a pixel lies between. Raises InputError
    for a shape of another kind or name, and for a keypoint that appears twice.
    """
    keypoints, visible, polygons = np.full((len(KEYPOINT_NAMES), 2), float(NOWHERE)), np.zeros(21, bool), []
    for n, shape in enumerate(list_field(document, "shapes", where)):
        at = f"{where}, shape {n}"
        label = json_object(shape, at).get("label")
        label = str(label) if type(label) is int else text(label, f"{at}, label")
        kind = text(shape.get("shape_type") or "polygon", f"{at}, shape_type")
        pairs = list_field(shape, "points", at)
        points = numbers(pairs, (len(pairs), 2), f"{at}, points") - 0.5
        if kind == "point" and label in NUMBERS:
            k = NUMBERS[label]
            if visible[k]:
                raise InputError(f"{where}: the keypoint {label} appears twice")
            if len(points) != 1:
                raise InputError(f"{at}: a point has one place, not {len(points)}")
            keypoints[k], visible[k] = points[0], True
        elif kind == "polygon" and label == HAND and len(points) >= 3:
            polygons.append(points)
        else:
            raise InputError(
                f"{where}: {kind} {short_repr(label)} is neither a keypoint ({KEYPOINT_NAMES[0]} … "
                f"{KEYPOINT_NAMES[-1]}, or 0 to 20) nor a polygon called {HAND}"
            )
    return keypoints, visible, polygons


def polygon_mask(polygons, size):
    """(h, w) bool: the pixels of which at least half lies in one of the polygons, for a picture of ``size`` (w, h)."""
    width, height = size
    mask = np.zeros((height, width), bool)
    for polygon in polygons:
        x0, y0 = np.clip(np.floor(polygon.min(axis=0)).astype(int), 0, (width - 1, height - 1))
        x1, y1 = np.clip(np.ceil(polygon.max(axis=0)).astype(int) + 1, (x0 + 1, y0 + 1), size)
        # OpenCV fills the outline, too: drawn larger, it is thin.
        fine = np.zeros(((y1 - y0) * FINER, (x1 - x0) * FINER), np.uint8)
        corners = (polygon - (x0, y0) + 0.5) * FINER - 0.5
        cv2.fillPoly(fine, [np.rint(corners).astype(np.int32)], 255)
        mask[y0:y1, x0:x1] |= more_than_half(cv2.resize(fine, (x1 - x0, y1 - y0), interpolation=cv2.INTER_AREA))
    return mask
