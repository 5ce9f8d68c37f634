"""Contact sheets: images in rows, with captions."""

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

SHEET_GREY = 32  # grey level beside the images
CAPTION_HEIGHT = 18  # pixels
CAPTION_FONT = cv2.FONT_HERSHEY_SIMPLEX, 0.4
CAPTION_MARGIN = 3  # pixels
CAPTION_BASELINE = 13  # pixels below the image
GROUP_GAP = 10  # pixels between two groups of columns
GROUP_GREY = 230


def contact_sheet(
    images: Sequence[npt.NDArray[np.uint8]],
    columns: int,
    tile: tuple[int, ...],
    captions: Sequence[str] | None = None,
    group: int | None = None,
) -> npt.NDArray[np.uint8]:
    """Return images in rows, each fitted into a tile and centred.

    Args:
        images: (h, w, 3) BGR or (h, w), at least one.
        columns: how many stand in a row, at most.
        tile: width and height in pixels.
        captions: written right below the images; tiles become as wide as the widest caption needs.
        group: a light line parts every ``group`` columns from the next.

    Raises:
        ValueError: there is no image.
    """
    if not len(images):
        raise ValueError("a contact sheet needs at least one image")
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    width, tile_height = tile
    height = tile_height + (CAPTION_HEIGHT if captions is not None else 0)
    width = max([width, *map(_caption_width, captions or ())])
    group = group or columns
    lines = (columns - 1) // group
    sheet = np.full((rows * height, columns * width + lines * GROUP_GAP, 3), GROUP_GREY, np.uint8)
    for number in range(rows * columns):
        row, column = divmod(number, columns)
        x = column * width + column // group * GROUP_GAP
        cell = sheet[row * height : (row + 1) * height, x : x + width]
        cell[:] = SHEET_GREY
        if number >= len(images):
            continue
        fitted = _fit(images[number], tile)
        top, left = (tile_height - fitted.shape[0]) // 2, (width - fitted.shape[1]) // 2
        bottom = top + fitted.shape[0]
        cell[top:bottom, left : left + fitted.shape[1]] = fitted
        if captions is not None:
            strip = np.full_like(cell, SHEET_GREY)
            origin = (CAPTION_MARGIN, bottom + CAPTION_BASELINE)
            cv2.putText(strip, captions[number], origin, *CAPTION_FONT, (255, 255, 255), 1, cv2.LINE_AA)
            cell[bottom:] = strip[bottom:]
    return sheet


def fitting_size(size: tuple[int, ...], tile: tuple[int, ...]) -> tuple[int, int]:
    """Return the largest size (width, height) of the shape of ``size`` that a tile (width, height) holds."""
    scale = min(tile[0] / size[0], tile[1] / size[1])
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _caption_width(text: str) -> int:
    """Return the pixels that a caption needs, with its margins."""
    return cv2.getTextSize(text, *CAPTION_FONT, 1)[0][0] + 2 * CAPTION_MARGIN


def _fit(image: npt.NDArray[np.uint8], tile: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    """Return the image in BGR, resized to the largest size that a tile holds."""
    if image.ndim == 2:
        image = np.asarray(cv2.cvtColor(image, cv2.COLOR_GRAY2BGR), np.uint8)
    height, width = image.shape[:2]
    size = fitting_size((width, height), tile)
    if size == (width, height):
        return image
    smaller = min(tile[0] / width, tile[1] / height) < 1
    interpolation = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, size, interpolation=interpolation), np.uint8)
