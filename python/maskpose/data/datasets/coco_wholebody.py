"""Hands of COCO-WholeBody: ``lefthand_kpts`` and ``righthand_kpts`` (63 numbers x, y, v), ``…_box``, ``…_valid``.

Each valid hand is a sample of its own, cropped out of the photograph, which shows whole people.
"""

from pathlib import Path

from maskpose.data.datasets.reading import field, image_file, json_file, read_entries, sample_from_file, triples
from maskpose.errors import InputError
from maskpose.io.printable import short_repr
from maskpose.io.values import flag_field, identifier, json_object, list_field, text

NAME = "COCO-WholeBody's hands"
CROP = 2.2
SIDES = ("left", "right")
FEWEST = 2  # keypoints that a crop can be made about


def items(path):
    """[(file name, annotation's id, side, 63 numbers)] of the hands in a JSON file that are valid and labelled.

    In the place of an entry that is broken there is an InputError.
    """
    document, pictures, known = json_file(path), {}, set()

    def read_picture(n, image):
        where = f"{path}, images[{n}]"
        key = identifier(field(image, "id", where), f"{where}, id")
        if key in pictures:
            raise InputError(f"{where}: the id {short_repr(key)} appears twice")
        pictures[key] = text(field(image, "file_name", where), f"{where}, file_name")
        return []

    def read_annotation(n, annotation):
        where = f"{path}, annotations[{n}]"
        key = identifier(field(json_object(annotation, where), "id", where), f"{where}, id")
        where = f"{path}, annotation {short_repr(key)}"
        return read_entries(SIDES, lambda _, side: read_hand(annotation, key, side, where))

    def read_hand(annotation, key, side, where):
        if not flag_field(annotation, f"{side}hand_valid", where):
            return []
        numbers = field(annotation, f"{side}hand_kpts", where)
        if (triples(numbers, where)[1] > 0).sum() < FEWEST:
            return []
        image = identifier(field(annotation, "image_id", where), f"{where}, image_id")
        if image not in pictures:
            raise InputError(f"{where}: no image has the id {short_repr(image)}")
        if (key, side) in known:
            raise InputError(f"{where}: its {side} hand appears twice")
        known.add((key, side))
        return [(pictures[image], key, side, tuple(numbers))]

    problems = read_entries(list_field(document, "images", path), read_picture)
    annotations = list_field(document, "annotations", path)
    found = problems + read_entries(annotations, read_annotation)
    if not found:
        raise InputError(f"{path}: no valid hand in it")
    return found


def read(item, images, crop=CROP):
    """images: the folder of the photographs; crop: factor of the square about the hand, 0 for the whole picture."""
    name, number, side, numbers = item
    where = f"annotation {short_repr(number)}"
    keypoints, flags = triples(numbers, where)
    path, name = image_file(images, name, where)
    group = Path(name).stem
    called = f"{group}_{number}_{side}.jpg"
    found = sample_from_file(path, called, keypoints, flags > 0, origin="coco_wholebody", side=side, group=group)
    return [found.cropped(crop) if crop else found]
