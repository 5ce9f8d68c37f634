"""CMU Panoptic's hand data (the paper's [43]): manual labels of MPII and NZSL, rendered hands, panoptic frames.

``hand_labels/manual_{train,test}`` and ``hand_labels_synth/synth{1,2,3,4}``: <name>.jpg with <name>.json beside it:
``hand_pts``, 21 x, y, v (v of 1 is seen), ``is_left``. ``hands_v143_14817.json``: ``root``, a list of ``joint_self``
and ``img_paths``. A picture may hold more hands than the labelled one: hence the customary crop.
"""

from pathlib import Path

from maskpose.datasets.reading import field, json_file, sample, triples
from maskpose.errors import InputError

NAME = "CMU Panoptic hand data"
CROP = 2.2  # times the larger side of the keypoints' box


def items(path):
    """[(label file, place in it or None, picture, label or None)] of a folder of pictures and labels, whose labels are
    not read yet, or of a panoptic JSON.
    """
    path = Path(path)
    if path.is_dir():
        labels = sorted(path.glob("*.json"))
        if not labels:
            raise InputError(f"{path} holds no labels (<name>.json beside <name>.jpg)")
        return [(str(label), None, str(label.with_suffix(".jpg")), None) for label in labels]
    root = field(json_file(path), "root", path)
    pictures = [field(one, "img_paths", f"{path}, entry {n}") for n, one in enumerate(root)]
    return [(str(path), n, str(path.parent / picture), root[n]) for n, picture in enumerate(pictures)]


def read(item, crop=CROP):
    """crop: factor of the square about the hand, 0 for the whole picture."""
    path, number, picture, document = item
    if number is None:
        document, key, where = json_file(path), "hand_pts", path
        source, name = Path(path).parent.name, Path(picture).name
    else:
        key, where = "joint_self", f"{path}, entry {number}"
        source, name = "panoptic", f"{number}_{Path(picture).name}"
    keypoints, flags = triples(field(document, key, where), where)
    found = sample(picture, name, keypoints, flags == 1, source=source, side=_side(document, picture))
    return [found.cropped(crop) if crop else found]


def _side(document, picture):
    if "is_left" in document:
        return "left" if document["is_left"] else "right"
    return {"_l": "left", "_r": "right"}.get(Path(picture).stem[-2:], "")
