"""A plain CSV: a row a photograph, with the columns of tools/predict.py's keypoints.csv, or fewer.

``image`` (a path below the pictures' folder), ``<keypoint>_x`` and ``<keypoint>_y`` for wrist, thumb_1 … little_4, in
pixels; empty, or -1, -1, where a keypoint is not visible. Optional: ``<keypoint>_visible`` (0 or 1), ``mask`` (a path
below the masks' folder), ``side`` (left, right), ``source``, ``group``, ``width``, ``height``. Others are passed over.
"""

import csv
import io
import os
from pathlib import Path

import numpy as np

from maskpose.datasets.reading import existing, mask_file, sample
from maskpose.errors import InputError
from maskpose.files import read_text
from maskpose.skeleton import KEYPOINT_NAMES

NAME = "CSV"
NEEDED = ("image", *(f"{name}_{part}" for name in KEYPOINT_NAMES for part in ("x", "y")))


def items(path):
    """[(line, its columns, the line that has the same picture already or None)] of a CSV file.

    Raises InputError for columns that are missing.
    """
    reader = csv.DictReader(io.StringIO(read_text(existing(path)), newline=""))
    header = reader.fieldnames or ()
    if missing := [name for name in NEEDED if name not in header]:
        hint = "; columns are divided by commas, not semicolons" if any(";" in name for name in header) else ""
        raise InputError(f"{path}: the column {missing[0]} is missing ({len(missing)} in all){hint}")
    found, lines = [], {}
    for row in reader:
        first = lines.setdefault(os.path.normpath(row["image"] or ""), reader.line_num)
        again = first if first != reader.line_num else None
        found.append((reader.line_num, tuple(row.items()), again))
    if not found:
        raise InputError(f"{path}: no rows")
    return found


def read(item, path, images, masks=None):
    """path: the CSV, for messages; images, masks: the folders that its paths are relative to."""
    number, columns, again = item
    row, where = dict(columns), f"{path}, line {number}"
    if None in row or None in row.values():
        raise InputError(f"{where} has {'more' if None in row else 'fewer'} columns than the header")
    if again:
        raise InputError(f"{where}: {row['image']} is in line {again} already")
    picture = _below(images, row["image"], where)
    keypoints, visible = np.full((len(KEYPOINT_NAMES), 2), -1.0), np.zeros(len(KEYPOINT_NAMES), bool)
    for k, name in enumerate(KEYPOINT_NAMES):
        texts = [(row[f"{name}_{part}"] or "").strip() for part in ("x", "y")]
        if not all(texts):
            continue
        try:
            keypoints[k] = [float(text) for text in texts]
        except ValueError:
            keypoints[k] = np.nan
        if not np.isfinite(keypoints[k]).all():
            raise InputError(f"{where}: {name} is {texts[0]!r}, {texts[1]!r}, not two numbers")
        said = (row.get(f"{name}_visible") or "1").strip()
        visible[k] = not (keypoints[k] == -1).any() and said not in ("0", "false", "False")
    if (keypoints == -1).any(axis=1).all():
        raise InputError(f"{where}: no keypoint has coordinates")
    side = (row.get("side") or "").strip()
    if side not in ("", "left", "right"):
        raise InputError(f"{where}: side is {side!r}, expected left, right or nothing")
    mask = mask_file(_below(masks or images, row["mask"], where)) if row.get("mask") else None
    more = {"source": row.get("source") or "", "group": row.get("group") or "", "side": side}
    size = None
    if row.get("width") and row.get("height"):
        size = (float(row["width"]), float(row["height"]))
    return [sample(picture, row["image"], keypoints, visible, mask, size, **more)]


def _below(folder, name, where):
    """The path of a file that a row names. Raises InputError for one that is not below ``folder``."""
    if not name.strip() or Path(name).is_absolute() or ".." in Path(name).parts:
        raise InputError(f"{where}: {name!r} is not the path of a file below {folder}")
    return Path(folder) / name
