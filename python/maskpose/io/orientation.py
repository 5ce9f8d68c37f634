"""How an image is turned upright: one answer for all who read it.

Orientations are those of EXIF: 1 upright, 2 mirrored, 3 upside down, 4 both, 5 to 8 the same with rows and columns
exchanged.
"""

import contextlib
import re
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.ExifTags import Base

from maskpose.io.pillow_errors import PILLOW_ERRORS

UPRIGHT = 1
TURNS = {  # orientation: (whether rows and columns are exchanged, then x is reversed, y is reversed)
    1: (False, False, False), 2: (False, True, False), 3: (False, True, True), 4: (False, False, True),
    5: (True, False, False), 6: (True, True, False), 7: (True, True, True), 8: (True, False, True),
}  # fmt: skip
XMP = re.compile(rb"tiff:Orientation\s*(?:=\s*[\"']|>)\s*([1-8])\s*[\"'<]")


def stated_orientation(exif: Image.Exif, xmp: bytes | str = b"") -> int:
    """Return the orientation that an image's EXIF states, else the one that its XMP states, else 1.

    The EXIF value may be any type of number, or a digit. A value that is not an orientation counts as none.
    """
    match = XMP.search(xmp.encode("utf-8", "replace") if isinstance(xmp, str) else xmp)
    return _orientation(exif.get(Base.Orientation)) or (int(match[1]) if match else UPRIGHT)


def loaded_exif(data: bytes) -> Image.Exif:
    """Return the EXIF in the bytes of a JPEG's segment; of damaged EXIF, what can be read."""
    exif = Image.Exif()
    with contextlib.suppress(*PILLOW_ERRORS):
        exif.load(data)
    return exif


def pending_orientation(image: Image.Image) -> int:
    """Return the orientation that an image of Pillow must be turned from once it is loaded.

    Pillow turns a TIFF itself while it loads it, and reports the turns of an AVIF (irot, imir) as EXIF.
    """
    try:
        exif = image.getexif()
    except PILLOW_ERRORS:
        exif = Image.Exif()
    if image.format == "TIFF" and exif.get(Base.Orientation) in TURNS:
        return UPRIGHT
    return stated_orientation(exif, image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b"")


def _orientation(value: Any) -> int | None:
    """Return a value of EXIF as an orientation, or None."""
    first: Any = value[0] if isinstance(value, (tuple, list)) and value else value
    if isinstance(first, bytes):  # of the types BYTE and UNDEFINED
        first = int.from_bytes(first[:1], "big")
    try:
        number = int(first)
    except (TypeError, ValueError, ArithmeticError):
        return None
    return number if number in TURNS and number == float(first) else None


def make_upright(image: npt.NDArray[Any], orientation: int) -> npt.NDArray[Any]:
    """Return an image (h, w[, c]) turned upright from an orientation, contiguous."""
    exchanged, x_reversed, y_reversed = TURNS[orientation]
    image = image.swapaxes(0, 1) if exchanged else image
    return np.ascontiguousarray(image[:: -1 if y_reversed else 1, :: -1 if x_reversed else 1])


def upright_size(width: int, height: int, orientation: int) -> tuple[int, int]:
    """Return (width, height) of an image once it is turned upright from an orientation."""
    return (height, width) if TURNS[orientation][0] else (width, height)


def reduced_to_whole(width: int, height: int, orientation: int, reduction: int) -> npt.NDArray[np.float64]:
    """Return the map from the pixels of an upright image, decoded at a reduced size, to those of the whole image.

    A decoder's blocks of ``reduction`` x ``reduction`` pixels begin at the stored image's top left corner. The last
    column and row of blocks may reach beyond the stored image; in the upright image they may be the first ones.

    Args:
        width: of the whole upright image, pixels.
        height: of the whole upright image, pixels.
        orientation: that the stored image was turned from.
        reduction: side of a block, pixels.

    Returns:
        2x3 float64; pixel centres lie at integers.
    """
    _, x_reversed, y_reversed = TURNS[orientation]
    affine = np.zeros((2, 3))
    for axis, (side, is_reversed) in enumerate(((width, x_reversed), (height, y_reversed))):
        beyond = -side % reduction if is_reversed else 0
        affine[axis, axis] = reduction
        affine[axis, 2] = (reduction - 1) / 2 - beyond
    return affine
