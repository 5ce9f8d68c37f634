"""How an image has to be turned to be upright: one answer for all who read it.

Orientations are EXIF's: 1 upright, 2 mirrored, 3 upside down, 4 both, 5 to 8 the same with rows and columns exchanged.
"""

import contextlib
import re

import numpy as np
from PIL import Image
from PIL.ExifTags import Base

from maskpose.io.pillow_errors import PILLOW_ERRORS

UPRIGHT = 1
TURNS = {  # orientation: (rows and columns are exchanged, then x is reversed, y is reversed)
    1: (False, False, False), 2: (False, True, False), 3: (False, True, True), 4: (False, False, True),
    5: (True, False, False), 6: (True, True, False), 7: (True, True, True), 8: (True, False, True),
}  # fmt: skip
XMP = re.compile(rb"tiff:Orientation\s*(?:=\s*[\"']|>)\s*([1-8])\s*[\"'<]")


def stated_orientation(exif: Image.Exif, xmp: bytes | str = b"") -> int:
    """The orientation that an image's metadata state: its EXIF, else its XMP, else 1; what is no orientation is none.

    The EXIF value may be of any type of number, or a digit.
    """
    found = XMP.search(xmp.encode("utf-8", "replace") if isinstance(xmp, str) else xmp)
    return _orientation(exif.get(Base.Orientation)) or (int(found[1]) if found else UPRIGHT)


def loaded_exif(data: bytes) -> Image.Exif:
    """The EXIF in the bytes of a JPEG's segment; of one that is damaged, what can be read."""
    exif = Image.Exif()
    with contextlib.suppress(*PILLOW_ERRORS):
        exif.load(data)
    return exif


def pending_orientation(picture: Image.Image) -> int:
    """The orientation that a picture of Pillow's will have to be turned from once it is loaded.

    Pillow turns a TIFF itself when it loads it, and gives an AVIF's own turns (irot, imir) as EXIF.
    """
    try:
        exif = picture.getexif()
    except PILLOW_ERRORS:
        exif = Image.Exif()
    if picture.format == "TIFF" and exif.get(Base.Orientation) in TURNS:
        return UPRIGHT
    return stated_orientation(exif, picture.info.get("xmp") or picture.info.get("XML:com.adobe.xmp") or b"")


def _orientation(value):
    """A value of EXIF as an orientation, or None."""
    if isinstance(value, (tuple, list)) and value:
        value = value[0]
    if isinstance(value, bytes):  # of the types BYTE and UNDEFINED
        value = int.from_bytes(value[:1], "big")
    try:
        number = int(value)
    except (TypeError, ValueError, ArithmeticError):
        return None
    return number if number in TURNS and number == float(value) else None


def make_upright(image: np.ndarray, orientation: int) -> np.ndarray:
    """The upright image (h, w[, c]) of one that has to be turned from an orientation."""
    exchanged, x_reversed, y_reversed = TURNS[orientation]
    image = image.swapaxes(0, 1) if exchanged else image
    return np.ascontiguousarray(image[:: -1 if y_reversed else 1, :: -1 if x_reversed else 1])


def upright_size(width: int, height: int, orientation: int) -> tuple[int, int]:
    """(width, height) of the upright image."""
    return (height, width) if TURNS[orientation][0] else (width, height)


def reduced_to_whole(width: int, height: int, orientation: int, reduction: int) -> np.ndarray:
    """The 2x3 map from an upright image's pixels, decoded at a ``reduction``, to those of the whole upright image.

    A decoder's blocks of ``reduction`` x ``reduction`` pixels begin at the stored image's top left corner; the last
    column and row of them may reach beyond it. In the upright image these may be the first ones.

    Args:
        width, height: of the whole upright image, in pixels.
    """
    _, x_reversed, y_reversed = TURNS[orientation]
    affine = np.zeros((2, 3))
    for axis, (side, is_reversed) in enumerate(((width, x_reversed), (height, y_reversed))):
        beyond = -side % reduction if is_reversed else 0
        affine[axis, axis] = reduction
        affine[axis, 2] = (reduction - 1) / 2 - beyond
    return affine
