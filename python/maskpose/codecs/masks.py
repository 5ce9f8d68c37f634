"""Masks: files of every kind, the record's bytes, the network's label and its probability."""

import io
import zlib

import cv2
import numpy as np
import simplejpeg
from PIL import PngImagePlugin

from maskpose import geometry
from maskpose.errors import InputError
from maskpose.io import images, pillow_images, png
from maskpose.io.image_kinds import kind_of
from maskpose.io.orientation import make_upright
from maskpose.io.pillow_errors import PILLOW_ERRORS
from maskpose.model.variants import IGNORE_LABEL, STRIDE

MASK_THRESHOLD = 0.5  # probability of hand from which on a pixel is
MASK_STEP = 4  # input pixels between the samples that the mask label is counted from: four a cell
WHITE, WHITE_16 = 255, 65535
NOISE = 16  # of 255: what lossy compression leaves on black
COLOURLESS = 32  # of 255: by how much the channels of lossily compressed grey may differ
LOSSY = ("JPEG", "WEBP", "JPEG2000", "AVIF", "HEIF")
STEPS = {1: 255, 2: 85, 4: 17, 8: 1}  # by bits of a grey PNG: what decoders multiply its values by
GREY = 0  # the kind of colour in a PNG's header


def decode_mask(data: bytes, name: str) -> np.ndarray:
    """Which pixels of a mask file are hand: (h, w) bool, upright; all False if the file is black.

    Hand is what is brighter than half. In a file without loss, hand may be any one value or colour beside black: label
    maps of 0 and 1, palettes. In a file with transparent pixels hand is what is opaque, or what is both bright and
    opaque if the opaque part is black and white. Raises InputError if the file cannot be decoded, and if it may mean
    several things: several colours, several dark values, transparent pixels about several brightnesses.
    """
    kind = kind_of(data)
    if kind is None or _is_plain_grey(data, kind):
        return _bright(images.decode_gray(data, name), WHITE, name, kind in LOSSY)
    if kind == "JPEG":
        return _of_colours(images.decode_color(data, name), name, lossy=True)
    picture, orientation = _open(data, kind, name)
    if picture.mode == "F":
        raise InputError(f"{name} holds floating-point numbers: expected black and white")
    if picture.mode.startswith("I"):
        hand = _bright(np.asarray(picture), WHITE_16, name)
    elif _has_transparency(picture, name):
        hand = _of_alpha(_converted(picture, "RGBA", name), name, kind in LOSSY)
    else:
        hand = _of_colours(_converted(picture, "RGB", name), name, kind in LOSSY)
    return make_upright(hand, orientation)


def decode_labels(data: bytes, name: str) -> np.ndarray:
    """The numbers that a label map gives to its pixels, (h, w) integers, upright: as stored, not as shown.

    Those of a palette are its indices, or its colours if these are all grey (a grey image that was packed); 16 bits
    stay. Raises InputError for files that cannot be decoded, colours, and compression with loss.
    """
    kind = kind_of(data)
    if kind is None:
        return images.decode_gray(data, name)  # raises
    if kind in LOSSY:
        raise InputError(f"{name} is compressed with loss: its labels cannot be told")
    picture, orientation = _open(data, kind, name)
    return make_upright(_labels(picture, data, name), orientation)


def _labels(picture, data, name):
    if picture.mode.startswith("I"):
        return np.asarray(picture).astype(np.int64)
    if picture.mode == "P":
        indices, colours = np.asarray(picture), np.zeros((256, 3), np.uint8)
        palette = np.array(picture.getpalette("RGB"), np.uint8).reshape(-1, 3)
        colours[: len(palette)] = palette
        return colours[indices][..., 0] if _are_grey(colours[np.unique(indices)]) else indices
    if _has_transparency(picture, name) and _converted(picture, "RGBA", name)[..., 3].min() < WHITE:
        raise InputError(f"{name} is partly transparent: its labels cannot be told")
    pixels = _converted(picture, "RGB", name)
    if picture.mode == "F" or not _are_grey(pixels):
        raise InputError(f"{name} is coloured: expected the labels as grey values or a palette's indices")
    bits = data[24] if data.startswith(png.START) and data[25] == GREY else 8
    return pixels[..., 0] // STEPS.get(bits, 1)


def _is_plain_grey(data, kind):
    """Whether the bytes are those of a PNG or JPEG of 8 bits or fewer, grey, without alpha: nearly all masks are."""
    if kind == "PNG":
        return len(data) > 26 and data[24] in STEPS and data[25] == GREY and b"tRNS" not in data[: data.find(b"IDAT")]
    try:
        return kind == "JPEG" and simplejpeg.decode_jpeg_header(data)[2] == "Gray"
    except ValueError:
        return False


