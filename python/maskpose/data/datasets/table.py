"""A plain CSV: a row a photograph, with the columns of tools/predict.py's keypoints.csv, or fewer.

``image`` (a path below the pictures' folder), ``<keypoint>_x`` and ``<keypoint>_y`` for wrist, thumb_1 … little_4, in
pixels; empty, or -1, -1, where a keypoint is not visible. Optional: ``<keypoint>_visible`` (1 or 0, and what else
maskpose.io.values.flag reads; where the column is there, it must say so of each keypoint that has a place), ``mask`` (a
path below the masks' folder), ``side`` (left, right), ``source``, ``group``, ``width``, ``height``. Others are passed
over.
"""

import os

import numpy as np

from maskpose.data.datasets.reading import NOWHERE, existing_path, image_file, mask_file, read_entries, sample_from_file
from maskpose.errors import InputError
from maskpose.io.printable import short_repr
from maskpose.io.tables import read_table
from maskpose.io.values import flag, parse_number, size, text
from maskpose.keypoints import KEYPOINT_NAMES

NAME = "CSV"
NEEDED = ("image", *(f"{name}_{part}" for name in KEYPOINT_NAMES for part in ("x", "y")))


def items(path):
    """[(line, its columns)] of a CSV file.

    In the place of a row that is broken, or whose picture an earlier row has, there is an InputError. Raises InputError
    for columns that are missing.
    """
    lines = {}

    def read_row(n, row):
        if isinstance(row, InputError):
            raise row
        number, cells = row
        where = f"{path}, line {number}"
        name = os.path.normpath(text(cells["image"], f"{where}, image").replace("\\", "/"))
        if name in lines:
            raise InputError(f"{where}: {cells['image']} is in line {lines[name]} already")
        lines[name] = number
        return [(number, tuple(cells.items()))]

    found = read_entries(read_table(existing_path(path), NEEDED), read_row)
    if not found:
        raise InputError(f"{path}: no rows")
    return found


def read(item, path, images, masks=None):
    """path: the CSV, for messages; images, masks: the folders that its paths are relative to."""
    number, columns = item
    row, where = dict(columns), f"{path}, line {number}"
    picture, picture_name = image_file(images, row["image"], where)
    keypoints = np.full((len(KEYPOINT_NAMES), 2), float(NOWHERE))
    visible = np.zeros(len(KEYPOINT_NAMES), bool)
    for k, name in enumerate(KEYPOINT_NAMES):
        cells = [row[f"{name}_{part}"] for part in ("x", "y")]
        if not all(cell.strip() for cell in cells):
            continue
        try:
            keypoints[k] = [parse_number(cell, where) for cell in cells]
        except InputError:
            raise InputError(
                f"{where}: {name} is {short_repr(cells[0])}, {short_repr(cells[1])}, not two numbers"
            ) from None
        if not (keypoints[k] == NOWHERE).any():
            visible[k] = flag(row.get(f"{name}_visible", "1"), f"{where}, {name}_visible")
    if (keypoints == NOWHERE).any(axis=1).all():
        raise InputError(f"{where}: no keypoint has coordinates")
    side = row.get("side", "").strip().lower()
    if side not in ("", "left", "right"):
        raise InputError(f"{where}: side is {short_repr(row['side'])}, expected left, right or nothing")
    mask = None
    if row.get("mask", "").strip():
        mask = mask_file(image_file(masks or images, row["mask"], f"{where}, mask")[0])
    said = [size(parse_number(row[key], f"{where}, {key}"), f"{where}, {key}")
            for key in ("width", "height") if row.get(key, "").strip()]  # fmt: skip
    more = {"origin": row.get("source", ""), "group": row.get("group", ""), "side": side}
    return [sample_from_file(picture, picture_name, keypoints, visible, mask, said if len(said) == 2 else None, **more)]
