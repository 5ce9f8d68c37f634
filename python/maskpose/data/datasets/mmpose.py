"""OneHand10K as mmpose's JSON has it: ``onehand10k_train.json``, COCO-like, without masks.

``images`` are {file_name, width, height, id}; ``annotations`` are {image_id, keypoints: 63 numbers x, y, v}, where
missing keypoints are 0, 0, 0. The masks are those of the original distribution, joined by the file's name: hence an
image has one hand.
"""

from collections.abc import Container, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from maskpose.data.datasets.reading import image_file, mask_if_there, read_entries, sample_from_file, triples
from maskpose.data.sample import Sample
from maskpose.errors import InputError, short_repr
from maskpose.io.files import read_json
from maskpose.io.left_out import STRICT, LeftOut
from maskpose.io.name_index import NameIndex
from maskpose.io.paths import PathLike
from maskpose.io.values import field, identifier, json_object, list_field, number, numbers, size, text

NAME = "OneHand10K, mmpose's JSON"

Item = tuple[str, tuple[int, int] | None, tuple[Any, ...], str]


@dataclass
class Annotations:
    """What scores may need of an annotation file besides the labels."""

    path: Path
    names: dict[int | str, str]  # {image's id: file name}
    boxes: dict[str, float]  # {file name: larger side of the data set's box, pixels}
    heads: dict[str, float]  # {file name: head_size, pixels}, as mmpose's panoptic files have it

    def sizes(self, names: Sequence[str], left_out: LeftOut = STRICT) -> dict[str, npt.NDArray[np.float64]]:
        """Return the sizes of images that the file has.

        Args:
            names: of N images.
            left_out: receives the problem of an image that the file does not know; its size is NaN.

        Returns:
            {"dataset": (N,), "head": (N,)} pixels, without the kinds that the file does not have.
        """
        sizes: dict[str, npt.NDArray[np.float64]] = {}
        for kind, known in (("dataset", self.boxes), ("head", self.heads)):
            if known:
                index, pixels, sizes[kind] = NameIndex(list(known)), list(known.values()), np.full(len(names), np.nan)
                for n, name in enumerate(names):
                    with left_out.entry():
                        place = index.find(name, self.path)
                        if place is None:
                            raise InputError(f"{self.path} says no {kind} size of {name}")
                        sizes[kind][n] = pixels[place]
        return sizes


def read_annotations(path: PathLike, left_out: LeftOut = STRICT) -> Annotations:
    """Read the Annotations of a JSON file that has one hand in each image.

    Args:
        path: of the file.
        left_out: receives broken entries.

    Raises:
        InputError: the file is not such a JSON, or an entry is broken and ``left_out`` is strict.
    """
    document, before = read_json(path), len(left_out.problems)
    names: dict[int | str, str] = {}
    boxes: dict[str, float] = {}
    heads: dict[str, float] = {}
    for n, image in enumerate(list_field(document, "images", path)):
        with left_out.entry():
            key, name = _image(image, f"{path}, image {n}", names)
            names[key] = name
    for n, annotation in enumerate(list_field(document, "annotations", path)):
        with left_out.entry():
            where, name = _annotated(annotation, f"{path}, annotation", n, names, boxes)
            box = numbers(field(annotation, "bbox", where), (4,), f"{where}, bbox")[2:].max()
            boxes[name] = _positive(box, f"{where}, bbox")
            if annotation.get("head_size") is not None:
                heads[name] = _positive(number(annotation["head_size"], f"{where}, head_size"), f"{where}, head_size")
    if not boxes and len(left_out.problems) > before:
        raise InputError(left_out.problems[before])
    return Annotations(Path(path), names, boxes, heads)


def items(path: PathLike) -> list[Item | InputError]:
    """List the annotations of a JSON file.

    Returns:
        (file name, its (width, height) or None, 63 numbers, annotation's place) for each annotation. A broken entry,
        and a second annotation of an image, gives an InputError.

    Raises:
        InputError: the file cannot be read, or has no annotations.
    """
    document = read_json(path)
    names: dict[int | str, str] = {}
    sizes: dict[int | str, tuple[int, int] | None] = {}
    known: set[str] = set()

    def read_image(n: int, image: Any) -> list[Item]:
        where = f"{path}, image {n}"
        key, name = _image(image, where, names)
        sides = [size(image[side], f"{where}, {side}") for side in ("width", "height") if image.get(side) is not None]
        names[key], sizes[key] = name, (sides[0], sides[1]) if len(sides) == 2 else None
        return []

    def read_annotation(n: int, annotation: Any) -> list[Item]:
        where, name = _annotated(annotation, f"{path}, annotation", n, names, known)
        labels = field(annotation, "keypoints", where)
        triples(labels, f"{where}, keypoints")
        known.add(name)
        return [(name, sizes[identifier(annotation["image_id"], where)], tuple(labels), where)]

    problems = read_entries(list_field(document, "images", path), read_image)
    hands = problems + read_entries(list_field(document, "annotations", path), read_annotation)
    if not hands:
        raise InputError(f"{path}: no annotations")
    return hands


def _image(image: Any, where: str, names: dict[int | str, str]) -> tuple[int | str, str]:
    """Return (id, file name) of an entry of ``images``; ``names`` are those of the entries before."""
    key = identifier(field(image, "id", where), f"{where}, id")
    if key in names:
        raise InputError(f"{where}: expected an id of its own, not {short_repr(key)}")
    return key, text(field(image, "file_name", where), f"{where}, file_name")


def _annotated(
    annotation: Any, kind: str, number: int, names: dict[int | str, str], known: Container[str]
) -> tuple[str, str]:
    """Return (place for messages, file name) of an entry of ``annotations``.

    Args:
        annotation: the entry.
        kind: what begins its place.
        number: of the entry.
        names: {image's id: file name}.
        known: names that have an annotation already.

    Raises:
        InputError: the image is unknown, or has an annotation already.
    """
    where = f"{kind} {short_repr(json_object(annotation, f'{kind} {number}').get('id', number))}"
    key = identifier(field(annotation, "image_id", where), f"{where}, image_id")
    if key not in names:
        raise InputError(f"{where}: no image has the id {short_repr(key)}")
    if names[key] in known:
        raise InputError(f"{where}: {names[key]} has two annotations, expected one hand in an image")
    return where, names[key]


def _positive(pixels: float, where: str) -> float:
    if not pixels > 0:
        raise InputError(f"{where}: expected a positive size, not {pixels:g}")
    return pixels


def read(item: Item, images: PathLike, masks: PathLike | None = None) -> list[Sample]:
    """Return the sample of an item.

    Args:
        item: of ``items``.
        images: folder that the file names are relative to.
        masks: folder of <stem>.png; None: the folder ``mask`` beside ``source``, if a file name has that, as the
            original distribution has.

    Raises:
        InputError: a label, image or mask is damaged.
    """
    name, size, labels, where = item
    path, name = image_file(images, name, where)
    keypoints, flags = triples(labels, where)
    folder = path.parent.parent / "mask" if masks is None else Path(masks)
    mask = mask_if_there(folder / f"{path.stem}.png")
    return [sample_from_file(path, name, keypoints, flags > 0, mask, size, origin="onehand10k")]
