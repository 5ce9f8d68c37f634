"""Reading photographs robustly, and writing pictures so that no half-written file is ever seen.

Pictures are OpenCV's: (h, w, 3) uint8 BGR, or (h, w) uint8 for masks. libjpeg-turbo decodes plain JPEGs and
OpenCV all others; bytes are first tested for being whole, since many versions of OpenCV turn the missing
part of a cut file into grey or black pixels with only a warning. `name` is whatever the user knows the
bytes by, for error messages.
"""

import io
import struct
from pathlib import Path

import cv2
import numpy as np
import simplejpeg
from PIL import Image

from maskpose.errors import InputError
from maskpose.files import read_bytes, written_beside

JPEG_START, JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"
EXIF, ORIENTATION, UPRIGHT = b"Exif\0\0", 0x0112, 1
SIDEWAYS = (5, 6, 7, 8)  # orientations that exchange width and height
PNG_START, PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"
TIFF_STARTS = b"II*\0", b"MM\0*"
UNBOUNDED = {"F": "floating-point numbers", "I": "numbers of 32 bits"}  # Pillow's modes without a white
PNG_HEAD = 1 << 16  # bytes in which a PNG's orientation would be
PILLOW_ERRORS = (OSError, ValueError, SyntaxError, EOFError, struct.error, Image.DecompressionBombError)


REDUCED = {1: cv2.IMREAD_COLOR, 2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4,
           8: cv2.IMREAD_REDUCED_COLOR_8}  # fmt: skip


def reducible(data):
    """Whether a reduced picture takes less time to decode: that of a JPEG, from its lower frequencies."""
    return data.startswith(JPEG_START)


def decode_color(data, name, reduction=1):
    """Decode the bytes of a photograph to (h, w, 3) uint8 BGR, upright.

    With a ``reduction`` of 2, 4 or 8, to (ceil(h / reduction), ceil(w / reduction), 3): a pixel for each block.

    The EXIF orientation is applied. Grey, palette and CMYK become BGR, 16 bits are scaled to 8, and alpha
    is dropped: the colour stored under a transparent pixel shows. Of an animation, the first frame.
    Raises InputError naming `name` when the bytes are empty, cut short or not an image.
    """
    return _decode(data, name, REDUCED[reduction], reduction)


def decode_gray(data, name):
    """Decode the bytes of a mask to (h, w) uint8: brightness, 16 bits scaled to 8, alpha dropped.

    A palette mask gives the brightness of its colours, not its indices. Orientation and errors are as in
    `decode_color`, so a mask and its photograph stay aligned.
    """
    return _decode(data, name, cv2.IMREAD_GRAYSCALE)


def read_color(path):
    """Read a photograph as `decode_color` does. Raises InputError naming the file."""
    return decode_color(read_bytes(path), str(path))


def picture_size(data, name):
    """(width, height) of a photograph as ``decode_color`` gives it; JPEG and PNG are only tested for being whole.

    Raises InputError as ``decode_color`` does, but for damage within a file that is whole.
    """
    if data.startswith(JPEG_START) and data.rfind(JPEG_END, scan := _first_scan(data)) >= 0:
        try:
            height, width, *_ = simplejpeg.decode_jpeg_header(data)
            turned = EXIF in data[:scan] and _orientation(data) in SIDEWAYS
        except PILLOW_ERRORS:
            raise InputError(f"{name} cannot be decoded: it is truncated, damaged or not an image") from None
        return (height, width) if turned else (width, height)
    if data.startswith(PNG_START) and data.rfind(PNG_END) >= 0 and b"eXIf" not in data[:PNG_HEAD]:
        return struct.unpack(">II", data[16:24])
    height, width = decode_color(data, name).shape[:2]
    return width, height


def write_image(path, image):
    """Write (h, w) or (h, w, 3|4) uint8 to `path`, encoded by its suffix.

    The file is written beside `path` and then renamed; its folder is made where it is missing. Raises
    InputError when the suffix is no picture's or the folder cannot be written.
    """
    path = Path(path)
    if not path.suffix or not cv2.haveImageWriter(path.name):
        raise InputError(f"{path}: cannot write a picture with the suffix {path.suffix!r}")
    encoded, buffer = cv2.imencode(path.suffix, image)
    if not encoded:
        raise InputError(f"{path}: the picture cannot be encoded as {path.suffix!r}")
    with written_beside(path) as partial:
        partial.write_bytes(buffer)


def _decode(data, name, mode, reduction=1):
    if not data:
        raise InputError(f"{name} is empty")
    from_pillow = None
    if data.startswith(JPEG_START):
        whole = jpeg_is_whole(data)
    elif data.startswith(PNG_START):
        whole = data.rfind(PNG_END) >= 0
    else:
        whole, from_pillow = True, _load_with_pillow(data, name)
    if not whole:
        raise InputError(f"{name} is truncated: its end is missing")
    if mode != cv2.IMREAD_GRAYSCALE and (image := _plain_jpeg(data, reduction)) is not None:
        return image
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), mode)
    except cv2.error:
        image = None
    if image is None and from_pillow is not None:
        if from_pillow.mode in UNBOUNDED:
            raise InputError(f"{name} holds {UNBOUNDED[from_pillow.mode]}: expected 8 or 16 bits a channel")
        image = np.ascontiguousarray(np.asarray(from_pillow.convert("RGB"))[:, :, ::-1])
        image = image if mode != cv2.IMREAD_GRAYSCALE else cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    if image is None:
        more = ", or has channels of more than 16 bits" if data[:4] in TIFF_STARTS else ""
        raise InputError(f"{name} cannot be decoded: it is truncated, damaged or not an image{more}")
    return image


def _plain_jpeg(data, reduction):
    """The picture of an upright JPEG in grey or colour, in less time than OpenCV takes; None for anything else."""
    if not data.startswith(JPEG_START):
        return None
    try:
        if EXIF in data[: _first_scan(data)] and _orientation(data) != UPRIGHT:
            return None
        height, width, *_ = simplejpeg.decode_jpeg_header(data)
        least = {"min_height": -(-height // reduction), "min_width": -(-width // reduction)} if reduction > 1 else {}
        return simplejpeg.decode_jpeg(data, "BGR", **least)
    except PILLOW_ERRORS:
        return None


def _orientation(data):
    return Image.open(io.BytesIO(data)).getexif().get(ORIENTATION, UPRIGHT)


def jpeg_is_whole(data):
    """Whether the picture in the bytes of a JPEG reaches its end-of-image marker.

    The search starts at the first scan, since an EXIF thumbnail in the header has an end marker of its
    own; within a scan the marker's two bytes cannot occur. Bytes after the marker do not matter: cameras
    add padding or further pictures there.
    """
    return data.rfind(JPEG_END, _first_scan(data)) >= 0


def _first_scan(data):
    """Offset of the first start-of-scan marker, or the length of the data when there is none."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xDA:
            return at
        at += 1 if marker == 0xFF else 2 + (data[at + 2] << 8 | data[at + 3])
    return len(data)


def _load_with_pillow(data, name):
    """The loaded picture, or None for a format that Pillow does not know: OpenCV may.

    Raises InputError when the data ends too early.
    """
    try:
        picture = Image.open(io.BytesIO(data))
    except PILLOW_ERRORS:
        return None
    try:
        picture.load()
    except PILLOW_ERRORS as error:
        raise InputError(f"{name} is truncated or damaged") from error
    return picture
