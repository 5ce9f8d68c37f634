"""CMU Panoptic's hand data (the paper's [43]): manual labels of MPII and NZSL, rendered hands, panoptic frames.

``hand_labels/manual_{train,test}`` and ``hand_labels_synth/synth{1,2,3,4}``: <name>.jpg with <name>.json beside it:
``hand_pts``, 21 x, y, v (v of 1 is seen), ``is_left``. ``hands_v143_14817.json``: ``root``, a list of ``joint_self``
and ``img_paths``. A picture may hold more hands than the labelled one: hence the customary crop.
"""

from pathlib import Path

from maskpose.data.datasets.reading import field, image_file, json_file, read_entries, sample_from_file, triples
from maskpose.errors import InputError
from maskpose.io.values import flag_field, json_list, json_object

NAME = "CMU Panoptic hand data"
CROP = 2.2  # times the larger side of the keypoints' box


def items(path):
    """[(label file, place in it or None, picture, its name, label or None)] of a folder of pictures and labels, whose
    labels are not read yet, or of a panoptic JSON.

    In the place of an entry that is broken there is an InputError.
    """
    path = Path(path)
    if path.is_dir():
        labels = sorted(path.glob("*.json"))
        if not labels:
            raise InputError(f"{path} holds no labels (<name>.json beside <name>.jpg)")
        pictures = [label.with_suffix(".jpg") for label in labels]
        return [(str(label), None, str(picture), picture.name, None) for label, picture in zip(labels, pictures)]

    def read_entry(n, label):
        where = f"{path}, entry {n}"
        picture, name = image_file(path.parent, field(label, "img_paths", where), where)
        return [(str(path), n, str(picture), f"{n}_{Path(name).name}", json_object(label, where))]

    return read_entries(json_list(field(json_file(path), "root", path), f"{path}, root"), read_entry)


def read(item, crop=CROP):
    """crop: factor of the square about the hand, 0 for the whole picture."""
    path, number, picture, name, label = item
    if number is None:
        key, where, origin = "hand_pts", path, Path(path).parent.name
        label = json_object(json_file(path), path)
    else:
        key, where, origin = "joint_self", f"{path}, entry {number}", "panoptic"
    keypoints, flags = triples(field(label, key, where), f"{where}, {key}")
    found = sample_from_file(picture, name, keypoints, flags == 1, origin=origin, side=_side(label, picture, where))
    return [found.cropped(crop) if crop else found]


def _side(label, picture, where):
    if label.get("is_left") is not None:
        return "left" if flag_field(label, "is_left", where) else "right"
    return {"_l": "left", "_r": "right"}.get(Path(picture).stem[-2:], "")
