"""Reading images robustly, and writing them so that nobody ever sees a half-written file.

Images are OpenCV's: (h, w, 3) uint8 BGR, or (h, w) for masks. All image bytes from outside pass through this module. It
hands them to ``maskpose.io.jpeg``, ``maskpose.io.png`` or, for other kinds, ``maskpose.io.pillow_images``.

An image that is cut short or damaged is an error. An image of more pixels than ``maskpose.io.pixel_limit`` allows is an
error before it is decoded. Every decoded image is upright (``maskpose.io.orientation``). The argument ``name`` is what
the user knows the bytes by; messages begin with it.
"""

import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from maskpose.errors import InputError
from maskpose.io import jpeg, pillow_images, png
from maskpose.io.files import read_bytes, write_bytes
from maskpose.io.image_kinds import kind_of
from maskpose.io.orientation import make_upright, reduced_to_whole, upright_size
from maskpose.io.paths import PathLike

REMARKS = logging.getLogger(__name__)
LARGEST_REDUCTION = 8


@dataclass(frozen=True)
class ReducedImage:
    """An upright image, each pixel of which may stand for a block of the whole image's pixels."""

    image: npt.NDArray[np.uint8]  # (h, w, 3) BGR
    to_whole: npt.NDArray[np.float64]  # 2x3, from this image's pixels to the whole image's
    width: int  # of the whole image, pixels
    height: int


def decode_color(data: bytes, name: str) -> npt.NDArray[np.uint8]:
    """Decode the bytes of an image to (h, w, 3) uint8 BGR, upright.

    Grey, palette and CMYK become BGR. 16 bits are scaled to 8. Alpha is dropped: the colour stored under a transparent
    pixel shows, as in OpenCV and in Pillow's ``convert("RGB")``. The first frame or page is read; a log message says so
    if there are several.

    Raises:
        InputError: the bytes are empty, cut short, damaged or not an image, or the image has too many pixels.
    """
    if _kind(data, name) == "JPEG":
        header = jpeg.read_header(data, name)
        return make_upright(header.decode(), header.orientation)
    loaded = _load(data, name)
    return make_upright(loaded.color(), loaded.orientation)


def decode_gray(data: bytes, name: str) -> npt.NDArray[np.uint8]:
    """Decode the bytes of a mask to (h, w) uint8: brightness, 16 bits scaled to 8, alpha dropped.

    A palette mask gives the brightness of its colours, not its indices. Orientation and errors are those of
    ``decode_color``, so that a mask and its image stay aligned.
    """
    if _kind(data, name) == "JPEG":
        header = jpeg.read_header(data, name)
        return make_upright(header.decode("GRAY"), header.orientation)
    loaded = _load(data, name)
    return make_upright(loaded.gray(), loaded.orientation)


def decode_reduced(data: bytes, name: str, reduction: int) -> ReducedImage:
    """Decode an image as ``decode_color`` does, a JPEG at a reduced size, which takes less time.

    Args:
        data: all bytes of the file.
        name: of the file, for messages.
        reduction: 1, 2, 4 or 8: the side of the block of a JPEG's pixels that becomes one pixel. Other kinds are
            decoded whole.
    """
    if _kind(data, name) == "JPEG":
        header = jpeg.read_header(data, name)
        size = upright_size(header.width, header.height, header.orientation)
        image = make_upright(header.decode(reduction=reduction), header.orientation)
        return ReducedImage(image, reduced_to_whole(*size, header.orientation, reduction), *size)
    loaded = _load(data, name, remark=False)  # training decodes it again and again
    image = make_upright(loaded.color(), loaded.orientation)
    return ReducedImage(image, np.eye(2, 3), image.shape[1], image.shape[0])


def read_color(path: PathLike) -> npt.NDArray[np.uint8]:
    """Read an image file as ``decode_color`` does. Raises InputError that names the file."""
    return decode_color(read_bytes(path), str(path))


def image_size(data: bytes, name: str) -> tuple[int, int]:
    """Return (width, height) of the image that ``decode_color`` gives, pixels. Raises InputError as that does."""
    if _kind(data, name) == "JPEG":
        header = jpeg.read_header(data, name)
        header.decode("GRAY", LARGEST_REDUCTION)  # reads all of its data
        return upright_size(header.width, header.height, header.orientation)
    height, width = decode_gray(data, name).shape
    return width, height


def write_image(path: PathLike, image: npt.NDArray[Any]) -> None:
    """Write an image, whole or not at all; its folder is made if it is missing.

    Args:
        path: of the file; its suffix says how the image is encoded.
        image: (h, w) or (h, w, 3|4) uint8, colours in the order B, G, R.

    Raises:
        InputError: the suffix is not an image's, or the folder cannot be written.
    """
    path = Path(path)
    if not path.suffix.isascii() or not cv2.haveImageWriter(f"image{path.suffix}"):
        raise InputError(f"{path}: cannot write an image with the suffix {path.suffix!r}")
    encoded, buffer = cv2.imencode(path.suffix, image)
    if not encoded:
        raise InputError(f"{path}: the image cannot be encoded as {path.suffix!r}")
    write_bytes(path, buffer.data)


def as_image(image: PathLike | npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return an image (h, w, 3) uint8 BGR as it is, or read it from a path. Raises InputError for anything else."""
    if isinstance(image, (str, os.PathLike)):
        return read_color(image)
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        kind = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
        raise InputError(f"expected a path or an image (h, w, 3) uint8 BGR, not {kind}")
    if not image.size:
        raise InputError("the image has no pixels")
    return image


def _kind(data: bytes, name: str) -> str:
    """Return the kind of an image. Raises InputError if the bytes are not an image."""
    if not data:
        raise InputError(f"{name} is empty")
    if (kind := kind_of(data)) is None:
        raise InputError(f"{name} cannot be decoded: it is damaged, or not an image of a kind that is read here")
    return kind


def _load(data: bytes, name: str, remark: bool = True) -> png.Png | pillow_images.Loaded:
    """Return an image that is not a JPEG; ``remark``: log that it has several frames."""
    kind = _kind(data, name)
    loaded = png.load(data, name) if kind == "PNG" else pillow_images.load(data, kind, name)
    if remark and loaded.has_more:
        REMARKS.warning("%s has several frames or pages: the first is read", name)
    return loaded
