"""JPEGs, decoded by libjpeg-turbo, whole or at a reduced size. Missing or damaged data is an error.

libjpeg shows what it cannot read as grey or shifted blocks, with a warning alone, which many readers ignore.
"""

import io
import re
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import simplejpeg
from PIL import JpegImagePlugin

from maskpose.errors import InputError
from maskpose.io.orientation import UPRIGHT, loaded_exif, stated_orientation
from maskpose.io.pillow_errors import PILLOW_ERRORS
from maskpose.io.pixel_limit import check_pixels

START, END = b"\xff\xd8\xff", b"\xff\xd9"
START_OF_SCAN, APP1, COMMENT = 0xDA, 0xE1, 0xFE
NEEDED_APPLICATION_SEGMENTS = (0xE0, 0xEE)  # those of JFIF and Adobe: they say how colours are read
EXIF, XMP = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"
LOSS = re.compile("Corrupt JPEG data|Premature end")  # how libjpeg's warnings of lost data begin


@dataclass(frozen=True)
class Jpeg:
    """A JPEG whose header is read. ``width`` and ``height`` are those of the stored image, which may not be upright."""

    name: str
    data: bytes | None  # what libjpeg-turbo decodes; None: its interface refuses it, Pillow may not
    original: bytes
    width: int  # pixels
    height: int
    orientation: int

    def decode(self, colours: str = "BGR", reduction: int = 1) -> npt.NDArray[np.uint8]:
        """Decode the stored image without turning it.

        Args:
            colours: BGR or GRAY.
            reduction: 1, 2, 4 or 8; the sides of the result are those of the image divided by it, rounded up.

        Returns:
            (h, w, 3) uint8 BGR, or (h, w) uint8 for GRAY.

        Raises:
            InputError: the image is damaged.
        """
        if self.data is None:
            return self._by_pillow(colours, reduction)
        try:
            return self._by_turbo(self.data, colours, reduction)
        except ValueError:
            data = _without_comments(self.data)  # a warning may be about those, and libjpeg reports the first alone
        try:
            return self._by_turbo(data, colours, reduction)
        except ValueError as error:
            if LOSS.match(str(error)):
                raise InputError(f"{self.name} is damaged: a part of its image is lost ({error})") from None
        return self._by_pillow(colours, reduction)

    def _by_turbo(self, data: bytes, colours: str, reduction: int) -> npt.NDArray[np.uint8]:
        least: dict[str, Any] = {}
        if reduction > 1:
            least = {"min_height": -(-self.height // reduction), "min_width": -(-self.width // reduction)}
        image = simplejpeg.decode_jpeg(data, colours, **least)
        return image[..., 0] if colours == "GRAY" else image

    def _by_pillow(self, colours: str, reduction: int) -> npt.NDArray[Any]:
        pillow = _open_with_pillow(self.original, self.name)
        try:
            image = np.asarray(pillow.convert("L" if colours == "GRAY" else "RGB"))
        except PILLOW_ERRORS:
            raise InputError(f"{self.name} cannot be decoded: it is truncated or damaged") from None
        image = image if colours == "GRAY" else cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
        if reduction == 1:
            return image
        height, width = (-(-side // reduction) for side in image.shape[:2])
        beyond = (height * reduction - image.shape[0], width * reduction - image.shape[1])
        image = cv2.copyMakeBorder(image, 0, beyond[0], 0, beyond[1], cv2.BORDER_REPLICATE)
        return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)


def read_header(data: bytes, name: str) -> Jpeg:
    """Read the header of the JPEG in the bytes of a file.

    Args:
        data: all bytes of the file.
        name: of the file, for messages.

    Raises:
        InputError: the JPEG has no header or no end, or more pixels than an image may have.
    """
    segments, scan = _segments(data)
    if data.rfind(END, scan) < 0:
        raise InputError(f"{name} is truncated: its end is missing")
    decodable = data
    try:
        height, width, *_ = simplejpeg.decode_jpeg_header(data)
    except ValueError:
        try:
            decodable = _without_comments(data)
            height, width, *_ = simplejpeg.decode_jpeg_header(decodable)
        except ValueError:
            decodable = None
            width, height = _open_with_pillow(data, name).size
    width, height = int(width), int(height)
    check_pixels(width, height, name)
    return Jpeg(name, decodable, data, width, height, _orientation(data, segments))


def _orientation(data: bytes, segments: list[tuple[int, int, int]]) -> int:
    """Return the stored image's orientation."""
    metadata = {EXIF: b"", XMP: b""}
    for marker, start, end in segments:
        if marker == APP1:
            for name in metadata:
                if data.startswith(name, start + 4):
                    metadata[name] += data[start + 4 + len(name) : end]
    if not any(metadata.values()):
        return UPRIGHT
    return stated_orientation(loaded_exif(metadata[EXIF]), metadata[XMP])


def _open_with_pillow(data: bytes, name: str) -> JpegImagePlugin.JpegImageFile:
    """Return an image of Pillow whose header alone is read. Raises InputError."""
    try:
        return JpegImagePlugin.JpegImageFile(io.BytesIO(data))
    except PILLOW_ERRORS:
        raise InputError(f"{name} cannot be decoded: it is truncated, damaged or not an image") from None


def is_whole(data: bytes) -> bool:
    """Return whether the image in the bytes of a JPEG reaches its end-of-image marker.

    The search starts at the first scan, since an EXIF thumbnail in the header has an end marker of its own. Within a
    scan the marker's two bytes cannot occur. Bytes after the marker do not matter: cameras add padding or further
    images there.
    """
    return data.rfind(END, _segments(data)[1]) >= 0


def _segments(data: bytes) -> tuple[list[tuple[int, int, int]], int]:
    """Return the segments (marker, start, end) before the first scan, and the scan's offset or the data's length."""
    segments, at = [], 2
    while (at := data.find(b"\xff", at)) >= 0 and at + 4 <= len(data):
        marker = data[at + 1]
        if marker == START_OF_SCAN:
            return segments, at
        if marker in (0x00, 0xFF):  # bytes between segments, which libjpeg skips
            at += 1
            continue
        end = at + 2 + (data[at + 2] << 8 | data[at + 3])
        segments.append((marker, at, end))
        at = end
    return segments, len(data)


def _without_comments(data: bytes) -> bytes:
    """Return the data without the bytes that do not change pixels: application segments, comments, bytes between."""
    segments, scan = _segments(data)
    kept = [
        data[start:end]
        for marker, start, end in segments
        if marker in NEEDED_APPLICATION_SEGMENTS or not (0xE0 <= marker <= 0xEF or marker == COMMENT)
    ]
    return b"".join([data[:2], *kept, data[scan:]])
