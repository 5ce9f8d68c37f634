"""PNGs, decoded by OpenCV once every checksum is right: neither OpenCV nor Pillow looks at all of them."""

import io
import struct
import zlib
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image, PngImagePlugin

from maskpose.errors import InputError
from maskpose.io.orientation import UPRIGHT, pending_orientation
from maskpose.io.pillow_errors import PILLOW_ERRORS
from maskpose.io.pixel_limit import check_pixels

START = b"\x89PNG\r\n\x1a\n"
PIXELS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")  # parts that the pixels of the first frame depend on
EXIF_OR_TEXT = (b"eXIf", b"tEXt", b"zTXt", b"iTXt")
TURNING_TEXTS = (b"XML:com.adobe.xmp\0", b"Raw profile type exif\0", b"Raw profile type APP1\0")


@dataclass(frozen=True)
class Png:
    """A PNG whose parts are whole. ``width`` and ``height`` are those of the stored image."""

    data: bytes  # of the first frame, without metadata
    name: str
    width: int
    height: int
    orientation: int
    has_more: bool  # frames

    def color(self) -> np.ndarray:
        """The stored image, not turned: (h, w, 3) uint8 BGR; alpha is dropped. Raises InputError for damage."""
        return self._decoded(cv2.IMREAD_COLOR)

    def gray(self) -> np.ndarray:
        """The stored image's brightness, not turned: (h, w) uint8; alpha is dropped. Raises InputError for damage."""
        return self._decoded(cv2.IMREAD_GRAYSCALE)

    def _decoded(self, mode):
        try:
            image = cv2.imdecode(np.frombuffer(self.data, np.uint8), mode)
        except cv2.error:
            image = None
        if image is None:
            raise InputError(f"{self.name} is damaged: a part of its image is lost")
        return image


def load(data: bytes, name: str) -> Png:
    """The checked parts of the PNG in the bytes of a file.

    Raises InputError that names ``name``: cut short, a wrong checksum, more pixels than an image may have.
    """
    view, at = memoryview(data), len(START)
    parts, turning, frames = [], [], 1
    kind = None
    while kind != b"IEND":
        if at + 12 > len(data):
            raise InputError(f"{name} is truncated: its end is missing")
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data):
            raise InputError(f"{name} is truncated: its end is missing")
        if zlib.crc32(view[at + 4 : end - 4]) != int.from_bytes(view[end - 4 : end], "big"):
            shown = kind.decode("ascii", "backslashreplace")
            raise InputError(f"{name} is damaged: the checksum of its part {shown} is wrong")
        if kind in PIXELS:
            parts.append(view[at:end])
        elif kind == b"eXIf" or (kind in EXIF_OR_TEXT and data.startswith(TURNING_TEXTS, at + 8)):
            turning.append(view[at:end])
        elif kind == b"acTL" and length >= 4:
            frames = int.from_bytes(view[at + 8 : at + 12], "big")
        at = end
    if parts[0][4:8] != b"IHDR" or len(parts[0]) != 25:
        raise InputError(f"{name} is damaged: it does not begin with its size")
    if sum(part[4:8] == b"IHDR" for part in parts) > 1:  # decoders differ in which of them counts
        raise InputError(f"{name} is damaged: it states its size twice")
    width, height = struct.unpack(">II", parts[0][8:16])
    check_pixels(width, height, name)
    pixels = b"".join([START, *parts])
    return Png(pixels, name, width, height, _orientation(turning) if turning else UPRIGHT, frames > 1)


def _orientation(parts):
    """The orientation that EXIF and texts state, as Pillow reads them in an image of one pixel."""
    pixel = io.BytesIO()
    Image.new("L", (1, 1)).save(pixel, "PNG")
    after_header = len(START) + 25
    stub = b"".join([pixel.getvalue()[:after_header], *parts, pixel.getvalue()[after_header:]])
    try:
        picture = PngImagePlugin.PngImageFile(io.BytesIO(stub))
        picture.load()
    except PILLOW_ERRORS:
        return UPRIGHT
    return pending_orientation(picture)
