"""Images of every kind but JPEG and PNG, read by Pillow: the first frame or page of each."""

import io
from dataclasses import dataclass

import cv2
import numpy as np
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

OPENERS = {  # not Image.open: its limit of pixels is another, and it tries kinds that run other programs
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
    """A picture in memory. ``orientation`` is the one that it has to be turned from."""

    picture: Image.Image
    kind: str
    name: str
    orientation: int
    has_more: bool  # frames or pages

    def color(self) -> np.ndarray:
        """The stored image, not turned: (h, w, 3) uint8 BGR; alpha is dropped."""
        return cv2.cvtColor(np.asarray(self._converted("RGB")), cv2.COLOR_RGB2BGR)

    def gray(self) -> np.ndarray:
        """The stored image's brightness, not turned: (h, w) uint8; alpha is dropped."""
        return np.array(self._converted("L"))

    def _converted(self, mode):
        """The picture with 8 bits a channel. Raises InputError where its numbers or colours have no such form."""
        picture = self.picture
        if picture.mode.startswith("I;16") or (picture.mode == "I" and self.kind == "PPM"):
            values = np.asarray(picture).astype(np.uint32)
            picture = Image.fromarray(((values * 255 + 32767) // 65535).astype(np.uint8))
        if picture.mode in UNBOUNDED:
            raise InputError(f"{self.name} holds {UNBOUNDED[picture.mode]}: expected 8 or 16 bits a channel")
        if picture.mode in PREMULTIPLIED:
            picture = picture.convert(PREMULTIPLIED[picture.mode])
        try:
            return picture.convert(mode)
        except PILLOW_ERRORS:
            raise InputError(f"{self.name} has colours ({picture.mode}) that cannot be made red, green, blue") from None


def load(data: bytes, kind: str, name: str) -> Loaded:
    """The picture in the bytes of a file. ``kind`` is as ``maskpose.io.image_kinds.kind_of`` gives it.

    Raises InputError that names ``name``: cut short, damaged, more pixels than an image may have, nothing installed
    that reads it.
    """
    opener = _opener(kind, name)
    try:
        picture = opener(io.BytesIO(data))
    except PILLOW_ERRORS:
        more = ", or has channels of more than 16 bits" if kind == "TIFF" else ""
        raise InputError(f"{name} cannot be decoded: it is truncated, damaged or not an image{more}") from None
    check_pixels(*picture.size, name)
    try:
        has_more = bool(getattr(picture, "is_animated", False))
        orientation = pending_orientation(picture)
        picture.load()
    except PILLOW_ERRORS:
        raise InputError(f"{name} is truncated or damaged") from None
    return Loaded(picture, kind, name, orientation, has_more)


def _opener(kind, name):
    if kind != "HEIF":
        if kind == "AVIF" and not AvifImagePlugin.SUPPORTED:
            raise InputError(f"{name} is an AVIF: this Pillow was built without it (pip install pillow)")
        return OPENERS[kind]
    try:
        from pillow_heif import HeifImageFile
    except ImportError:
        raise InputError(f"{name} is a HEIC image: reading it needs pillow-heif (pip install pillow-heif)") from None
    return HeifImageFile
