"""A plain CSV: a row for each image, with the columns of `maskpose predict`'s keypoints.csv, or fewer.

``image`` is a path below the images' folder. ``<keypoint>_x`` and ``<keypoint>_y``, for wrist, thumb_1 … little_4, are
pixels; empty, or -1, -1, if a keypoint is not visible. Optional: ``<keypoint>_visible`` (1 or 0, and what else
maskpose.io.values.flag reads; the column must then say so of each keypoint that has a place), ``mask`` (a path below
the masks' folder), ``side`` (left, right), ``source``, ``group``, ``width``, ``height``. Other columns are skipped.
"""

import os
from typing import Any

import numpy as np
import numpy.typing as npt

from maskpose.data.datasets.reading import (
    NOWHERE,
    image_file,
    mask_file,
    read_entries,
    sample_from_file,
)
from maskpose.data.sample import Sample
from maskpose.errors import InputError, short_repr
from maskpose.io.files import existing_path
from maskpose.io.paths import PathLike
from maskpose.io.tables import read_table
from maskpose.io.values import flag, parse_number, size, text
from maskpose.keypoints import KEYPOINT_NAMES

NAME = "CSV"
NEEDED = ("image", *(f"{name}_{part}" for name in KEYPOINT_NAMES for part in ("x", "y")))

Item = tuple[int, tuple[tuple[str, str], ...]]


def items(path: PathLike) -> list[Item | InputError]:
    """List the rows of a CSV file.

    Returns:
        (line, its columns) for each row. A broken row, and one whose image an earlier row has, gives an InputError.

    Raises:
        InputError: columns are missing, or there are no rows.
    """
    lines: dict[str, int] = {}  # {image: line}

    def read_row(n: int, row: Any) -> list[Item]:
        if isinstance(row, InputError):
            raise row
        number, cells = row
        where = f"{path}, line {number}"
        name = os.path.normpath(text(cells["image"], f"{where}, image").replace("\\", "/"))
        if name in lines:
            raise InputError(f"{where}: {cells['image']} is in line {lines[name]} already")
        lines[name] = number
        return [(number, tuple(cells.items()))]

    rows = read_entries(read_table(existing_path(path), NEEDED), read_row)
    if not rows:
        raise InputError(f"{path}: no rows")
    return rows


def read(item: Item, path: PathLike, images: PathLike, masks: PathLike | None = None) -> list[Sample]:
    """Return the sample of a row.

    Args:
        item: of ``items``.
        path: of the CSV, for messages.
        images: folder that the images' paths are relative to.
        masks: folder that the masks' paths are relative to; None: ``images``.

    Raises:
        InputError: a cell, an image or a mask is damaged.
    """
    number, columns = item
    row, where = dict(columns), f"{path}, line {number}"
    image, name = image_file(images, row["image"], where)
    keypoints, visible = _keypoints(row, where)
    side = row.get("side", "").strip().lower()
    if side not in ("", "left", "right"):
        raise InputError(f"{where}: side is {short_repr(row['side'])}, expected left, right or nothing")
    mask = None
    if row.get("mask", "").strip():
        mask = mask_file(image_file(masks or images, row["mask"], f"{where}, mask")[0])
    stated = [
        size(parse_number(row[key], f"{where}, {key}"), f"{where}, {key}")
        for key in ("width", "height")
        if row.get(key, "").strip()
    ]
    image_size = (stated[0], stated[1]) if len(stated) == 2 else None
    origin, group = row.get("source", ""), row.get("group", "")
    return [sample_from_file(image, name, keypoints, visible, mask, image_size, origin, side, group)]


def _keypoints(row: dict[str, str], where: str) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Return the keypoints (21, 2) of a row, and which are visible. Raises InputError if none has coordinates."""
    keypoints = np.full((len(KEYPOINT_NAMES), 2), float(NOWHERE))
    visible = np.zeros(len(KEYPOINT_NAMES), bool)
    for k, name in enumerate(KEYPOINT_NAMES):
        cells = [row[f"{name}_{part}"] for part in ("x", "y")]
        if not all(cell.strip() for cell in cells):
            continue
        try:
            keypoints[k] = [parse_number(cell, where) for cell in cells]
        except InputError:
            stated = f"{short_repr(cells[0])}, {short_repr(cells[1])}"
            raise InputError(f"{where}: {name} is {stated}, not two numbers") from None
        if not (keypoints[k] == NOWHERE).any():
            visible[k] = flag(row.get(f"{name}_visible", "1"), f"{where}, {name}_visible")
    if (keypoints == NOWHERE).any(axis=1).all():
        raise InputError(f"{where}: no keypoint has coordinates")
    return keypoints, visible
