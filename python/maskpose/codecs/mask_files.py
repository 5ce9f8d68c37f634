"""Mask files and label maps of every kind, decoded: which pixels are hand, or which number each has."""

import io
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import simplejpeg
from PIL import Image, PngImagePlugin

from maskpose.codecs.masks import WHITE, BoolMask, more_than_half
from maskpose.errors import InputError
from maskpose.io import images, pillow_images, png
from maskpose.io.image_kinds import kind_of
from maskpose.io.orientation import make_upright
from maskpose.io.pillow_errors import PILLOW_ERRORS

WHITE_16 = 65535
NOISE = 16  # of 255: what lossy compression leaves on black
COLOURLESS = 32  # of 255: the most that the channels of lossily compressed grey differ by
LOSSY = ("JPEG", "WEBP", "JPEG2000", "AVIF", "HEIF")
STEPS = {1: 255, 2: 85, 4: 17, 8: 1}  # by bits of a grey PNG: what decoders multiply its values by
GREY = 0  # the kind of colour in a PNG's header


def decode_mask(data: bytes, name: str) -> BoolMask:
    """Return which pixels of a mask file are hand, upright. If the file is black, none is.

    Pixels brighter than half are hand. In a file without loss, hand may be any one value or colour beside black: label
    maps of 0 and 1, palettes. In a file with transparent pixels the opaque ones are hand; if these are black and white,
    the bright ones of them.

    Args:
        data: all bytes of the file.
        name: of the file, for messages.

    Returns:
        (h, w) bool.

    Raises:
        InputError: the file cannot be decoded, or may mean several things: it has several colours, several dark values,
            or transparent pixels beside several brightnesses.
    """
    kind = kind_of(data)
    if kind is None or _is_plain_grey(data, kind):
        return _hand_of_levels(images.decode_gray(data, name), WHITE, name, kind in LOSSY)
    if kind == "JPEG":
        return _hand_of_colours(images.decode_color(data, name), name, lossy=True)
    image, orientation = _open(data, kind, name)
    if image.mode == "F":
        raise InputError(f"{name} holds floating-point numbers: expected black and white")
    if image.mode.startswith("I"):
        hand = _hand_of_levels(np.asarray(image), WHITE_16, name)
    elif _has_transparency(image, name):
        hand = _hand_of_alpha(_converted(image, "RGBA", name), name, kind in LOSSY)
    else:
        hand = _hand_of_colours(_converted(image, "RGB", name), name, kind in LOSSY)
    return make_upright(hand, orientation)


def decode_labels(data: bytes, name: str) -> npt.NDArray[np.integer[Any]]:
    """Return the numbers that a label map gives to its pixels, upright: as they are stored, not as they are shown.

    A palette gives its indices, or its colours if all of them are grey (a grey image that was packed). 16 bits stay.

    Args:
        data: all bytes of the file.
        name: of the file, for messages.

    Returns:
        (h, w) integers.

    Raises:
        InputError: the file cannot be decoded, is coloured, or is compressed with loss.
    """
    kind = kind_of(data)
    if kind is None:
        return images.decode_gray(data, name)  # raises
    if kind in LOSSY:
        raise InputError(f"{name} is compressed with loss: its labels cannot be told")
    image, orientation = _open(data, kind, name)
    return make_upright(_labels(image, data, name), orientation)


def _labels(image: Image.Image, data: bytes, name: str) -> npt.NDArray[np.integer[Any]]:
    if image.mode.startswith("I"):
        return np.asarray(image).astype(np.int64)
    if image.mode == "P":
        indices, colours = np.asarray(image), np.zeros((256, 3), np.uint8)
        palette = np.array(image.getpalette("RGB"), np.uint8).reshape(-1, 3)
        colours[: len(palette)] = palette
        return colours[indices][..., 0] if _are_grey(colours[np.unique(indices)]) else indices
    if _has_transparency(image, name) and _converted(image, "RGBA", name)[..., 3].min() < WHITE:
        raise InputError(f"{name} is partly transparent: its labels cannot be told")
    pixels = _converted(image, "RGB", name)
    if image.mode == "F" or not _are_grey(pixels):
        raise InputError(f"{name} is coloured: expected the labels as grey values or a palette's indices")
    bits = data[24] if data.startswith(png.START) and data[25] == GREY else 8
    return pixels[..., 0] // STEPS.get(bits, 1)


