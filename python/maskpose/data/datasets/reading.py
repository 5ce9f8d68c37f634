"""What the readers share: a picture's file with its labels as a Sample, masks, entries of lists, JSON."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath

import numpy as np

from maskpose import geometry
from maskpose.codecs.masks import decode_mask, pack_mask
from maskpose.data.sample import FARTHEST, Sample
from maskpose.errors import InputError
from maskpose.io import images
from maskpose.io.files import read_bytes
from maskpose.io.files import read_json as json_file  # noqa: F401
from maskpose.io.paths import path_below
from maskpose.io.printable import short_repr
from maskpose.io.values import field, flattened, number, numbers, text  # noqa: F401
from maskpose.model.variants import KEYPOINTS

NOWHERE = -1  # x and y of a keypoint that is not visible, and of which no place is known


def sample_from_file(path, name, keypoints, visible, mask=None, size=None, **more):
    """The Sample of an image's file, as ``labelled`` makes it."""
    return sample_from_bytes(read_bytes(path), path, name, keypoints, visible, mask, size, **more)


def sample_from_bytes(image: bytes, where, name: str, keypoints, visible, mask=None, size=None, **more) -> Sample:
    """The Sample of an image's bytes and its labels; ``where`` names it in errors.

    keypoints: (21, 2) pixels; visible: (21,) bool; mask: (h, w) bool or None; size: (width, height) that the labels
    say, if they do; more: as Sample's. A visible keypoint that maskpose.geometry.inside does not find in the image
    becomes invisible. Raises InputError where the image is broken, or of another size than labels or mask, for a name
    that is no text, and for a visible keypoint of no place.
    """
    width, height = checked_image_size(image, where, size)
    if mask is not None and mask.shape != (height, width):
        raise InputError(f"the mask of {where} is {mask.shape[1]}x{mask.shape[0]}, the photograph {width}x{height}")
    keypoints, visible = np.array(keypoints, float), np.asarray(visible, bool)
    if np.isnan(keypoints[visible]).any():
        k = int(np.argmax(visible & np.isnan(keypoints).any(axis=1)))
        raise InputError(f"{where}: keypoint {k} is visible, but has no place")
    keypoints[~(np.abs(keypoints) < FARTHEST).all(axis=1)] = NOWHERE
    keypoints = keypoints.astype(np.float32)  # they are judged as they are stored
    visible = visible & geometry.inside(keypoints, width, height)
    packed = pack_mask(mask) if mask is not None else b""
    name = text(name, f"{where}: its name")
    return Sample(name, image, width, height, keypoints, visible, packed, **more)


def checked_image_size(image: bytes, where, said=None) -> tuple[int, int]:
    """(width, height) of an image's bytes. Raises InputError where it is broken, or its label says another size."""
    found = images.image_size(image, str(where))
    if said is not None and tuple(said) != found:
        raise InputError(f"{where} is {found[0]}x{found[1]}, its label says {said[0]:g}x{said[1]:g}")
    return found


def image_file(folder, name, where) -> tuple[Path, str]:
    r"""(path, name with / between its folders) of a file that a document calls ``name``, in or below ``folder``.

    A backslash divides folders, as on Windows, unless a file is called so. Raises InputError as
    maskpose.io.paths.path_below does, and for a name that is no text.
    """
    path = path_below(folder, text(name, where), where)
    if "\\" in name and not os.path.exists(path):
        name = name.replace("\\", "/")
        path = path_below(folder, name, where)
    return path, str(PurePosixPath(name))


def mask_file(path):
    """Which pixels of a mask's file are hand, (h, w) bool, as maskpose.codecs.masks reads it. InputError for none."""
    hand = decode_mask(read_bytes(path), str(path))
    if not hand.any():
        raise InputError(f"{path} is black: no hand")
    return hand


def mask_if_there(path):
    """``mask_file`` of a path, or None where there is no such file."""
    return mask_file(path) if os.path.isfile(path) else None


def triples(values, where):
    """(keypoints (21, 2), flags (21,)) of 21 x, y, flag, flat or not, in lists or an array.

    A flag is a number, of which each data set says what it means, or true or false. x and y may be null or NaN. Raises
    InputError that names ``where``.
    """
    try:
        flat = flattened(values, (KEYPOINTS, 3), where)
    except InputError:
        expected = f"{KEYPOINTS} keypoints of x, y and a flag"
        raise InputError(f"{where}: expected {expected}, not {short_repr(values)}") from None
    places = numbers([[flat[n], flat[n + 1]] for n in range(0, len(flat), 3)], (KEYPOINTS, 2), where, missing=True)
    flags = [number(int(flag) if isinstance(flag, bool) else flag, where) for flag in flat[2::3]]
    return places, np.array(flags)


def read_entries(values: Iterable, read: Callable) -> list:
    """The items that ``read(number, value)`` gives of each value, a list, in order.

    In the place of a value that is broken there is the InputError that was raised: maskpose.data.build leaves it out.
    """
    found = []
    for n, value in enumerate(values):
        try:
            found += read(n, value)
        except InputError as problem:
            found.append(problem)
    return found


def existing_path(path):
    """``path`` as a Path. Raises InputError where nothing is there."""
    if not os.path.exists(path):
        raise InputError(f"{path}: no such file or folder")
    return Path(path)
