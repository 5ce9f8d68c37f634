"""Rendered Handpose Dataset (the paper's [10]): ``{training,evaluation}/{color,mask}/%.5d.png``, ``anno_<set>.pickle``.

The pickle maps an image's number to ``uv_vis``, 42 x, y, visible: the left hand first, and of each hand the wrist and
then the fingers from tip to base. Mask values 2 to 17 are the left hand, 18 to 33 the right one. A pickle can run code:
maskpose.io.safe_pickle reads this one and runs none.
"""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from maskpose import boxes
from maskpose.codecs.mask_files import decode_labels
from maskpose.data.datasets.reading import read_entries, sample_from_file, triples
from maskpose.data.sample import Sample
from maskpose.errors import InputError, short_repr
from maskpose.io import safe_pickle
from maskpose.io.files import existing_path, read_bytes
from maskpose.io.paths import PathLike
from maskpose.io.values import Where, field, numbers
from maskpose.model.variants import NUM_KEYPOINTS

NAME = "Rendered Handpose Dataset"
SETS = ("training", "evaluation")
ORDER = [0, *(first + k for first in range(1, NUM_KEYPOINTS, 4) for k in (3, 2, 1, 0))]
SIDES = {  # (rows of uv_vis, lowest and highest value in the mask)
    "left": (slice(0, NUM_KEYPOINTS), 2, 17),
    "right": (slice(NUM_KEYPOINTS, 2 * NUM_KEYPOINTS), 18, 33),
}
LARGEST = 33  # value of a mask
MOST = 10**9  # an image's number is below it

Item = tuple[str, str, int, str, tuple[Any, ...]]


def items(root: PathLike, part: str, hands: str = "larger") -> list[Item | InputError]:
    """List the hands of a set. A hand needs two visible keypoints; its size is that of their box.

    Args:
        root: folder of the data set.
        part: one of SETS.
        hands: "larger": the larger hand of each image; "both".

    Returns:
        (root, part, number, side, 21 (x, y, visible)) for each hand. A broken annotation gives an InputError.

    Raises:
        InputError: the pickle cannot be read.
    """
    known = annotations(root, part)

    def read_image(n: int, number: Any) -> list[Item]:
        where = f"anno_{part}.pickle, image {short_repr(number)}"
        if type(number) is not int or not 0 <= number < MOST:
            raise InputError(f"{where}: expected a number")
        both = split_hands(known[number], where)
        labelled = {side: rows for side, rows in both.items() if (rows[:, 2] > 0).sum() >= 2}
        by_size = sorted(labelled, key=lambda side: -_size(labelled[side]))
        chosen = by_size[: 2 if hands == "both" else 1]
        return [(str(root), part, number, side, tuple(map(tuple, labelled[side].tolist()))) for side in chosen]

    order = sorted(known, key=lambda key: (0, key, "") if type(key) is int else (1, 0, str(key)))
    return read_entries(order, read_image)


def annotations(root: PathLike, part: str) -> dict[Any, Any]:
    """Return {image's number: annotation} of a set. Raises InputError if the pickle is damaged, or asks for more."""
    path = existing_path(Path(root) / part / f"anno_{part}.pickle")
    document = safe_pickle.load(path)
    if not isinstance(document, dict):
        raise InputError(f"{path} is not a pickle of annotations: expected a dictionary of images' numbers")
    return document


def split_hands(annotation: Any, where: Where) -> dict[str, npt.NDArray[np.float64]]:
    """Return {"left", "right": (21, 3) x, y, visible in the usual order}. Raises InputError if there are none."""
    both = numbers(field(annotation, "uv_vis", where), (2 * NUM_KEYPOINTS, 3), f"{where}, uv_vis")
    return {side: both[rows][ORDER] for side, (rows, _, _) in SIDES.items()}


def read(item: Item, crop: float = 0.0) -> list[Sample]:
    """Return the sample of an item.

    Args:
        item: of ``items``.
        crop: factor of the square about the hand; 0: the whole image.

    Raises:
        InputError: an image or mask is damaged.
    """
    root, part, number, side, rows = item
    folder = Path(root) / part
    keypoints, flags = triples(rows, f"anno_{part}.pickle, image {number}")
    _, lowest, highest = SIDES[side]
    path = folder / "mask" / f"{number:05d}.png"
    ids = decode_labels(read_bytes(path), str(path))
    if ids.max() > LARGEST:
        raise InputError(f"{path} has the value {ids.max()}: expected 0 to {LARGEST}")
    mask = (ids >= lowest) & (ids <= highest)
    if not mask.any():
        raise InputError(f"{path} has no pixel of the {side} hand ({lowest} to {highest})")
    image, name, group = folder / "color" / f"{number:05d}.png", f"{number:05d}_{side}.png", f"{part}/{number:05d}"
    sample = sample_from_file(image, name, keypoints, flags > 0, mask, origin="rhd", side=side, group=group)
    return [sample.cropped(crop) if crop else sample]


def _size(rows: npt.NDArray[np.float64]) -> float:
    return boxes.span(rows[:, :2], rows[:, 2] > 0)
