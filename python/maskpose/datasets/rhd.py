"""Rendered Handpose Dataset (the paper's [10]): ``{training,evaluation}/{color,mask}/%.5d.png``, ``anno_<set>.pickle``.

The pickle maps a picture's number to ``uv_vis``, 42 x, y, seen: left hand first, each hand the wrist and then the
fingers from tip to base. Mask values 2 to 17 are the left hand, from 18 on the right one. A pickle can run code: this
one is read by maskpose.pickles, which runs none.
"""

from pathlib import Path

import numpy as np

from maskpose import images, metrics, pickles
from maskpose.datasets.reading import existing, field, sample, triples
from maskpose.errors import InputError
from maskpose.files import read_bytes
from maskpose.io.values import shown
from maskpose.variants import KEYPOINTS

NAME = "Rendered Handpose Dataset"
SETS = ("training", "evaluation")
ORDER = [0, *(first + k for first in range(1, KEYPOINTS, 4) for k in (3, 2, 1, 0))]
SIDES = {"left": (slice(0, KEYPOINTS), 2, 17), "right": (slice(KEYPOINTS, 2 * KEYPOINTS), 18, 255)}


def items(root, part, hands="larger"):
    """[(root, part, number, side, 21 (x, y, seen))] of a set, of which each picture gives its larger hand, or ``both``.

    The size of a hand is that of its seen keypoints' box. A hand with fewer than two seen keypoints is none. In the
    place of side and keypoints of a picture whose annotation is broken are None and the problem, which ``read`` raises.
    """
    found, known = [], annotations(root, part)
    for number in sorted(known, key=lambda key: (0, key, "") if type(key) is int else (1, 0, str(key))):
        where = f"anno_{part}.pickle, picture {shown(number)}"
        try:
            if type(number) is not int:
                raise InputError(f"{where}: expected a number")
            labels = labelled(known[number], where)
        except InputError as problem:
            found.append((str(root), part, number, None, str(problem)))
            continue
        seen = {side: rows for side, rows in labels.items() if (rows[:, 2] > 0).sum() >= 2}
        by_size = sorted(seen, key=lambda side: -_size(seen[side]))
        for side in by_size[: 2 if hands == "both" else 1]:
            found.append((str(root), part, number, side, tuple(map(tuple, seen[side].tolist()))))
    return found


def annotations(root, part):
    """{picture's number: annotation} of a set. Raises InputError for a pickle that is broken or wants more."""
    path = existing(Path(root) / part / f"anno_{part}.pickle")
    document = pickles.load(path)
    if not isinstance(document, dict):
        raise InputError(f"{path} is not a pickle of annotations: expected a dictionary of pictures' numbers")
    return document


def labelled(annotation, where):
    """{"left", "right": (21, 3) x, y, seen in the usual order}. Raises InputError that names ``where``."""
    try:
        both = np.asarray(field(annotation, "uv_vis", where), float).reshape(2 * KEYPOINTS, 3)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"{where}: uv_vis is not {2 * KEYPOINTS} x, y, seen") from None
    if not np.isfinite(both).all():
        raise InputError(f"{where}: uv_vis has numbers that are not finite")
    return {side: both[rows][ORDER] for side, (rows, _, _) in SIDES.items()}


def read(item, crop=0.0):
    """crop: factor of the square about the hand, 0 for the whole picture."""
    root, part, number, side, rows = item
    if side is None:
        raise InputError(rows)
    folder = Path(root) / part
    keypoints, flags = triples(rows, f"anno_{part}.pickle, picture {number}")
    _, lowest, highest = SIDES[side]
    path = folder / "mask" / f"{number:05d}.png"
    ids = images.decode_gray(read_bytes(path), str(path))
    mask = (ids >= lowest) & (ids <= highest)
    found = sample(
        folder / "color" / f"{number:05d}.png", f"{number:05d}_{side}.png", keypoints, flags > 0, mask, source="rhd",
        side=side, group=f"{part}/{number:05d}",
    )  # fmt: skip
    return [found.cropped(crop) if crop else found]


def _size(rows):
    return metrics.box_size(rows[None, :, :2], rows[None, :, 2] > 0)[0]
