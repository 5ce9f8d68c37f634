"""OneHand10K as mmpose's JSON has it: ``onehand10k_train.json``, COCO-like, without masks.

``images`` of {file_name, width, height, id}, ``annotations`` of {image_id, keypoints: 63 numbers x, y, v}; missing
keypoints are 0, 0, 0. The masks are those of the original distribution, joined by the file's name.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from maskpose.datasets.reading import field, json_file, mask_file, sample, triples
from maskpose.errors import InputError
from maskpose.io.left_out import STRICT
from maskpose.io.values import listing, numbers, record, shown, text
from maskpose.io.values import number as number_of
from maskpose.predictions import Names

NAME = "OneHand10K, mmpose's JSON"


@dataclass
class Annotations:
    """What scores may need of an annotation file besides the labels."""

    path: Path
    names: dict  # {image's id: file name}
    boxes: dict  # {file name: larger side of the data set's box, pixels}
    heads: dict  # {file name: head_size, pixels}, as mmpose's panoptic files have it

    def sizes(self, names, left_out=STRICT):
        """{"dataset": (N,), "head": (N,)} pixels of N photographs, each where the file has it.

        NaN for a photograph of which the file says nothing: a problem for ``left_out``, which by default raises it.
        """
        found = {}
        for kind, known in (("dataset", self.boxes), ("head", self.heads)):
            if known:
                of, pixels, found[kind] = Names(list(known)), list(known.values()), np.full(len(names), np.nan)
                for n, name in enumerate(names):
                    with left_out.entry():
                        index = of.find(name, self.path)
                        if index is None:
                            raise InputError(f"{self.path} says no {kind} size of {name}")
                        found[kind][n] = pixels[index]
        return found


def annotations(path, left_out=STRICT):
    """The Annotations of a JSON file of one hand a photograph; left_out: takes entries that are broken.

    Raises InputError where it is no such file, and for the first broken entry if ``left_out`` is strict, as by default.
    """
    document, before = json_file(path), len(left_out.problems)
    names, boxes, heads = {}, {}, {}
    for number, one in enumerate(listing(field(document, "images", path), f"{path}, images")):
        with left_out.entry():
            where = f"{path}, image {number}"
            image, name = (field(one, key, where) for key in ("id", "file_name"))
            if not isinstance(image, (int, str)) or image in names:
                raise InputError(f"{where}: expected an id of its own, not {shown(image)}")
            names[image] = text(name, f"{where}, file_name")
    for number, one in enumerate(listing(field(document, "annotations", path), f"{path}, annotations")):
        with left_out.entry():
            where = f"{path}, annotation {shown(record(one, f'{path}, annotation {number}').get('id', number))}"
            image = field(one, "image_id", where)
            if not isinstance(image, (int, str)) or image not in names:
                raise InputError(f"{where}: no image has the id {shown(image)}")
            name = names[image]
            if name in boxes:
                raise InputError(f"{path}: {name} has two annotations, expected one hand a photograph")
            boxes[name] = numbers(field(one, "bbox", where), (4,), f"{where}, bbox")[2:].max()
            if "head_size" in one:
                heads[name] = number_of(one["head_size"], f"{where}, head_size")
    if not boxes and len(left_out.problems) > before:
        raise InputError(left_out.problems[before])
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
