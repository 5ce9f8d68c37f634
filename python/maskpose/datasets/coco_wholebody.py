"""Hands of COCO-WholeBody: ``lefthand_kpts`` and ``righthand_kpts`` (63 numbers x, y, v), ``…_box``, ``…_valid``.

Each valid hand is a sample of its own, cropped out of the photograph, which shows whole people.
"""

from pathlib import Path

from maskpose.datasets.reading import field, json_file, sample, triples
from maskpose.errors import InputError

NAME = "COCO-WholeBody's hands"
CROP = 2.2
SIDES = ("left", "right")
FEWEST = 2  # keypoints that a crop can be made about


def items(path):
    """[(file name, annotation's id, side, 63 numbers)] of the hands in a JSON file that are valid and labelled.

    For an annotation that is broken there is what is wrong with it, a string, which ``read`` raises.
    """
    document = json_file(path)
    pictures = {field(one, "id", path): field(one, "file_name", path) for one in field(document, "images", path)}
    found = []
    for number, one in enumerate(field(document, "annotations", path)):
        try:
            name = field(one, "id", f"{path}, annotations[{number}]")
            found += _hands(one, pictures, f"{path}, annotation {name}")
        except InputError as error:
            found.append(str(error))
    if not found:
        raise InputError(f"{path}: no valid hand in it")
    return found


def _hands(annotation, pictures, where):
    """The items of an annotation; pictures: {id: file name}."""
    found = []
    for side in SIDES:
        if not annotation.get(f"{side}hand_valid"):
            continue
        numbers = field(annotation, f"{side}hand_kpts", where)
        if (triples(numbers, where)[1] > 0).sum() < FEWEST:
            continue
        name = pictures.get(field(annotation, "image_id", where))
        if name is None:
            raise InputError(f"{where}: no image has the id {annotation['image_id']}")
        found.append((name, annotation["id"], side, tuple(numbers)))
    return found


def read(item, images, crop=CROP):
    """images: the folder of the photographs; crop: factor of the square about the hand, 0 for the whole picture."""
    if isinstance(item, str):
        raise InputError(item)
    name, number, side, numbers = item
    keypoints, flags = triples(numbers, f"annotation {number}")
    stem = f"{Path(name).stem}_{number}_{side}.jpg"
    group = Path(name).stem
    found = sample(
        Path(images) / name, stem, keypoints, flags > 0, source="coco_wholebody", side=side, group=group
    )
    return [found.cropped(crop) if crop else found]
