"""Windows that show no hand, cut from images that show one: backgrounds, and images on which "no hand" is right."""

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from maskpose.boxes import Box
from maskpose.codecs.masks import pack_mask
from maskpose.data.build import build_items
from maskpose.data.database import Reader
from maskpose.data.sample import Sample
from maskpose.errors import InputError
from maskpose.io.paths import PathLike
from maskpose.model.variants import NUM_KEYPOINTS

MARGIN = 0.15  # of a hand's box: how far a window stays away from the hand
FORBIDDEN_SIDE = 96  # cells of the larger side of the map of what a window must not hold
LEAST = 0.4  # of the image's sides: a smaller window shows too little


def forbidden_cells(sample: Sample) -> tuple[npt.NDArray[np.uint8], float]:
    """Return what a window without a hand must not hold.

    These are the mask, unknown pixels, the visible keypoints, and MARGIN of the hand's box about them all.

    Returns:
        (rows, columns) uint8, 1 in the cells that are forbidden; pixels of a cell's side.
    """
    cell = max(sample.width, sample.height) / FORBIDDEN_SIDE
    hand = sample.keypoints[sample.visible]
    mask, unknown = (_pixels(packed) for packed in (sample.decode_mask(), sample.decode_unknown()))
    cells = np.zeros([max(1, int(np.ceil(side / cell))) for side in (sample.height, sample.width)], np.uint8)
    if not len(taken := np.concatenate([hand, mask, unknown])):
        return cells, cell
    columns, rows = np.clip(taken / cell, 0, np.array(cells.shape[::-1]) - 1).astype(int).T
    cells[rows, columns] = 1
    size = max((np.ptp(part, axis=0).max() for part in (hand, mask) if len(part)), default=0)
    reach = 1 + int(np.ceil(MARGIN * size / cell))
    return np.asarray(cv2.dilate(cells, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)), np.uint8), cell


def largest_free_box(cells: npt.NDArray[np.uint8]) -> Box:
    """Return (x, y, w, h) of the largest box of cells that are 0, the first of several; (0, 0, 0, 0) if none is.

    Args:
        cells: (rows, columns).
    """
    rows = len(cells)
    best = (0, 0, 0, 0)
    for top in range(rows):
        blocked = np.zeros(cells.shape[1], bool)
        for bottom in range(top, rows):
            blocked |= cells[bottom] > 0
            height = bottom - top + 1
            walls = np.flatnonzero(np.concatenate([[True], blocked, [True]]))
            gap = int(np.argmax(np.diff(walls)))
            x, width = int(walls[gap]), int(walls[gap + 1] - walls[gap] - 1)
            if width * height > best[2] * best[3]:
                best = (x, top, width, height)
    return best


def without_hand(sample: Sample, least: float = LEAST) -> Sample | None:
    """Return the largest window of an image that shows nothing of its hand, as a sample without a hand.

    The image is encoded anew, as a JPEG of JPEG_QUALITY. Hands that the labels do not know stay in it.

    Args:
        sample: an image with a hand, or with none.
        least: of the image's width and height: what the window's have at least.

    Returns:
        None if no window is large enough, or if nothing says where the hand is.

    Raises:
        InputError: the image or the mask is damaged.
    """
    if not sample.visible.any() and not sample.mask:
        return None
    cells, cell = forbidden_cells(sample)
    x, y, w, h = largest_free_box(cells)
    left, top = int(np.ceil(x * cell)), int(np.ceil(y * cell))
    right, bottom = min(int((x + w) * cell), sample.width), min(int((y + h) * cell), sample.height)
    if right - left < least * sample.width or bottom - top < least * sample.height:
        return None
    window = sample.decode_image()[top:bottom, left:right]
    no_keypoints = np.full((NUM_KEYPOINTS, 2), -1, np.float32)
    no_hand = pack_mask(np.zeros(window.shape[:2], bool))
    cut = sample.with_image(window, no_keypoints, lambda pixels: pixels[top:bottom, left:right])
    return replace(cut, visible=np.zeros(NUM_KEYPOINTS, bool), mask=no_hand, unknown=b"", side="")


def build_backgrounds(
    reader: Reader,
    path: PathLike,
    least: float = LEAST,
    about: dict[str, Any] | None = None,
    origin: str | None = None,
) -> dict[str, Any]:
    """Write a window without a hand of every image that has one into the database ``path``; return its manifest.

    Args:
        reader: of the database with the images.
        path: of the new database.
        least: of an image's width and height: what a window's have at least.
        about: what the manifest holds besides.
        origin: noted in every sample in place of its own; None: each keeps its own.

    Raises:
        InputError: ``least`` is not above 0 and at most 1, the database is damaged, ``path`` exists, or no image has
            such a window.
    """
    if not 0 < least <= 1:
        raise InputError(f"the least share must be above 0 and at most 1, not {least:g}")
    reader.refuse_damaged()

    def read(index: int) -> list[Sample]:
        window = without_hand(reader[index], least)
        return [] if window is None else [window]

    note = {"backgrounds_of": str(reader.path), "least": least, **(about or {})}
    manifest, _ = build_items(path, list(range(len(reader))), read, about=note, origin=origin)
    return manifest


def _pixels(mask: npt.NDArray[np.uint8] | None) -> npt.NDArray[Any]:
    """Return x and y of a mask's pixels, (n, 2); of None, none."""
    return np.empty((0, 2)) if mask is None else np.argwhere(mask)[:, ::-1]