def _open(data, kind, name):
    """(the decoded Pillow image, the orientation that it has to be turned from), not of a JPEG."""
    if kind != "PNG":
        loaded = pillow_images.load(data, kind, name)
        return loaded.pillow, loaded.orientation
    checked = png.load(data, name)
    try:
        picture = PngImagePlugin.PngImageFile(io.BytesIO(checked.data))
        picture.load()
    except PILLOW_ERRORS:
        raise InputError(f"{name} is damaged: a part of its image is lost") from None
    return picture, checked.orientation


def _has_transparency(picture, name):
    try:
        return picture.has_transparency_data
    except PILLOW_ERRORS:
        raise InputError(f"{name} is damaged: its palette is lost") from None


def _converted(picture, mode, name):
    try:
        return np.asarray(picture.convert(mode))
    except PILLOW_ERRORS:
        raise InputError(f"{name} has colours of a kind that is not read ({picture.mode})") from None


def _of_alpha(pixels, name, lossy):
    """The hand in (h, w, 4) uint8 RGBA."""
    opaque = pixels[..., 3] > WHITE // 2
    if not opaque.any():
        raise InputError(f"{name} is transparent everywhere: save it in black and white")
    if opaque.all():
        return _of_colours(pixels[..., :3], name, lossy)
    levels = cv2.cvtColor(pixels[..., :3], cv2.COLOR_RGB2GRAY)
    bright = levels > WHITE // 2
    if bright[opaque].all() or not bright[opaque].any():
        return opaque
    if set(np.unique(levels[opaque])) == {0, WHITE}:
        return bright & opaque
    raise InputError(f"{name} is partly transparent: is hand what is opaque, or what is bright? Save it without alpha")


def _of_colours(pixels, name, lossy):
    """The hand in (h, w, 3) uint8, RGB or BGR."""
    if _are_grey(pixels, COLOURLESS if lossy else 0):
        return _bright(pixels[..., 1], WHITE, name, lossy)
    numbers = pixels.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    colours = np.unique(numbers)
    if lossy or len(colours) > 2 or colours[0] != 0:
        raise InputError(f"{name} is coloured: expected black and white, or black and one colour without loss")
    return numbers > 0


def _are_grey(colours, tolerance=0):
    return int((colours.max(axis=-1) - colours.min(axis=-1)).max()) <= tolerance


def _bright(levels, white, name, lossy=False):
    """The hand in (h, w) levels from 0 to ``white``."""
    hand = levels > white // 2
    if hand.any():
        return hand
    if levels.max() < (NOISE if lossy else 1):
        return hand
    values = np.unique(levels)
    if lossy or len(values) > 2 or values[0] != 0:
        brightest = f"the brightest is {values[-1]} of {white}"
        raise InputError(f"{name} has no pixel brighter than half ({brightest}) nor black and one value: no hand")
    return levels > 0


def mask_label(mask, affine, size, unknown=None):
    """The mask stage's label of a sample.

    Args:
        mask: (h, w) uint8, 255 on the hand, 0 elsewhere; None: not known, which gives 255 everywhere.
        affine: 2x3, image to network input.
        size: m, the side of the input in pixels.
        unknown: (h, w) uint8, 255 on pixels that may be hand or not; None: there are none.

    Returns:
        (m/8, m/8) float32: 1 where the hand covers more than half of the cell; 255, which no loss counts, where it
        would if the cell's unknown pixels were hand; else 0.
    """
    cells = size // STRIDE
    if mask is None:
        return np.full((cells, cells), IGNORE_LABEL, np.float32)
    label = _mostly(mask, affine, size).astype(np.float32)
    if unknown is not None:
        label[_mostly(mask | unknown, affine, size) & (label == 0)] = IGNORE_LABEL
    return label


def _mostly(pixels, affine, size):
    """(m/8, m/8) bool: the cells of which more than half is 255 in ``pixels`` (h, w) uint8 0/255."""
    warped = geometry.warp(pixels, geometry.compose(geometry.scale_affine(1 / MASK_STEP), affine), size // MASK_STEP, 0)
    return cv2.resize(warped, (size // STRIDE,) * 2, interpolation=cv2.INTER_AREA) > 127  # a cell's mean, rounded


def mask_from_probability(probability, grid_to_image, width, height):
    """(height, width) bool mask from the (m', m') probability of hand."""
    full = cv2.warpAffine(
        probability, grid_to_image, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return full > MASK_THRESHOLD


def pack_mask(hand: np.ndarray) -> bytes:
    """The bytes that hold a mask in a record, of (h, w) bool: its bits, row after row, compressed by zlib."""
    return zlib.compress(np.packbits(hand).tobytes())
