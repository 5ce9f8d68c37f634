"""A plain CSV: a row a photograph, with the columns of tools/predict.py's keypoints.csv, or fewer.

``image`` (a path below the pictures' folder), ``<keypoint>_x`` and ``<keypoint>_y`` for wrist, thumb_1 … little_4, in
pixels; empty, or -1, -1, where a keypoint is not visible. Optional: ``<keypoint>_visible`` (0 or 1), ``mask`` (a path
below the masks' folder), ``side`` (left, right), ``source``, ``group``, ``width``, ``height``. Others are passed over.
"""

import csv
from pathlib import Path

import numpy as np

from maskpose.datasets.reading import existing, mask_file, sample
from maskpose.errors import InputError
from maskpose.skeleton import KEYPOINT_NAMES

NAME = "CSV"
NEEDED = ("image", *(f"{name}_{part}" for name in KEYPOINT_NAMES for part in ("x", "y")))


def items(path):
    """[(row's number, its columns)] of a CSV file. Raises InputError for columns that are missing."""
    with existing(path).open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        if missing := [name for name in NEEDED if name not in (reader.fieldnames or ())]:
            raise InputError(f"{path}: the column {missing[0]} is missing ({len(missing)} in all)")
        found = [(number, tuple(row.items())) for number, row in enumerate(reader, start=2)]
    if not found:
        raise InputError(f"{path}: no rows")
    return found


def read(item, path, images, masks=None):
    """path: the CSV, for messages; images, masks: the folders that its paths are relative to."""
    number, columns = item
    row, where = dict(columns), f"{path}, line {number}"
    keypoints, visible = np.full((len(KEYPOINT_NAMES), 2), -1.0), np.zeros(len(KEYPOINT_NAMES), bool)
    for k, name in enumerate(KEYPOINT_NAMES):
        texts = [(row[f"{name}_{part}"] or "").strip() for part in ("x", "y")]
        if not all(texts):
            continue
        try:
            keypoints[k] = [float(text) for text in texts]
        except ValueError:
            raise InputError(f"{where}: {name} is {texts[0]!r}, {texts[1]!r}, not two numbers") from None
        said = (row.get(f"{name}_visible") or "1").strip()
        visible[k] = not (keypoints[k] == -1).any() and said not in ("0", "false", "False")
    side = (row.get("side") or "").strip()
    if side not in ("", "left", "right"):
        raise InputError(f"{where}: side is {side!r}, expected left, right or nothing")
    mask = mask_file(Path(masks or images) / row["mask"]) if row.get("mask") else None
    more = {"source": row.get("source") or "", "group": row.get("group") or "", "side": side}
    size = None
    if row.get("width") and row.get("height"):
        size = (float(row["width"]), float(row["height"]))
    return [sample(Path(images) / row["image"], row["image"], keypoints, visible, mask, size, **more)]
