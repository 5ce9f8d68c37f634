"""From an image to the network's input (section 3.1) for training and prediction: crop, resize, pad, scale values.

A crop is (x, y, w, h) in the image's pixels and may reach beyond the image.
"""

import cv2
import numpy as np
import numpy.typing as npt

from maskpose import geometry

FILL = (128, 128, 128)  # BGR beside the image, section 3.1
INPUT_VALUES = np.arange(256, dtype=np.float32) / 256 - 0.5  # of the network's input, by the image's grey level

Crop = tuple[int, int, int, int]


def network_input(image: npt.NDArray[np.uint8], out: npt.NDArray[np.float32] | None = None) -> npt.NDArray[np.float32]:
    """Return the network's input (3, m, m) float32, BGR / 256 - 0.5.

    Args:
        image: (m, m, 3) uint8 BGR.
        out: (3, m, m) to write into; None: a new array.
    """
    out = np.empty((3, *image.shape[:2]), np.float32) if out is None else out
    for channel, values in zip(cv2.split(image), out):
        cv2.LUT(channel, INPUT_VALUES, dst=values)
    return out


def clip_crop(crop: Crop, width: int, height: int) -> Crop:
    """Return the part of a crop that lies in an image of ``width`` x ``height`` pixels; w or h below 1 if none does."""
    x, y, w, h = crop
    left, top = max(x, 0), max(y, 0)
    return left, top, min(x + w, width) - left, min(y + h, height) - top


def crop_affine(crop: Crop, size: int) -> npt.NDArray[np.float64]:
    """Return the 2x3 map from the image to the network's input: the crop is resized into the top left corner.

    Args:
        crop: of the image.
        size: side of the input, pixels.
    """
    x, y, w, h = crop
    return geometry.compose(geometry.fit_affine(w, h, size), geometry.translation(-x, -y))


def crop_to_input(image: npt.NDArray[np.uint8], crop: Crop, size: int) -> npt.NDArray[np.float32]:
    """Return the network's input for a crop of an image, grey beyond the image.

    Args:
        image: (h, w, 3) uint8 BGR.
        crop: of the image.
        size: side of the input, pixels.

    Returns:
        (3, size, size) float32.
    """
    left, top, w, h = clip_crop(crop, *image.shape[1::-1])
    affine = geometry.compose(crop_affine(crop, size), geometry.translation(left, top))
    return network_input(geometry.warp(image[top : top + h, left : left + w], affine, size, FILL))
