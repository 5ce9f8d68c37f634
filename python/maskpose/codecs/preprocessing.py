"""From an image to the network's input (section 3.1): crop, resize and pad, values; for training and prediction."""

import cv2
import numpy as np

from maskpose import geometry

FILL = (128, 128, 128)  # BGR beside the image, section 3.1
INPUT_VALUES = np.arange(256, dtype=np.float32) / 256 - 0.5  # of the network's input, by the image's grey level


def network_input(image: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """(m, m, 3) uint8 BGR as (3, m, m) float32 BGR / 256 - 0.5, in ``out`` if given."""
    out = np.empty((3, *image.shape[:2]), np.float32) if out is None else out
    for channel, values in zip(cv2.split(image), out):
        cv2.LUT(channel, INPUT_VALUES, dst=values)
    return out


def clip_crop(crop: tuple[int, int, int, int], width: int, height: int) -> tuple[int, int, int, int]:
    """The part (x, y, w, h) of a crop that lies in an image of that size, pixels; w or h below 1 if none does."""
    x, y, w, h = crop
    left, top = max(x, 0), max(y, 0)
    return left, top, min(x + w, width) - left, min(y + h, height) - top


def crop_affine(crop: tuple[int, int, int, int], size: int) -> np.ndarray:
    """2x3, image to network input of side ``size``, for a crop (x, y, w, h): resized, at the top left."""
    x, y, w, h = crop
    return geometry.compose(geometry.fit_affine(w, h, size), geometry.translation(-x, -y))


def crop_to_input(image: np.ndarray, crop: tuple[int, int, int, int], size: int) -> np.ndarray:
    """(3, size, size) float32: the network's input for a crop (x, y, w, h) of an image, grey beyond the image.

    Args:
        image: (h, w, 3) uint8 BGR.
    """
    left, top, w, h = clip_crop(crop, *image.shape[1::-1])
    affine = geometry.compose(crop_affine(crop, size), geometry.translation(left, top))
    return network_input(geometry.warp(image[top : top + h, left : left + w], affine, size, FILL))
