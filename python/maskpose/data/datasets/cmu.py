"""CMU Panoptic's hand data (the paper's [43]): manual labels of MPII and NZSL, rendered hands, panoptic frames.

``hand_labels/manual_{train,test}`` and ``hand_labels_synth/synth{1,2,3,4}`` hold <name>.jpg with <name>.json beside it:
``hand_pts``, 21 x, y, v (visible if v is 1), ``is_left``. ``hands_v143_14817.json`` holds ``root``, a list of
``joint_self`` and ``img_paths``. An image may show more hands than the labelled one, hence the customary crop.
"""

from pathlib import Path
from typing import Any

from maskpose.data.datasets.reading import image_file, read_entries, sample_from_file, triples
from maskpose.data.sample import Sample
from maskpose.errors import InputError
from maskpose.io.files import read_json
from maskpose.io.paths import PathLike
from maskpose.io.values import field, flag_field, json_list, json_object

NAME = "CMU Panoptic hand data"
CROP = 2.2  # times the larger side of the keypoints' box

Item = tuple[str, int | None, str, str, dict[str, Any] | None]


def items(path: PathLike) -> list[Item | InputError]:
    """List the labelled images.

    Args:
        path: a folder of images and labels, or a panoptic JSON.

    Returns:
        (label file, place in it or None, image, its name, label or None) for each image; the labels of a folder are not
        read yet. A broken entry gives an InputError.

    Raises:
        InputError: the folder holds no labels, or the JSON cannot be read.
    """
    path = Path(path)
    if path.is_dir():
        labels = sorted(path.glob("*.json"))
        if not labels:
            raise InputError(f"{path} holds no labels (<name>.json beside <name>.jpg)")
        images = [label.with_suffix(".jpg") for label in labels]
        return [(str(label), None, str(image), image.name, None) for label, image in zip(labels, images)]

    def read_entry(n: int, label: Any) -> list[Item]:
        where = f"{path}, entry {n}"
        image, name = image_file(path.parent, field(label, "img_paths", where), where)
        return [(str(path), n, str(image), f"{n}_{Path(name).name}", json_object(label, where))]

    return read_entries(json_list(field(read_json(path), "root", path), f"{path}, root"), read_entry)


def read(item: Item, crop: float = CROP) -> list[Sample]:
    """Return the sample of an item.

    Args:
        item: of ``items``.
        crop: factor of the square about the hand; 0: the whole image.

    Raises:
        InputError: a label or image is damaged.
    """
    path, number, image, name, label = item
    if number is None:
        key, where, origin = "hand_pts", path, Path(path).parent.name
        label = json_object(read_json(path), path)
    else:
        key, where, origin = "joint_self", f"{path}, entry {number}", "panoptic"
        label = json_object(label, where)
    keypoints, flags = triples(field(label, key, where), f"{where}, {key}")
    sample = sample_from_file(image, name, keypoints, flags == 1, origin=origin, side=_side(label, image, where))
    return [sample.cropped(crop) if crop else sample]


def _side(label: dict[str, Any], image: str, where: str) -> str:
    if label.get("is_left") is not None:
        return "left" if flag_field(label, "is_left", where) else "right"
    return {"_l": "left", "_r": "right"}.get(Path(image).stem[-2:], "")
