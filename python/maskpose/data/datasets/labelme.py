"""LabelMe's JSONs, one for each image: points that have keypoints' names, and polygons called ``hand``.

A keypoint is a ``point`` whose label is a name in ``keypoints`` (wrist, thumb_1 … little_4) or its number, 0 to 20. A
keypoint that is missing is not visible. The polygons called "hand" are the mask together. A flag ``left`` or ``right``
of the file says the side. ``imagePath`` is relative to the file, as in LabelMe, and may have Windows' backslashes.
"""

import base64
import os
from collections.abc import Sequence
from pathlib import Path, PureWindowsPath
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from maskpose.codecs.masks import more_than_half
from maskpose.data.datasets.reading import (
    NOWHERE,
    checked_image_size,
    read_entries,
    sample_from_bytes,
)
from maskpose.data.sample import Sample
from maskpose.errors import InputError, short_repr
from maskpose.io.files import existing_path, read_bytes, read_json
from maskpose.io.paths import PathLike
from maskpose.io.progress import progress_bar
from maskpose.io.values import Where, field, flag_field, json_object, list_field, numbers, size, text
from maskpose.keypoints import KEYPOINT_NAMES

NAME = "LabelMe"
HAND = "hand"
SIDES = ("left", "right")
FINER = 8  # how many times finer polygons are rendered than their pixels
NUMBERS = {**{name: k for k, name in enumerate(KEYPOINT_NAMES)}, **{str(k): k for k in range(len(KEYPOINT_NAMES))}}

Polygon = npt.NDArray[np.float64]  # (n, 2)


def items(folder: PathLike) -> list[str | InputError]:
    """List the JSON files in and below a folder.

    Returns:
        The path of each file. A broken file, and one whose image an earlier file labels, gives an InputError.

    Raises:
        InputError: there are no such files.
    """
    files = sorted(map(str, existing_path(folder).rglob("*.json")))
    known: dict[str, str] = {}  # {image: label file}
    if not files:
        raise InputError(f"{folder} holds no LabelMe files (<name>.json)")

    def read_file(n: int, path: str) -> list[str]:
        image = os.path.realpath(image_path(read_json(path), path))
        if image in known:
            raise InputError(f"{path}: its image is labelled in {known[image]} already")
        known[image] = path
        return [path]

    return read_entries(progress_bar(files, desc=str(folder), unit="file", leave=False), read_file)


def read(path: PathLike, folder: PathLike | None = None) -> list[Sample]:
    """Return the sample of a LabelMe file: of the image that it names, or that is in it.

    Args:
        path: of the file.
        folder: that the sample's name is relative to, as in ``sample_from_document``.

    Raises:
        InputError: the file or its image is damaged, or has no shapes.
    """
    document = json_object(read_json(path), path)
    if not list_field(document, "shapes", path):
        raise InputError(f"{path}: nothing is labelled in it")
    return [sample_from_document(document, path, folder)]


def sample_from_document(document: Any, path: PathLike, folder: PathLike | None = None) -> Sample:
    """Return the sample of what a LabelMe file holds.

    The sample's name is the path of the image below ``folder``. An image that lies elsewhere is called as if it were
    beside the file.

    Args:
        document: what the file holds.
        path: of the file.
        folder: None: the file's own.

    Raises:
        InputError: the document is not LabelMe's, or its image is damaged.
    """
    keypoints, visible, polygons = shapes(document, path)
    side = side_of(document, path)
    width, height = (size(field(document, key, path), f"{path}, {key}") for key in ("imageWidth", "imageHeight"))
    points, corner = np.concatenate([keypoints[visible], *polygons]), np.array((width, height))
    if ((points < -corner) | (points > 2 * corner)).any():
        raise InputError(f"{path}: a point lies further outside its {width}x{height} image than that is large")
    file = image_path(document, path)
    if os.path.isfile(file) or not document.get("imageData"):
        where, image = file, read_bytes(file)
    else:
        where, image = f"{path}: imageData", _decoded(document["imageData"], path)
    checked_image_size(image, where, (width, height))  # before a mask of that size is made
    mask = polygon_mask(polygons, (width, height)) if polygons else None
    if mask is not None and not mask.any():
        raise InputError(f"{path}: no pixel of the image lies in a polygon called {HAND}")
    name = _name(file, Path(path).parent, Path(path).parent if folder is None else folder)
    labels = keypoints, visible, mask, (width, height)
    return sample_from_bytes(image, where, name, *labels, origin="labelme", side=side)


