"""A database of squares about the hands of another: larger hands from the same images."""

from typing import Any

import numpy as np

from maskpose import boxes
from maskpose.data.build import build_items
from maskpose.data.database import Reader
from maskpose.data.sample import Sample
from maskpose.errors import InputError
from maskpose.io.paths import PathLike

SMALLEST = 56  # pixels of a hand: a smaller one is all blur in the network's input
MIN_VISIBLE = 8  # keypoints: with fewer, the square would be about a piece of the hand


def crop(
    reader: Reader,
    path: PathLike,
    factors: tuple[float, float],
    seed: int,
    about: dict[str, Any] | None = None,
    origin: str | None = None,
) -> dict[str, Any]:
    """Write a square about each hand of a database into the database ``path``; return its manifest.

    The square's side is the larger side of the visible keypoints' box times a factor. Hands of fewer than MIN_VISIBLE
    visible keypoints and hands smaller than SMALLEST pixels are left out, and so are images without a hand.

    Args:
        reader: of the database with the hands.
        path: of the new database.
        factors: (low, high), between which each factor is sampled evenly, by the seed and the sample's number.
        seed: of the factors.
        about: what the manifest holds besides.
        origin: noted in every sample in place of its own; None: each keeps its own.

    Raises:
        InputError: a factor is below 1 or they are the wrong way round, the database is damaged, ``path`` exists, or no
            hand is left.
    """
    low, high = factors
    if not 1 <= low <= high < np.inf:
        raise InputError(f"the factors must be 1 or more, the lower one first, not {low:g} and {high:g}")
    reader.refuse_damaged()

    def read(index: int) -> list[Sample]:
        sample = reader[index]
        if sample.visible.sum() < MIN_VISIBLE or boxes.span(sample.keypoints, sample.visible) < SMALLEST:
            return []
        return [sample.cropped(np.random.default_rng((seed, index)).uniform(*factors))]

    note = {"cropped": str(reader.path), "factors": list(factors), "seed": seed, **(about or {})}
    manifest, _ = build_items(path, list(range(len(reader))), read, about=note, origin=origin)
    return manifest
