"""Caffe's blobs in HDF5 files, of weights and of solver states: only numbers that lie in the file itself are read."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import h5py
import numpy as np

from maskpose.errors import InputError

MOST_IN_CHUNK = 1 << 28  # bytes that HDF5 is let unpack at once
T = TypeVar("T")


def read(path: Path, complaint: str, what: Callable[[h5py.File], T]) -> T:
    """What a function makes of an HDF5 file. Raises InputError that begins with ``complaint`` at whatever fails."""
    try:
        with h5py.File(path, "r") as file:
            return what(file)
    except Exception as error:  # h5py has many kinds of them for a damaged file
        reason = str(error).splitlines() or [type(error).__name__]
        raise InputError(f"{complaint} ({reason[0]})") from None


def child(group: h5py.Group, name: str, kind: type) -> h5py.Group | h5py.Dataset:
    """What lies in a group by itself: a link may lead to another file, or nowhere. Raises InputError."""
    link = group.get(name, getlink=True) if name in group else None
    if not isinstance(link, h5py.HardLink) or not isinstance(group[name], kind):
        raise InputError(f"{name} is no {kind.__name__.lower()}")
    return group[name]


def dataset(group: h5py.Group, name: str | int) -> h5py.Dataset:
    """A data set of whole or real numbers in the file itself. Raises InputError for any other."""
    data = child(group, str(name), h5py.Dataset)
    if data.id.get_type().get_class() not in (h5py.h5t.FLOAT, h5py.h5t.INTEGER):
        raise InputError(f"{data.name} holds no numbers")
    if data.is_virtual or data.external:
        raise InputError(f"{data.name} lies in another file")
    if data.chunks and math.prod(data.chunks) * data.dtype.itemsize > MOST_IN_CHUNK:
        raise InputError(f"{data.name} is packed in too large parts")
    return data


def array(data: h5py.Dataset) -> np.ndarray:
    """All of a data set, float32; to be asked for where its shape is known, as a file may claim any."""
    values = np.empty(data.shape, np.float32)
    data.read_direct(values)
    return values


def whole_number(group: h5py.Group, name: str) -> int:
    """The single whole number of a data set. Raises InputError where it is something else."""
    data = dataset(group, name)
    if data.size != 1 or data.dtype.kind not in "iu":
        raise InputError(f"{name} is not one whole number")
    return int(data[()].item() if data.shape == () else data[:].item())