def image_path(document: Any, path: PathLike) -> Path:
    r"""Return the path of the image that a LabelMe file names. Raises InputError if it names none.

    A path of Windows that begins with a drive, C:\\…, is looked for beside the file.

    Args:
        document: what the file holds.
        path: of the file.
    """
    name = text(field(json_object(document, path), "imagePath", path), f"{path}, imagePath")
    image = Path(path).parent / name
    if "\\" in name and not os.path.exists(image):
        windows = PureWindowsPath(name)
        parts = [windows.name] if windows.anchor else windows.parts
        image = Path(path).parent / os.path.normpath(os.path.join("", *parts))
    return image


def _name(image: Path, beside: PathLike, folder: PathLike) -> str:
    relative = Path(os.path.relpath(image, folder))
    if ".." in relative.parts:
        relative = Path(os.path.relpath(beside, folder)) / image.name
    return relative.as_posix()


def _decoded(data: object, path: PathLike) -> bytes:
    encoded = text(data, f"{path}, imageData")
    try:
        return base64.b64decode(encoded)
    except ValueError:
        raise InputError(f"{path}: imageData is not base64") from None


def side_of(document: dict[str, Any], where: Where) -> str:
    """Return the side that a document's flags say, "left" or "right", or "". Raises InputError if they say both."""
    stated = [side for side in SIDES if flag_field(flags(document, where), side, f"{where}, flags")]
    if len(stated) > 1:
        raise InputError(f"{where}: the flags say left and right")
    return stated[0] if stated else ""


def flags(document: dict[str, Any], where: Where) -> dict[str, Any]:
    """Return the flags of a LabelMe document. Raises InputError if they are not an object."""
    return json_object(document.get("flags") or {}, f"{where}, flags")


def shapes(document: Any, where: Where) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_], list[Polygon]]:
    """Return the keypoints and polygons of a LabelMe document.

    LabelMe's pixels have their corners at integers, ours their centres: half a pixel lies between.

    Args:
        document: what the file holds.
        where: for messages.

    Returns:
        keypoints (21, 2), visible (21,), and the polygons called ``hand``.

    Raises:
        InputError: a shape has another kind or name, or a keypoint appears twice.
    """
    keypoints, visible = np.full((len(KEYPOINT_NAMES), 2), float(NOWHERE)), np.zeros(len(KEYPOINT_NAMES), bool)
    polygons: list[Polygon] = []
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


def polygon_mask(polygons: Sequence[Polygon], size: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Return the pixels of which at least half lies in one of the polygons.

    Args:
        polygons: (n, 2) each, pixel centres at integers.
        size: (width, height) of the image.

    Returns:
        (h, w) bool.
    """
    width, height = size
    mask = np.zeros((height, width), bool)
    for polygon in polygons:
        x0, y0 = np.clip(np.floor(polygon.min(axis=0)).astype(int), 0, (width - 1, height - 1))
        x1, y1 = np.clip(np.ceil(polygon.max(axis=0)).astype(int) + 1, (x0 + 1, y0 + 1), size)
        # OpenCV fills the outline, too: rendered larger, it is thin.
        fine = np.zeros(((y1 - y0) * FINER, (x1 - x0) * FINER), np.uint8)
        corners = (polygon - (x0, y0) + 0.5) * FINER - 0.5
        cv2.fillPoly(fine, [np.rint(corners).astype(np.int32)], 255)
        mask[y0:y1, x0:x1] |= more_than_half(cv2.resize(fine, (x1 - x0, y1 - y0), interpolation=cv2.INTER_AREA))
    return mask
