"""Caffe's blobs in protocol buffers: read by Caffe's own rules, with an error at whatever Caffe would abort on."""

import math
from collections.abc import Sequence

import numpy as np

from maskpose.errors import InputError

OLD_DIMENSIONS = ("num", "channels", "height", "width")  # of files from before 2014
DATA_TAG = b"\x2a"  # BlobProto.data, packed, on the wire


def shape_of(blob) -> tuple[int, ...]:
    """The shape of a BlobProto; the four old dimensions count where there is one of them, even beside a shape."""
    if _is_old(blob):
        return tuple(getattr(blob, name) for name in OLD_DIMENSIONS)
    return tuple(blob.shape.dim)


def fits(blob, shape: Sequence[int]) -> bool:
    """Whether Caffe copies a BlobProto into a blob of ``shape``: the same one, after ones in an old file's four."""
    padding = (1,) * (4 - len(shape)) if _is_old(blob) else ()
    return shape_of(blob) == padding + tuple(shape)


def values(blob, name: str) -> np.ndarray:
    """The numbers of a BlobProto in its own shape, float32.

    Raises:
        InputError: there are more or fewer numbers, or gradients beside them, than the shape says, or some are not
            finite. The message begins with ``name``.
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


def refuse_not_finite(array: np.ndarray, name: str):
    """Raise InputError, which begins with ``name``, where an array holds NaN or infinity."""
    if bad := array.size - int(np.isfinite(array).sum()):
        raise InputError(f"{name} is damaged: {bad} of its {array.size} values are not finite (NaN or infinity)")


def fill(blob, array: np.ndarray):
    """Make an empty BlobProto hold ``array`` as float32."""
    numbers = np.ascontiguousarray(array, "<f4").tobytes()
    blob.MergeFromString(DATA_TAG + _varint(len(numbers)) + numbers)  # many times faster than number by number
    blob.shape.dim.extend(array.shape)


def shape_text(shape: Sequence[int]) -> str:
    """A shape as messages show it, such as "64 x 3 x 3 x 3"."""
    return " x ".join(map(str, shape)) or "nothing"


def _is_old(blob):
    return any(blob.HasField(name) for name in OLD_DIMENSIONS)


def _varint(number):
    """A length as protocol buffers write it: seven bits a byte, the lowest first."""
    parts = bytearray()
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    return bytes([*parts, number])
