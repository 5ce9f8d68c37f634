"""What the readers share: a photograph's file with its labels as a Sample, masks, JSON."""

from pathlib import Path

import numpy as np

from maskpose import images
from maskpose.codecs.masks import decode_mask
from maskpose.errors import InputError
from maskpose.files import read_bytes
from maskpose.files import read_json as json_file  # noqa: F401
from maskpose.io.values import field  # noqa: F401
from maskpose.records import Sample, pack_mask
from maskpose.variants import KEYPOINTS


def sample(path, name, keypoints, visible, mask=None, size=None, **more):
    """The Sample of a photograph's file.

    keypoints: (21, 2) pixels; visible: (21,) bool; mask: (h, w) bool or None; size: (width, height) that the labels
    say, if they do; more: as Sample's. Visible keypoints outside the picture become invisible. Raises InputError where
    the file is missing or broken, or of another size than labels or mask.
    """
    image = read_bytes(path)
    width, height = images.picture_size(image, str(path))
    if size is not None and tuple(size) != (width, height):
        raise InputError(f"{path} is {width}x{height}, its label says {size[0]:g}x{size[1]:g}")
    if mask is not None and mask.shape != (height, width):
        raise InputError(f"the mask of {path} is {mask.shape[1]}x{mask.shape[0]}, the photograph {width}x{height}")
    keypoints = np.asarray(keypoints, np.float32)
    within = (keypoints > -0.5).all(axis=1) & (keypoints < (width - 0.5, height - 0.5)).all(axis=1)
    visible = np.asarray(visible, bool) & within
    packed = pack_mask(mask) if mask is not None else b""
    return Sample(name, image, width, height, keypoints, visible, packed, **more)


def mask_file(path):
    """Which pixels of a mask's file are hand, (h, w) bool, as maskpose.codecs.masks reads it. InputError for none."""
    hand = decode_mask(read_bytes(path), str(path))
    if not hand.any():
        raise InputError(f"{path} is black: no hand")
    return hand


def triples(numbers, where):
    """(keypoints (21, 2), flags (21,)) of 21 x, y, flag, flat or not. Raises InputError that names ``where``."""
    try:
        array = np.asarray(numbers, float).reshape(KEYPOINTS, 3)
    except (TypeError, ValueError):
        raise InputError(f"{where}: expected {KEYPOINTS} keypoints of x, y and a flag") from None
    return array[:, :2], array[:, 2]


def existing(path):
    """``path`` as a Path. Raises InputError where nothing is there."""
    if not Path(path).exists():
        raise InputError(f"{path}: no such file or folder")
    return Path(path)
