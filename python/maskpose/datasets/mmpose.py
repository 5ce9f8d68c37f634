"""OneHand10K as mmpose's JSON has it: ``onehand10k_train.json``, COCO-like, without masks.

``images`` of {file_name, width, height, id}, ``annotations`` of {image_id, keypoints: 63 numbers x, y, v}; missing
keypoints are 0, 0, 0. The masks are those of the original distribution, joined by the file's name.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from maskpose.datasets.reading import field, json_file, mask_file, sample, triples
from maskpose.errors import InputError
from maskpose.predictions import Names

NAME = "OneHand10K, mmpose's JSON"


@dataclass
class Annotations:
    """What scores may need of an annotation file besides the labels."""

    path: Path
    names: dict  # {image's id: file name}
    boxes: dict  # {file name: larger side of the data set's box, pixels}
    heads: dict  # {file name: head_size, pixels}, as mmpose's panoptic files have it

    def sizes(self, names):
        """{"dataset": (N,), "head": (N,)} pixels of N photographs, each where the file has it.

        Raises InputError for a photograph of which the file says nothing.
        """
        found = {}
        for kind, known in (("dataset", self.boxes), ("head", self.heads)):
            if known:
                of = Names(list(known))
                indices = [of.find(name, self.path) for name in names]
                if None in indices:
                    raise InputError(f"{self.path} says no {kind} size of {names[indices.index(None)]}")
                found[kind] = np.array(list(known.values()), float)[indices]
        return found


def annotations(path):
    """The Annotations of a JSON file of one hand a photograph. Raises InputError where it is none."""
    document = json_file(path)
    names = {field(one, "id", path): field(one, "file_name", path) for one in field(document, "images", path)}
    boxes, heads = {}, {}
    for one in field(document, "annotations", path):
        name = names.get(field(one, "image_id", path))
        if name is None:
            raise InputError(f"{path}, annotation {one.get('id')}: no image has the id {one['image_id']}")
        if name in boxes:
            raise InputError(f"{path}: {name} has two annotations, expected one hand a photograph")
        boxes[name] = max(field(one, "bbox", f"{path}, annotation {one.get('id')}")[2:4])
        if "head_size" in one:
            heads[name] = one["head_size"]
    return Annotations(Path(path), names, boxes, heads)


def items(path):
    """[(file name, width, height, 63 numbers, annotation's id)] of a JSON file."""
    document = json_file(path)
    pictures = {field(one, "id", path): one for one in field(document, "images", path)}
    found = []
    for one in field(document, "annotations", path):
        where = f"{path}, annotation {one.get('id')}"
        picture = pictures.get(field(one, "image_id", where))
        if picture is None:
            raise InputError(f"{where}: no image has the id {one['image_id']}")
        size = (picture.get("width"), picture.get("height"))
        found.append((picture["file_name"], *size, tuple(field(one, "keypoints", where)), one.get("id")))
    if not found:
        raise InputError(f"{path}: no annotations")
    return found


def read(item, images, masks=None):
    """images: folder that the file names are relative to; masks: folder of <stem>.png, or None: ``mask`` beside
    ``source`` where a file name has that, as the original distribution has.
    """
    name, width, height, numbers, number = item
    path = Path(images) / name
    keypoints, flags = triples(numbers, f"annotation {number}")
    if masks is not None:
        mask_path = Path(masks) / f"{path.stem}.png"
    else:
        mask_path = path.parent.parent / "mask" / f"{path.stem}.png"
    mask = mask_file(mask_path) if mask_path.is_file() else None
    size = (width, height) if width and height else None
    return [sample(path, name, keypoints, flags > 0, mask, size, source="onehand10k")]
