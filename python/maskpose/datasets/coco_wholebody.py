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
    """[(file name, annotation's id, side, 63 numbers)] of the hands in a JSON file that are valid and labelled."""
    document = json_file(path)
    pictures = {field(one, "id", path): field(one, "file_name", path) for one in field(document, "images", path)}
    found = []
    for one in field(document, "annotations", path):
        where = f"{path}, annotation {one.get('id')}"
        for side in SIDES:
            if not one.get(f"{side}hand_valid"):
                continue
            numbers = field(one, f"{side}hand_kpts", where)
            if (triples(numbers, where)[1] > 0).sum() < FEWEST:
                continue
            name = pictures.get(field(one, "image_id", where))
            if name is None:
                raise InputError(f"{where}: no image has the id {one['image_id']}")
            found.append((name, one.get("id"), side, tuple(numbers)))
    if not found:
        raise InputError(f"{path}: no valid hand in it")
    return found


def read(item, images, crop=CROP):
    """images: the folder of the photographs; crop: factor of the square about the hand, 0 for the whole picture."""
    name, number, side, numbers = item
    keypoints, flags = triples(numbers, f"annotation {number}")
    stem = f"{Path(name).stem}_{number}_{side}.jpg"
    group = Path(name).stem
    found = sample(
        Path(images) / name, stem, keypoints, flags > 0, source="coco_wholebody", side=side, group=group
    )
    return [found.cropped(crop) if crop else found]
