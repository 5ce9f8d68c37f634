"""OneHand10K as mmpose's JSON has it: ``onehand10k_train.json``, COCO-like, without masks.

``images`` of {file_name, width, height, id}, ``annotations`` of {image_id, keypoints: 63 numbers x, y, v}; missing
keypoints are 0, 0, 0. The masks are those of the original distribution, joined by the file's name: hence one hand a
photograph.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from maskpose.data.datasets.reading import (
    field,
    image_file,
    json_file,
    mask_if_there,
    read_entries,
    sample_from_file,
    triples,
)
from maskpose.errors import InputError
from maskpose.io.left_out import STRICT
from maskpose.io.name_index import NameIndex
from maskpose.io.printable import short_repr
from maskpose.io.values import identifier, json_object, list_field, numbers, size, text
from maskpose.io.values import number as number_of

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
                of, pixels, found[kind] = NameIndex(list(known)), list(known.values()), np.full(len(names), np.nan)
                for n, name in enumerate(names):
                    with left_out.entry():
                        index = of.find(name, self.path)
                        if index is None:
                            raise InputError(f"{self.path} says no {kind} size of {name}")
                        found[kind][n] = pixels[index]
        return found


def read_annotations(path, left_out=STRICT):
    """The Annotations of a JSON file of one hand a photograph; left_out: takes entries that are broken.

    Raises InputError where it is no such file, and for the first broken entry if ``left_out`` is strict, as by default.
    """
    document, before = json_file(path), len(left_out.problems)
    names, boxes, heads = {}, {}, {}
    for number, one in enumerate(list_field(document, "images", path)):
        with left_out.entry():
            key, name = _image(one, f"{path}, image {number}", names)
            names[key] = name
    for number, one in enumerate(list_field(document, "annotations", path)):
        with left_out.entry():
            where, name = _annotated(one, f"{path}, annotation", number, names, boxes)
            box = numbers(field(one, "bbox", where), (4,), f"{where}, bbox")[2:].max()
            boxes[name] = _positive(box, f"{where}, bbox")
            if one.get("head_size") is not None:
                heads[name] = _positive(number_of(one["head_size"], f"{where}, head_size"), f"{where}, head_size")
    if not boxes and len(left_out.problems) > before:
        raise InputError(left_out.problems[before])
    return Annotations(Path(path), names, boxes, heads)


def items(path):
    """[(file name, its (width, height) or None, 63 numbers, annotation's place)] of a JSON file.

    In the place of an entry that is broken, or of a photograph that has an annotation already, is an InputError.
    """
    document, names, sizes, known = json_file(path), {}, {}, set()

    def read_image(n, one):
        where = f"{path}, image {n}"
        key, name = _image(one, where, names)
        sides = [size(one[side], f"{where}, {side}") for side in ("width", "height") if one.get(side) is not None]
        names[key], sizes[key] = name, tuple(sides) if len(sides) == 2 else None
        return []

    def read_annotation(n, one):
        where, name = _annotated(one, f"{path}, annotation", n, names, known)
        labels = field(one, "keypoints", where)
        triples(labels, f"{where}, keypoints")
        known.add(name)
        return [(name, sizes[identifier(one["image_id"], where)], tuple(labels), where)]

    problems = read_entries(list_field(document, "images", path), read_image)
    annotated = list_field(document, "annotations", path)
    found = problems + read_entries(annotated, read_annotation)
    if not found:
        raise InputError(f"{path}: no annotations")
    return found


def _image(one, where, names):
    """(id, file name) of an entry of ``images``; names: those of the entries before. Raises InputError."""
    key = identifier(field(one, "id", where), f"{where}, id")
    if key in names:
        raise InputError(f"{where}: expected an id of its own, not {short_repr(key)}")
    return key, text(field(one, "file_name", where), f"{where}, file_name")


def _annotated(one, kind, number, names, known):
    """(place for messages, file name) of an entry of ``annotations``; known: names that have one. Raises InputError."""
    where = f"{kind} {short_repr(json_object(one, f'{kind} {number}').get('id', number))}"
    key = identifier(field(one, "image_id", where), f"{where}, image_id")
    if key not in names:
        raise InputError(f"{where}: no image has the id {short_repr(key)}")
    if names[key] in known:
        raise InputError(f"{where}: {names[key]} has two annotations, expected one hand a photograph")
    return where, names[key]


def _positive(pixels, where):
    if not pixels > 0:
        raise InputError(f"{where}: expected a positive size, not {pixels:g}")
    return pixels


def read(item, images, masks=None):
    """images: folder that the file names are relative to; masks: folder of <stem>.png, or None: ``mask`` beside
    ``source`` where a file name has that, as the original distribution has.
    """
    name, size, labels, where = item
    path, name = image_file(images, name, where)
    keypoints, flags = triples(labels, where)
    folder = path.parent.parent / "mask" if masks is None else Path(masks)
    mask = mask_if_there(folder / f"{path.stem}.png")
    return [sample_from_file(path, name, keypoints, flags > 0, mask, size, origin="onehand10k")]
