"""PNGs, decoded by OpenCV once every checksum is right: neither OpenCV nor Pillow checks all of them."""

import io
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, PngImagePlugin

from maskpose.errors import InputError
from maskpose.io.orientation import UPRIGHT, pending_orientation
from maskpose.io.pillow_errors import PILLOW_ERRORS
from maskpose.io.pixel_limit import check_pixels

START = b"\x89PNG\r\n\x1a\n"
PIXELS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")  # chunks that the pixels of the first frame depend on
EXIF_OR_TEXT = (b"eXIf", b"tEXt", b"zTXt", b"iTXt")
TURNING_TEXTS = (b"XML:com.adobe.xmp\0", b"Raw profile type exif\0", b"Raw profile type APP1\0")


@dataclass(frozen=True)
class Png:
    """A PNG whose chunks are whole. ``width`` and ``height`` are those of the stored image."""

    data: bytes  # of the first frame, without metadata
    name: str
    width: int  # pixels
    height: int
    orientation: int
    has_more: bool  # frames

    def color(self) -> npt.NDArray[np.uint8]:
        """Return the stored image, not turned: (h, w, 3) uint8 BGR; alpha is dropped. Raises InputError for damage."""
        return self._decoded(cv2.IMREAD_COLOR)

    def gray(self) -> npt.NDArray[np.uint8]:
        """Return the stored brightness, not turned: (h, w) uint8; alpha is dropped. Raises InputError for damage."""
        return self._decoded(cv2.IMREAD_GRAYSCALE)

    def _decoded(self, mode: int) -> npt.NDArray[np.uint8]:
        try:
            image = cv2.imdecode(np.frombuffer(self.data, np.uint8), mode)
        except cv2.error:
            image = None
        if image is None:
            raise InputError(f"{self.name} is damaged: a part of its image is lost")
        return np.asarray(image, np.uint8)


def load(data: bytes, name: str) -> Png:
    """Check the chunks of the PNG in the bytes of a file.

    Args:
        data: all bytes of the file.
        name: of the file, for messages.

    Raises:
        InputError: the file is cut short, a checksum is wrong, or the image has more pixels than an image may have.
    """
    chunks, turning, frames = [], [], 1
    for kind, chunk in _checked_chunks(data, name):
        if kind in PIXELS:
            chunks.append(chunk)
        elif kind == b"eXIf" or (kind in EXIF_OR_TEXT and bytes(chunk[8:32]).startswith(TURNING_TEXTS)):
            turning.append(chunk)
        elif kind == b"acTL" and len(chunk) >= 16:
            frames = int.from_bytes(chunk[8:12], "big")
    if chunks[0][4:8] != b"IHDR" or len(chunks[0]) != 25:
        raise InputError(f"{name} is damaged: it does not begin with its size")
    if sum(chunk[4:8] == b"IHDR" for chunk in chunks) > 1:  # decoders differ in which of them counts
        raise InputError(f"{name} is damaged: it states its size twice")
    width, height = struct.unpack(">II", chunks[0][8:16])
    check_pixels(width, height, name)
    pixels = b"".join([START, *chunks])
    return Png(pixels, name, width, height, _orientation(turning) if turning else UPRIGHT, frames > 1)


def _checked_chunks(data: bytes, name: str) -> list[tuple[bytes, memoryview]]:
    """Return (kind, all bytes) of each chunk. Raises InputError if the last one is missing or a checksum is wrong."""
    chunks: list[tuple[bytes, memoryview]] = []
    view, at, kind = memoryview(data), len(START), b""
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
        chunks.append((kind, view[at:end]))
        at = end
    return chunks


def _orientation(chunks: Sequence[memoryview]) -> int:
    """Return the orientation that EXIF and texts state, as Pillow reads them in an image of one pixel."""
    pixel = io.BytesIO()
    Image.new("L", (1, 1)).save(pixel, "PNG")
    after_header = len(START) + 25
    stub = b"".join([pixel.getvalue()[:after_header], *chunks, pixel.getvalue()[after_header:]])
    try:
        image = PngImagePlugin.PngImageFile(io.BytesIO(stub))
        image.load()
    except PILLOW_ERRORS:
        return UPRIGHT
    return pending_orientation(image)