def _is_plain_grey(data: bytes, kind: str) -> bool:
    """Return whether a PNG or JPEG has 8 bits or fewer, is grey and has no alpha, as nearly all masks are."""
    if kind == "PNG":
        return len(data) > 26 and data[24] in STEPS and data[25] == GREY and b"tRNS" not in data[: data.find(b"IDAT")]
    try:
        return kind == "JPEG" and simplejpeg.decode_jpeg_header(data)[2] == "Gray"
    except ValueError:
        return False


def _open(data: bytes, kind: str, name: str) -> tuple[Image.Image, int]:
    """Return the decoded image of Pillow and the orientation that it must be turned from. It is not a JPEG."""
    if kind != "PNG":
        loaded = pillow_images.load(data, kind, name)
        return loaded.pillow, loaded.orientation
    checked = png.load(data, name)
    try:
        image = PngImagePlugin.PngImageFile(io.BytesIO(checked.data))
        image.load()
    except PILLOW_ERRORS:
        raise InputError(f"{name} is damaged: a part of its image is lost") from None
    return image, checked.orientation


def _has_transparency(image: Image.Image, name: str) -> bool:
    try:
        return image.has_transparency_data
    except PILLOW_ERRORS:
        raise InputError(f"{name} is damaged: its palette is lost") from None


def _converted(image: Image.Image, mode: str, name: str) -> npt.NDArray[np.uint8]:
    try:
        return np.asarray(image.convert(mode))
    except PILLOW_ERRORS:
        raise InputError(f"{name} has colours of a kind that is not read ({image.mode})") from None


def _hand_of_alpha(pixels: npt.NDArray[np.uint8], name: str, lossy: bool) -> BoolMask:
    """Return the hand in (h, w, 4) RGBA."""
    opaque = more_than_half(pixels[..., 3])
    if not opaque.any():
        raise InputError(f"{name} is transparent everywhere: save it in black and white")
    if opaque.all():
        return _hand_of_colours(pixels[..., :3], name, lossy)
    levels = cv2.cvtColor(pixels[..., :3], cv2.COLOR_RGB2GRAY)
    bright = more_than_half(levels)
    if bright[opaque].all() or not bright[opaque].any():
        return opaque
    if set(np.unique(levels[opaque])) == {0, WHITE}:
        return bright & opaque
    raise InputError(f"{name} is partly transparent: is hand what is opaque, or what is bright? Save it without alpha")


def _hand_of_colours(pixels: npt.NDArray[np.uint8], name: str, lossy: bool) -> BoolMask:
    """Return the hand in (h, w, 3) RGB or BGR."""
    if _are_grey(pixels, COLOURLESS if lossy else 0):
        return _hand_of_levels(pixels[..., 1], WHITE, name, lossy)
    numbers = pixels.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    colours = np.unique(numbers)
    if lossy or len(colours) > 2 or colours[0] != 0:
        raise InputError(f"{name} is coloured: expected black and white, or black and one colour without loss")
    return numbers > 0


def _are_grey(colours: npt.NDArray[np.uint8], tolerance: int = 0) -> bool:
    """Return whether the channels of all colours (..., 3) are the same but for ``tolerance``."""
    return int((colours.max(axis=-1) - colours.min(axis=-1)).max()) <= tolerance


def _hand_of_levels(levels: npt.NDArray[Any], white: int, name: str, lossy: bool = False) -> BoolMask:
    """Return the hand in (h, w) levels from 0 to ``white``."""
    hand = more_than_half(levels, white)
    if hand.any():
        return hand
    if levels.max() < (NOISE if lossy else 1):
        return hand
    values = np.unique(levels)
    if lossy or len(values) > 2 or values[0] != 0:
        brightest = f"the brightest is {values[-1]} of {white}"
        raise InputError(f"{name} has no pixel brighter than half ({brightest}) nor black and one value: no hand")
    return levels > 0
