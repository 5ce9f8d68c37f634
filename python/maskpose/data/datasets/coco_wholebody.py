"""Hands of COCO-WholeBody: ``lefthand_kpts`` and ``righthand_kpts`` (63 numbers x, y, v), ``…_box``, ``…_valid``.

Each valid hand is a sample of its own, cropped from the image, which shows whole people.
"""

from pathlib import Path
from typing import Any

from maskpose.data.datasets.reading import image_file, read_entries, sample_from_file, triples
from maskpose.data.sample import Sample
from maskpose.errors import InputError, short_repr
from maskpose.io.files import read_json
from maskpose.io.paths import PathLike
from maskpose.io.values import field, flag_field, identifier, json_object, list_field, text

NAME = "COCO-WholeBody's hands"
CROP = 2.2  # times the larger side of the keypoints' box
SIDES = ("left", "right")
MIN_LABELLED = 2  # keypoints: a crop needs as many

Item = tuple[str, int | str, str, tuple[Any, ...]]


def items(path: PathLike) -> list[Item | InputError]:
    """List the hands in a JSON file that are valid and labelled.

    Returns:
        (file name, annotation's id, side, 63 numbers) for each hand. A broken entry gives an InputError.

    Raises:
        InputError: the file cannot be read, or holds no valid hand.
    """
    document = read_json(path)
    names: dict[int | str, str] = {}  # {image's id: file name}
    known: set[tuple[int | str, str]] = set()  # (annotation's id, side)

    def read_image(n: int, image: Any) -> list[Item]:
        where = f"{path}, images[{n}]"
        key = identifier(field(image, "id", where), f"{where}, id")
        if key in names:
            raise InputError(f"{where}: the id {short_repr(key)} appears twice")
        names[key] = text(field(image, "file_name", where), f"{where}, file_name")
        return []

    def read_annotation(n: int, annotation: Any) -> list[Item | InputError]:
        where = f"{path}, annotations[{n}]"
        key = identifier(field(json_object(annotation, where), "id", where), f"{where}, id")
        where = f"{path}, annotation {short_repr(key)}"
        return read_entries(SIDES, lambda _, side: read_hand(annotation, key, side, where))

    def read_hand(annotation: dict[str, Any], key: int | str, side: str, where: str) -> list[Item]:
        if not flag_field(annotation, f"{side}hand_valid", where):
            return []
        numbers = field(annotation, f"{side}hand_kpts", where)
        if (triples(numbers, where)[1] > 0).sum() < MIN_LABELLED:
            return []
        image = identifier(field(annotation, "image_id", where), f"{where}, image_id")
        if image not in names:
            raise InputError(f"{where}: no image has the id {short_repr(image)}")
        if (key, side) in known:
            raise InputError(f"{where}: its {side} hand appears twice")
        known.add((key, side))
        return [(names[image], key, side, tuple(numbers))]

    problems = read_entries(list_field(document, "images", path), read_image)
    hands = problems + read_entries(list_field(document, "annotations", path), read_annotation)
    if not hands:
        raise InputError(f"{path}: no valid hand in it")
    return hands


def read(item: Item, images: PathLike, crop: float = CROP) -> list[Sample]:
    """Return the sample of an item.

    Args:
        item: of ``items``.
        images: folder of the images.
        crop: factor of the square about the hand; 0: the whole image.

    Raises:
        InputError: a label or image is damaged.
    """
    name, number, side, numbers = item
    where = f"annotation {short_repr(number)}"
    keypoints, flags = triples(numbers, where)
    path, name = image_file(images, name, where)
    group = Path(name).stem
    own_name = f"{group}_{number}_{side}.jpg"
    sample = sample_from_file(path, own_name, keypoints, flags > 0, origin="coco_wholebody", side=side, group=group)
    return [sample.cropped(crop) if crop else sample]
