"""LabelMe's JSONs, one a picture: points called as the keypoints are, and polygons called ``hand``.

A keypoint is a ``point`` whose label is a name of ``maskpose.skeleton`` (wrist, thumb_1 … little_4) or its number, 0 to
20; one that is missing is not visible. Polygons called "hand" together are the mask. A flag ``left`` or ``right`` of
the file says the side.
"""

import base64
from pathlib import Path

import cv2
import numpy as np

from maskpose import images
from maskpose.datasets.reading import existing, field, json_file, sample
from maskpose.errors import InputError
from maskpose.records import Sample, pack_mask
from maskpose.skeleton import KEYPOINT_NAMES

NAME = "LabelMe"
HAND = "hand"
SIDES = ("left", "right")
FINER = 8  # how many times finer polygons are drawn than their pixels
NUMBERS = {**{name: k for k, name in enumerate(KEYPOINT_NAMES)}, **{str(k): k for k in range(len(KEYPOINT_NAMES))}}


def items(folder):
    """[path] of the JSON files in and below a folder."""
    found = sorted(map(str, existing(folder).rglob("*.json")))
    if not found:
        raise InputError(f"{folder} holds no LabelMe files (<name>.json)")
    return found


def read(path):
    """The sample of a LabelMe file: the picture that it names, or that is in it. Raises InputError for no shapes."""
    document = json_file(path)
    if not field(document, "shapes", path):
        raise InputError(f"{path}: nothing is labelled in it")
    return [as_sample(document, path)]


def as_sample(document, path):
    """The sample of what a LabelMe file ``path`` holds. Raises InputError that names it."""
    keypoints, visible, polygons = shapes(document, path)
    side = side_of(document, path)
    size = (field(document, "imageWidth", path), field(document, "imageHeight", path))
    points = np.concatenate([keypoints[visible], *polygons])
    if ((points < -np.array(size)) | (points > 2 * np.array(size))).any():
        raise InputError(f"{path}: a point lies outside its {size[0]}x{size[1]} photograph by more than that is large")
    mask = polygon_mask(polygons, size) if polygons else None
    picture = Path(path).parent / field(document, "imagePath", path)
    if picture.is_file() or not document.get("imageData"):
        return sample(picture, picture.name, keypoints, visible, mask, size, source="labelme", side=side)
    data = base64.b64decode(document["imageData"])
    found = images.picture_size(data, f"{path}: imageData")
    if found != tuple(size):
        raise InputError(f"{path}: its picture is {found[0]}x{found[1]}, its label says {size[0]}x{size[1]}")
    packed = pack_mask(mask) if mask is not None else b""
    return Sample(picture.name, data, *size, keypoints, visible, packed, "labelme", side)


def side_of(document, where):
    """The side that a document's flags say, "left" or "right", or "". Raises InputError where they say both."""
    sides = [side for side in SIDES if (document.get("flags") or {}).get(side)]
    if len(sides) > 1:
        raise InputError(f"{where}: the flags say left and right")
    return sides[0] if sides else ""


def shapes(document, where):
    """(keypoints (21, 2) float32, visible (21,) bool, [polygon (n, 2)]) of a LabelMe document.

    LabelMe's pixels have their corners at integers, ours their centres: half a pixel lies between. Raises InputError
    for a shape of another kind or name, and for a keypoint that is there twice.
    """
    keypoints, visible, polygons = np.full((len(KEYPOINT_NAMES), 2), -1, np.float32), np.zeros(21, bool), []
    for shape in field(document, "shapes", where):
        label, kind = str(field(shape, "label", where)), shape.get("shape_type") or "polygon"
        points = np.array(field(shape, "points", where), float).reshape(-1, 2) - 0.5
        if kind == "point" and label in NUMBERS:
            k = NUMBERS[label]
            if visible[k]:
                raise InputError(f"{where}: the keypoint {label} is there twice")
            keypoints[k], visible[k] = points[0], True
        elif kind == "polygon" and label == HAND and len(points) >= 3:
            polygons.append(points)
        else:
            raise InputError(
                f"{where}: {kind} {label!r} is neither a keypoint ({KEYPOINT_NAMES[0]} … {KEYPOINT_NAMES[-1]}, or 0 to "
                f"20) nor a polygon called {HAND}"
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
        mask[y0:y1, x0:x1] |= cv2.resize(fine, (x1 - x0, y1 - y0), interpolation=cv2.INTER_AREA) > 127
    return mask
