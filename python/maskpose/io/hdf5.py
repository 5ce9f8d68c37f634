"""HDF5 from outside: what a file declares is checked before any data are read; files are written whole or not at all.

A file of a few bytes can declare terabytes, point to other files, or hold references and texts instead of numbers.
"""

import contextlib
import io
import math
import struct
from collections.abc import Iterator

import h5py
import numpy as np
import numpy.typing as npt

from maskpose.errors import InputError
from maskpose.io.files import read_bytes, write_bytes
from maskpose.io.paths import PathLike

MOST_VALUES = 1 << 26  # numbers of a dataset: 1.6 million hands
MOST_AT_ONCE = 1 << 28  # bytes of texts that are read in one go: each text may be as long as the file
HEAP = b"GCOL\1\0\0\0"  # the beginning of a part of the file that holds texts
ERRORS = (OSError, RuntimeError, LookupError, TypeError, ValueError, MemoryError)  # h5py's for damaged files


@contextlib.contextmanager
def open_hdf5(path: PathLike) -> Iterator[h5py.File]:
    """Give an HDF5 file to read.

    Raises:
        InputError: the file cannot be read, or damage is met within the ``with`` block. The message names the file.
    """
    data = read_bytes(path)
    if not _heaps_are_whole(data):
        raise InputError(f"{path} is no HDF5 file that can be read: its texts are damaged")
    try:
        with h5py.File(io.BytesIO(data), "r") as file:  # bytes, so that no name in it leads to other files beside it
            yield file
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except ERRORS as error:
        raise InputError(f"{path} is no HDF5 file that can be read: {error}") from None


def read_numbers(file: h5py.Group, name: str, shape: tuple[int | None, ...]) -> npt.NDArray[np.float64]:
    """Read a dataset of numbers or truth values.

    Args:
        file: the open file, or a group of it.
        name: of the dataset.
        shape: that the dataset must have; None stands for any length.

    Returns:
        A float64 array.

    Raises:
        InputError: the dataset is missing, lies in another file, has another shape or type, or is too large.
    """
    dataset = _dataset(file, name)
    expected = ", ".join("N" if side is None else str(side) for side in shape)
    fits = len(dataset.shape) == len(shape) and all(a in (None, b) for a, b in zip(shape, dataset.shape))
    if not fits or dataset.dtype.kind not in "fiub":
        raise InputError(f"expected {name} ({expected}) of numbers, not {dataset.shape} of {dataset.dtype}")
    stored_at_once = math.prod(dataset.chunks or (0,))
    if max(dataset.size or 0, stored_at_once) > MOST_VALUES:
        raise InputError(f"{name} {dataset.shape} is too large: at most {MOST_VALUES} numbers are read")
    return np.asarray(dataset[()]).astype(float)


def read_texts(file: h5py.Group, name: str) -> list[str]:
    """Read a dataset (N,) of texts. Raises InputError as ``read_numbers`` does, and for texts that are not UTF-8."""
    dataset = _dataset(file, name)
    if len(dataset.shape) != 1 or h5py.check_string_dtype(dataset.dtype) is None:
        raise InputError(f"expected {name} (N,) of texts, not {dataset.shape} of {dataset.dtype}")
    count, file_size = len(dataset), file.file.id.get_filesize()
    if max(count, *(dataset.chunks or (0,))) * dataset.dtype.itemsize > max(MOST_VALUES, 10 * file_size):
        raise InputError(f"{name} {dataset.shape} is too large")
    step = max(1, MOST_AT_ONCE // file_size)
    texts, left = [], max(MOST_AT_ONCE, 10 * file_size)
    for start in range(0, count, step):
        texts += [text.decode() for text in dataset[start : start + step]]
        left -= sum(map(len, texts[start:]))
        if left < 0:
            raise InputError(f"the texts of {name} are too long")
    return texts


def read_text_attribute(file: h5py.Group, name: str) -> str:
    """Read a text attribute in UTF-8. Raises InputError, or one of ERRORS, if it is missing or something else."""
    if name not in file.attrs:
        raise InputError(f"the attribute {name} is missing")
    stored = file.attrs.get_id(name)
    if stored.shape != () or h5py.check_string_dtype(stored.dtype) is None:
        raise InputError(f"expected a text as the attribute {name}, not {stored.shape} of {stored.dtype}")
    text = file.attrs[name]
    encoded = text if isinstance(text, bytes) else str(text).encode("utf-8", "surrogateescape")  # as h5py decodes it
    return encoded.decode()


@contextlib.contextmanager
def write_hdf5(path: PathLike) -> Iterator[h5py.File]:
    """Give an HDF5 file to fill; write it to ``path`` afterwards, whole or not at all.

    The file is made in memory: HDF5 itself would leave it open, or end the process, if the disk is full.

    Raises:
        InputError: the file cannot be written.
    """
    made = io.BytesIO()
    with h5py.File(made, "w") as file:
        yield file
    write_bytes(path, made.getbuffer())


def _heaps_are_whole(data: bytes) -> bool:
    """Return whether the parts of a file that hold texts can be walked through: HDF5 itself may walk without end.

    A part (a "global heap collection" in the format's specification) is a head and objects. The head has 16 bytes; the
    last 8 hold the part's length. An object is 16 bytes and a text, filled up to a multiple of 8 bytes; of the 16
    bytes, the first 2 hold the object's number and the last 8 the text's length. Number 0 is the free space; its length
    includes the 16 bytes.
    """
    start = data.find(HEAP)
    while start >= 0:
        at, end = start + 16, start + int.from_bytes(data[start + 8 : start + 16], "little")
        if not at <= end <= len(data):
            return False
        while at + 16 <= end:
            number, length = struct.unpack_from("<H6xQ", data, at)
            taken = 16 + -(-length // 8) * 8 if number else length
            if not 16 <= taken <= end - at:
                return False
            at += taken
        start = data.find(HEAP, end)
    return True


def _dataset(file: h5py.Group, name: str) -> h5py.Dataset:
    """Return the dataset ``name`` of the file itself. Raises InputError if there is none."""
    if name not in file:
        raise InputError(f"{name} is missing")
    is_own = isinstance(file.get(name, getlink=True), h5py.HardLink) and file.get(name, getclass=True) is h5py.Dataset
    dataset = file[name] if is_own else None
    if not isinstance(dataset, h5py.Dataset):
        raise InputError(f"{name} is no dataset of this file")
    if dataset.external or dataset.is_virtual:
        raise InputError(f"{name} lies in other files")
    if dataset.shape is None:
        raise InputError(f"{name} is empty")
    return dataset
