"""Reading images robustly, and writing them so that no half-written file is ever seen.

Images are OpenCV's: (h, w, 3) uint8 BGR, or (h, w) for masks. All bytes from outside come through here, and go to
``maskpose.io.jpeg``, ``maskpose.io.png`` or, for other kinds, ``maskpose.io.pillow_images``. What is cut short or
damaged is an error. What has more pixels than ``maskpose.io.pixel_limit`` allows is an error before it is decoded. All
that is read is upright (``maskpose.io.orientation``). `name` is whatever the user knows the bytes by, for error
messages.
"""

import logging
import os
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from maskpose.errors import InputError
from maskpose.io import jpeg, pillow_images, png
from maskpose.io.files import read_bytes, write_bytes
from maskpose.io.image_kinds import kind_of
from maskpose.io.orientation import make_upright, reduced_to_whole, upright_size

REMARKS = logging.getLogger(__name__)
LARGEST_REDUCTION = 8


@dataclass(frozen=True)
class ReducedImage:
    """An upright image whose pixels may each stand for a block of the whole image's pixels."""

    image: np.ndarray  # (h, w, 3) uint8 BGR
    to_whole: np.ndarray  # 2x3, from this image's pixels to the whole image's
    width: int  # of the whole image
    height: int


def decode_color(data: bytes, name: str) -> np.ndarray:
    """Decode the bytes of an image to (h, w, 3) uint8 BGR, upright.

    Grey, palette and CMYK become BGR, 16 bits are scaled to 8, and alpha is dropped: the colour stored under a
    transparent pixel shows, as OpenCV and Pillow's ``convert("RGB")`` have it. Of an animation or several pages it is
    the first, which is logged. Raises InputError naming `name` when the bytes are empty, cut short, damaged, of more
    pixels than an image may have, or not an image.
    """
    if _kind(data, name) == "JPEG":
        header = jpeg.read_header(data, name)
        return make_upright(header.decode(), header.orientation)
    loaded = _load(data, name)
    return make_upright(loaded.color(), loaded.orientation)


def decode_gray(data: bytes, name: str) -> np.ndarray:
    """Decode the bytes of a mask to (h, w) uint8: brightness, 16 bits scaled to 8, alpha dropped.

    A palette mask gives the brightness of its colours, not its indices. Orientation and errors are as in
    `decode_color`, so a mask and its image stay aligned.
    """
    if _kind(data, name) == "JPEG":
        header = jpeg.read_header(data, name)
        return make_upright(header.decode("GRAY"), header.orientation)
    loaded = _load(data, name)
    return make_upright(loaded.gray(), loaded.orientation)


def decode_reduced(data: bytes, name: str, reduction: int) -> ReducedImage:
    """Decode an image as ``decode_color`` does, a JPEG to a pixel for each block of ``reduction`` x ``reduction``.

    That takes less time. Other kinds are decoded whole. ``reduction`` is 1, 2, 4 or 8.
    """
    if _kind(data, name) == "JPEG":
        header = jpeg.read_header(data, name)
        size = upright_size(header.width, header.height, header.orientation)
        image = make_upright(header.decode(reduction=reduction), header.orientation)
        return ReducedImage(image, reduced_to_whole(*size, header.orientation, reduction), *size)
    loaded = _load(data, name, remark=False)  # training decodes it again and again
    image = make_upright(loaded.color(), loaded.orientation)
    return ReducedImage(image, np.eye(2, 3), image.shape[1], image.shape[0])


def read_color(path: str | Path) -> np.ndarray:
    """Read an image as `decode_color` does. Raises InputError naming the file."""
    return decode_color(read_bytes(path), str(path))


def image_size(data: bytes, name: str) -> tuple[int, int]:
    """(width, height) of an image as ``decode_color`` gives it. Raises InputError as that does, for damage, too."""
    if _kind(data, name) == "JPEG":
        header = jpeg.read_header(data, name)
        header.decode("GRAY", LARGEST_REDUCTION)  # reads all of its data
        return upright_size(header.width, header.height, header.orientation)
    height, width = decode_gray(data, name).shape
    return width, height


def write_image(path, image):
    """Write (h, w) or (h, w, 3|4) uint8 to `path`, encoded by its suffix.

    The file is written beside `path` and then renamed; its folder is made where it is missing. Raises
    InputError when the suffix is no picture's or the folder cannot be written.
    """
    path = Path(path)
    if not path.suffix.isascii() or not cv2.haveImageWriter(f"image{path.suffix}"):
        raise InputError(f"{path}: cannot write a picture with the suffix {path.suffix!r}")
    encoded, buffer = cv2.imencode(path.suffix, image)
    if not encoded:
        raise InputError(f"{path}: the picture cannot be encoded as {path.suffix!r}")
    write_bytes(path, buffer)


def _kind(data, name):
    """The kind of an image. Raises InputError if it is none."""
    if not data:
        raise InputError(f"{name} is empty")
    if (kind := kind_of(data)) is None:
        raise InputError(f"{name} cannot be decoded: it is damaged, or not an image of a kind that is read here")
    return kind


def _load(data, name, remark=True):
    """An image that is no JPEG, with methods color and gray; ``remark``: log that it has several frames."""
    kind = kind_of(data)
    loaded = png.load(data, name) if kind == "PNG" else pillow_images.load(data, kind, name)
    if remark and loaded.has_more:
        REMARKS.warning("%s has several frames or pages: the first is read", name)
    return loaded


def as_image(image):
    """(h, w, 3) uint8 BGR of a picture or of a photograph's path. Raises InputError for anything else."""
    if isinstance(image, (str, os.PathLike)):
        return read_color(image)
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        kind = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
        raise InputError(f"expected a path or a picture (h, w, 3) uint8 BGR, not {kind}")
    if not image.size:
        raise InputError("the picture has no pixels")
    return image
