"""Caffe's blobs in protocol buffers, read by Caffe's own rules: what Caffe would abort at is an InputError."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from maskpose.errors import InputError
from maskpose.model.caffe_types import BlobProto

OLD_DIMENSIONS = ("num", "channels", "height", "width")  # of files from before 2014
DATA_TAG = b"\x2a"  # begins BlobProto.data, packed, in a message's bytes


def shape_of(blob: BlobProto) -> tuple[int, ...]:
    """Return the shape of a blob. If it has one of the four old dimensions, these count, even beside a shape."""
    if _is_old(blob):
        return tuple(getattr(blob, name) for name in OLD_DIMENSIONS)
    return tuple(blob.shape.dim)


def fits(blob: BlobProto, shape: Sequence[int]) -> bool:
    """Return whether Caffe copies a blob into one of ``shape``; ones may precede the dimensions of an old blob."""
    padding = (1,) * (4 - len(shape)) if _is_old(blob) else ()
    return shape_of(blob) == padding + tuple(shape)


def values(blob: BlobProto, name: str) -> npt.NDArray[np.float32]:
    """Return the numbers of a blob in its own shape.

    Args:
        blob: of a file.
        name: what messages call it.

    Raises:
        InputError: the blob has more or fewer numbers, or gradients, than its shape says, or some numbers are not
            finite.
    """
    shape = shape_of(blob)
    count = math.prod(shape) if min(shape, default=0) >= 0 else -1
    for field, double in (("data", "double_data"), ("diff", "double_diff")):
        numbers = getattr(blob, double) or getattr(blob, field)
        if len(numbers) != count and (field == "data" or len(numbers)):
            what = "values" if field == "data" else "gradients"
            raise InputError(f"{name} is damaged: {len(numbers)} {what} for a shape of {shape_text(shape)}")
    with np.errstate(over="ignore"):
        array = np.array(blob.double_data or blob.data, np.float32).reshape(shape)
    refuse_not_finite(array, name)
    return array


def refuse_not_finite(array: npt.NDArray[np.floating], name: str) -> None:
    """Raise InputError if an array holds NaN or infinity. The message begins with ``name``."""
    if bad := array.size - int(np.isfinite(array).sum()):
        raise InputError(f"{name} is damaged: {bad} of its {array.size} values are not finite (NaN or infinity)")


def fill(blob: BlobProto, array: npt.NDArray[np.floating]) -> None:
    """Make an empty blob hold ``array`` as float32."""
    numbers = np.ascontiguousarray(array, "<f4").tobytes()
    blob.MergeFromString(DATA_TAG + _varint(len(numbers)) + numbers)  # many times faster than number by number
    blob.shape.dim.extend(array.shape)


def shape_text(shape: Sequence[int]) -> str:
    """Return a shape as messages show it, such as "64 x 3 x 3 x 3"."""
    return " x ".join(map(str, shape)) or "nothing"


def _is_old(blob):
    return any(blob.HasField(name) for name in OLD_DIMENSIONS)


def _varint(number):
    """A length as protocol buffers write it: seven bits in each byte, the lowest first."""
    parts = bytearray()
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    return bytes([*parts, number])
