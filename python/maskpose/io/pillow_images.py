"""Images of every kind but JPEG and PNG, read by Pillow: the first frame or page of each."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    Jpeg2KImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from maskpose.errors import InputError
from maskpose.io.orientation import pending_orientation
from maskpose.io.pillow_errors import PILLOW_ERRORS
from maskpose.io.pixel_limit import check_pixels

OPENERS: dict[str, Callable[..., Image.Image]] = {
    # not Image.open: its limit of pixels is another, and it tries kinds that run other programs
    "GIF": GifImagePlugin.GifImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "WEBP": WebPImagePlugin.WebPImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
    "PPM": PpmImagePlugin.PpmImageFile,
    "JPEG2000": Jpeg2KImagePlugin.Jpeg2KImageFile,
    "AVIF": AvifImagePlugin.AvifImageFile,
}
UNBOUNDED = {"F": "floating-point numbers", "I": "numbers of 32 bits"}  # Pillow's modes without a white
PREMULTIPLIED = {"RGBa": "RGBA", "La": "LA"}


@dataclass(frozen=True)
class Loaded:
    """An image of Pillow in memory, as it is stored; it must be turned upright from ``orientation``."""

    pillow: Image.Image
    kind: str
    name: str
    orientation: int
    has_more: bool  # frames or pages

    def color(self) -> npt.NDArray[np.uint8]:
        """Return the stored image, not turned: (h, w, 3) uint8 BGR; alpha is dropped."""
        return np.asarray(cv2.cvtColor(np.asarray(self._converted("RGB")), cv2.COLOR_RGB2BGR), np.uint8)

    def gray(self) -> npt.NDArray[np.uint8]:
        """Return the stored image's brightness, not turned: (h, w) uint8; alpha is dropped."""
        return np.array(self._converted("L"))

    def _converted(self, mode: str) -> Image.Image:
        """Return the image with 8 bits a channel. Raises InputError if its numbers or colours have no such form."""
        image = self.pillow
        if image.mode.startswith("I;16") or (image.mode == "I" and self.kind == "PPM"):
            levels = np.asarray(image).astype(np.uint32)
            image = Image.fromarray(((levels * 255 + 32767) // 65535).astype(np.uint8))
        if image.mode in UNBOUNDED:
            raise InputError(f"{self.name} holds {UNBOUNDED[image.mode]}: expected 8 or 16 bits a channel")
        if image.mode in PREMULTIPLIED:
            image = image.convert(PREMULTIPLIED[image.mode])
        try:
            return image.convert(mode)
        except PILLOW_ERRORS:
            raise InputError(f"{self.name} has colours ({image.mode}) that cannot be made red, green, blue") from None


def load(data: bytes, kind: str, name: str) -> Loaded:
    """Return the image in the bytes of a file.

    Args:
        data: all bytes of the file.
        kind: as ``maskpose.io.image_kinds.kind_of`` gives it.
        name: of the file, for messages.

    Raises:
        InputError: the image is cut short or damaged, has more pixels than an image may have, or nothing is installed
            that reads its kind.
    """
    opener = _opener(kind, name)
    try:
        image = opener(io.BytesIO(data))
    except PILLOW_ERRORS:
        more = ", or has channels of more than 16 bits" if kind == "TIFF" else ""
        raise InputError(f"{name} cannot be decoded: it is truncated, damaged or not an image{more}") from None
    check_pixels(image.width, image.height, name)
    try:
        has_more = bool(getattr(image, "is_animated", False))
        orientation = pending_orientation(image)
        image.load()
    except PILLOW_ERRORS:
        raise InputError(f"{name} is truncated or damaged") from None
    return Loaded(image, kind, name, orientation, has_more)


def _opener(kind: str, name: str) -> Callable[..., Any]:
    if kind != "HEIF":
        if kind == "AVIF" and not AvifImagePlugin.SUPPORTED:
            raise InputError(f"{name} is an AVIF: this Pillow was built without it (pip install pillow)")
        return OPENERS[kind]
    try:
        from pillow_heif import HeifImageFile  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise InputError(f"{name} is a HEIC image: reading it needs pillow-heif (pip install pillow-heif)") from None
    return HeifImageFile
