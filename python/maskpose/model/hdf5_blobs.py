"""Caffe's blobs in HDF5 files, of weights and of solver states. Only numbers that lie in the file itself are read."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import h5py
import numpy as np
import numpy.typing as npt

from maskpose.errors import InputError

MOST_IN_CHUNK = 1 << 28  # bytes that HDF5 may unpack at once
T = TypeVar("T")
K = TypeVar("K", h5py.Group, h5py.Dataset)


def read(path: Path, complaint: str, parse: Callable[[h5py.File], T]) -> T:
    """Return ``parse`` of an open HDF5 file.

    Args:
        path: of the file.
        complaint: how the message begins if anything fails.
        parse: may raise any exception.

    Raises:
        InputError: the file cannot be opened, or ``parse`` failed.
    """
    try:
        with h5py.File(path, "r") as file:
            return parse(file)
    except Exception as error:  # h5py raises many kinds for a damaged file
        reason = str(error).splitlines() or [type(error).__name__]
        raise InputError(f"{complaint} ({reason[0]})") from None


def child(group: h5py.Group, name: str, kind: type[K]) -> K:
    """Return what a group itself holds under ``name``.

    Raises:
        InputError: it is not of ``kind``, or it is a link, which may lead to another file or to nothing.
    """
    link = group.get(name, getlink=True) if name in group else None
    item = group[name] if isinstance(link, h5py.HardLink) else None
    if not isinstance(item, kind):
        raise InputError(f"{name} is not a {kind.__name__.lower()}")
    return item


def dataset(group: h5py.Group, name: str | int) -> h5py.Dataset:
    """Return a data set of integers or floats that lies in the file itself. Raises InputError for any other."""
    data = child(group, str(name), h5py.Dataset)
    if data.id.get_type().get_class() not in (h5py.h5t.FLOAT, h5py.h5t.INTEGER):
        raise InputError(f"{data.name} holds no numbers")
    if data.is_virtual or data.external:
        raise InputError(f"{data.name} lies in another file")
    if data.chunks and math.prod(data.chunks) * data.dtype.itemsize > MOST_IN_CHUNK:
        raise InputError(f"{data.name} has too large chunks")
    return data


def array(data: h5py.Dataset) -> npt.NDArray[np.float32]:
    """Return all of a data set. Check its shape before: a file may claim any, and so take any memory."""
    values = np.empty(data.shape, np.float32)
    data.read_direct(values)
    return values


def whole_number(group: h5py.Group, name: str) -> int:
    """Return the only number of a data set, an integer. Raises InputError if it holds anything else."""
    data = dataset(group, name)
    if data.size != 1 or data.dtype.kind not in "iu":
        raise InputError(f"{name} is not one whole number")
    return int(data[()].item() if data.shape == () else data[:].item())
