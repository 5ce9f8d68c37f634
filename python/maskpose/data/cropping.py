"""A database of squares about the hands of another: larger hands out of the same pictures."""

import numpy as np

from maskpose import boxes
from maskpose.data.build import build_items
from maskpose.errors import InputError

SMALLEST = 56  # pixels: a hand cut out of fewer is all blur in the network's input
VISIBLE = 8  # keypoints: from fewer the square would be about a piece of the hand


def crop(reader, path, factors, seed, about=None):
    """Write into the database ``path`` a square of each hand of a maskpose.data.database.Reader; give its manifest.

    The square's side is the larger one of the visible keypoints' box times a factor, drawn evenly from ``factors``
    (low, high) by ``seed`` and the sample's number. Hands of fewer than VISIBLE visible keypoints, or smaller than
    SMALLEST pixels, are left out, and with them images without a hand. Raises InputError for factors below 1 or the
    wrong way round, for a database that is damaged, where ``path`` exists and where no hand is left.
    """
    low, high = factors
    if not 1 <= low <= high < np.inf:
        raise InputError(f"the factors must be 1 or more, the lower one first, not {low:g} and {high:g}")
    reader.refuse_damaged()

    def read(index):
        sample = reader[index]
        if sample.visible.sum() < VISIBLE or boxes.span(sample.keypoints, sample.visible) < SMALLEST:
            return []
        return [sample.cropped(np.random.default_rng((seed, index)).uniform(*factors))]

    note = {"cropped": str(reader.path), "factors": list(factors), "seed": seed, **(about or {})}
    manifest, _ = build_items(path, list(range(len(reader))), read, about=note)
    return manifest
