"""What the readers share: an image file with its labels as a Sample, masks, entries of lists, keypoints with flags."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt

from maskpose import geometry
from maskpose.codecs.mask_files import decode_mask
from maskpose.codecs.masks import pack_mask
from maskpose.data.sample import FARTHEST, Sample
from maskpose.errors import InputError, short_repr
from maskpose.io import images
from maskpose.io.files import read_bytes
from maskpose.io.paths import PathLike, path_below
from maskpose.io.values import Where, flattened, number, numbers, text
from maskpose.model.variants import NUM_KEYPOINTS

NOWHERE = -1  # x and y of a keypoint that is not visible and has no known place


def sample_from_file(
    path: PathLike,
    name: str,
    keypoints: npt.ArrayLike,
    visible: npt.ArrayLike,
    mask: npt.NDArray[np.bool_] | None = None,
    size: tuple[int, int] | None = None,
    origin: str = "",
    side: str = "",
    group: str = "",
) -> Sample:
    """Return the Sample of an image file; the arguments after ``path`` are those of ``sample_from_bytes``."""
    return sample_from_bytes(read_bytes(path), path, name, keypoints, visible, mask, size, origin, side, group)


def sample_from_bytes(
    image: bytes,
    where: Where,
    name: str,
    keypoints: npt.ArrayLike,
    visible: npt.ArrayLike,
    mask: npt.NDArray[np.bool_] | None = None,
    size: tuple[int, int] | None = None,
    origin: str = "",
    side: str = "",
    group: str = "",
) -> Sample:
    """Return the Sample of an image's bytes and its labels.

    A visible keypoint that ``maskpose.geometry.inside`` does not find in the image becomes invisible.

    Args:
        image: the encoded file.
        where: what the user knows it by, for messages.
        name: of the sample.
        keypoints: (21, 2), pixels of the upright image, pixel centres at integers.
        visible: (21,) bool.
        mask: (h, w) bool, or None.
        size: (width, height) that the labels say, if they do.
        origin: of the sample, as are the following.
        side: left, right or nothing.
        group: person, film or original that the image is of.

    Raises:
        InputError: the image is damaged or of another size than the labels or the mask, the name is not text, or a
            visible keypoint has no place.
    """
    width, height = checked_image_size(image, where, size)
    if mask is not None and mask.shape != (height, width):
        raise InputError(f"the mask of {where} is {mask.shape[1]}x{mask.shape[0]}, the image {width}x{height}")
    points, visible = np.array(keypoints, float), np.asarray(visible, bool)
    if np.isnan(points[visible]).any():
        k = int(np.argmax(visible & np.isnan(points).any(axis=1)))
        raise InputError(f"{where}: keypoint {k} is visible, but has no place")
    points[~(np.abs(points) < FARTHEST).all(axis=1)] = NOWHERE
    stored = points.astype(np.float32)
    visible = visible & geometry.inside(stored, width, height)
    packed = pack_mask(mask) if mask is not None else b""
    name = text(name, f"{where}: its name")
    return Sample(name, image, width, height, stored, visible, packed, origin, side, group)


def checked_image_size(image: bytes, where: Where, stated: tuple[int, int] | None = None) -> tuple[int, int]:
    """Return (width, height) of an image, pixels.

    Args:
        image: the encoded file.
        where: what the user knows it by, for messages.
        stated: (width, height) that its label says, if it does.

    Raises:
        InputError: the image is damaged, or its label says another size.
    """
    actual = images.image_size(image, str(where))
    if stated is not None and tuple(stated) != actual:
        raise InputError(f"{where} is {actual[0]}x{actual[1]}, its label says {stated[0]:g}x{stated[1]:g}")
    return actual


def image_file(folder: PathLike, name: object, where: Where) -> tuple[Path, str]:
    r"""Return the path of a file that a document names, and the name with / between its folders.

    A backslash divides folders, as on Windows, unless a file has it in its name.

    Args:
        folder: which the file lies in or below.
        name: in the document.
        where: the document, for messages.

    Raises:
        InputError: the name is not text, or maskpose.io.paths.path_below refuses it.
    """
    name = text(name, where)
    path = path_below(folder, name, where)
    if "\\" in name and not os.path.exists(path):
        name = name.replace("\\", "/")
        path = path_below(folder, name, where)
    return path, str(PurePosixPath(name))


def mask_file(path: PathLike) -> npt.NDArray[np.bool_]:
    """Return which pixels of a mask file are hand, (h, w) bool, by maskpose.codecs.mask_files.

    Raises:
        InputError: the file cannot be read as a mask, or shows no hand.
    """
    hand = decode_mask(read_bytes(path), str(path))
    if not hand.any():
        raise InputError(f"{path} is black: no hand")
    return hand


def mask_if_there(path: PathLike) -> npt.NDArray[np.bool_] | None:
    """Return ``mask_file`` of a path, or None if there is no such file."""
    return mask_file(path) if os.path.isfile(path) else None


def triples(values: object, where: Where) -> tuple[npt.NDArray[np.float64], npt.NDArray[Any]]:
    """Return the keypoints and flags of 21 x, y, flag.

    Args:
        values: numbers, flat or not, in lists or an array. A flag is a number, or true or false; each data set says
            what it means. x and y may be null or NaN.
        where: for messages.

    Returns:
        keypoints (21, 2), NaN where they are not known, and flags (21,).

    Raises:
        InputError: there are more or fewer values, or some are not numbers.
    """
    try:
        flat = flattened(values, (NUM_KEYPOINTS, 3), where)
    except InputError:
        expected = f"{NUM_KEYPOINTS} keypoints of x, y and a flag"
        raise InputError(f"{where}: expected {expected}, not {short_repr(values)}") from None
    places = numbers([[flat[n], flat[n + 1]] for n in range(0, len(flat), 3)], (NUM_KEYPOINTS, 2), where, missing=True)
    flags = [number(int(flag) if isinstance(flag, bool) else flag, where) for flag in flat[2::3]]
    return places, np.array(flags)


def read_entries(values: Iterable[Any], read: Callable[[int, Any], list[Any]]) -> list[Any]:
    """Return the items that ``read(number, value)`` makes of each value, in order.

    If it raises InputError, the error stands in the items' place: maskpose.data.build leaves it out.
    """
    items: list[Any] = []
    for n, value in enumerate(values):
        try:
            items += read(n, value)
        except InputError as problem:
            items.append(problem)
    return items
