"""Rendered Handpose Dataset (the paper's [10]): ``{training,evaluation}/{color,mask}/%.5d.png``, ``anno_<set>.pickle``.

The pickle maps a picture's number to ``uv_vis``, 42 x, y, seen: left hand first, each hand the wrist and then the
fingers from tip to base. Mask values 2 to 17 are the left hand, 18 to 33 the right one. A pickle can run code: this
one is read by maskpose.io.safe_pickle, which runs none.
"""

from pathlib import Path

from maskpose import boxes
from maskpose.codecs.masks import decode_labels
from maskpose.data.datasets.reading import existing_path, field, read_entries, sample_from_file, triples
from maskpose.errors import InputError
from maskpose.io import safe_pickle
from maskpose.io.files import read_bytes
from maskpose.io.printable import short_repr
from maskpose.io.values import numbers
from maskpose.model.variants import KEYPOINTS

NAME = "Rendered Handpose Dataset"
SETS = ("training", "evaluation")
ORDER = [0, *(first + k for first in range(1, KEYPOINTS, 4) for k in (3, 2, 1, 0))]
SIDES = {"left": (slice(0, KEYPOINTS), 2, 17), "right": (slice(KEYPOINTS, 2 * KEYPOINTS), 18, 33)}
LARGEST = 33  # value of a mask
MOST = 10**9  # a picture's number is below it


def items(root, part, hands="larger"):
    """[(root, part, number, side, 21 (x, y, seen))] of a set, of which each picture gives its larger hand, or ``both``.

    The size of a hand is that of its seen keypoints' box. A hand with fewer than two seen keypoints is none. In the
    place of a picture whose annotation is broken there is an InputError.
    """
    known = annotations(root, part)

    def read_picture(n, number):
        where = f"anno_{part}.pickle, picture {short_repr(number)}"
        if type(number) is not int or not 0 <= number < MOST:
            raise InputError(f"{where}: expected a number")
        labels = split_hands(known[number], where)
        seen = {side: rows for side, rows in labels.items() if (rows[:, 2] > 0).sum() >= 2}
        by_size = sorted(seen, key=lambda side: -_size(seen[side]))
        chosen = by_size[: 2 if hands == "both" else 1]
        return [(str(root), part, number, side, tuple(map(tuple, seen[side].tolist()))) for side in chosen]

    order = sorted(known, key=lambda key: (0, key, "") if type(key) is int else (1, 0, str(key)))
    return read_entries(order, read_picture)


def annotations(root, part):
    """{picture's number: annotation} of a set. Raises InputError for a pickle that is broken or wants more."""
    path = existing_path(Path(root) / part / f"anno_{part}.pickle")
    document = safe_pickle.load(path)
    if not isinstance(document, dict):
        raise InputError(f"{path} is not a pickle of annotations: expected a dictionary of pictures' numbers")
    return document


def split_hands(annotation, where):
    """{"left", "right": (21, 3) x, y, seen in the usual order}. Raises InputError that names ``where``."""
    both = numbers(field(annotation, "uv_vis", where), (2 * KEYPOINTS, 3), f"{where}, uv_vis")
    return {side: both[rows][ORDER] for side, (rows, _, _) in SIDES.items()}


def read(item, crop=0.0):
    """crop: factor of the square about the hand, 0 for the whole picture."""
    root, part, number, side, rows = item
    folder = Path(root) / part
    keypoints, flags = triples(rows, f"anno_{part}.pickle, picture {number}")
    _, lowest, highest = SIDES[side]
    path = folder / "mask" / f"{number:05d}.png"
    ids = decode_labels(read_bytes(path), str(path))
    if ids.max() > LARGEST:
        raise InputError(f"{path} has the value {ids.max()}: expected 0 to {LARGEST}")
    mask = (ids >= lowest) & (ids <= highest)
    if not mask.any():
        raise InputError(f"{path} has no pixel of the {side} hand ({lowest} to {highest})")
    found = sample_from_file(
        folder / "color" / f"{number:05d}.png", f"{number:05d}_{side}.png", keypoints, flags > 0, mask, origin="rhd",
        side=side, group=f"{part}/{number:05d}",
    )  # fmt: skip
    return [found.cropped(crop) if crop else found]


def _size(rows):
    return boxes.span(rows[:, :2], rows[:, 2] > 0)
