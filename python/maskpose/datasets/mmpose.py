"""OneHand10K as mmpose's JSON has it: ``onehand10k_train.json``, COCO-like, without masks.

``images`` of {file_name, width, height, id}, ``annotations`` of {image_id, keypoints: 63 numbers x, y, v}; missing
keypoints are 0, 0, 0. The masks are those of the original distribution, joined by the file's name.
"""

from pathlib import Path

from maskpose.datasets.reading import field, json_file, mask_file, sample, triples
from maskpose.errors import InputError

NAME = "OneHand10K, mmpose's JSON"


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
