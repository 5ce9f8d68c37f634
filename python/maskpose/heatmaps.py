"""Keypoints to heatmaps and back (section 3.1; section 3.2, last paragraphs)."""

import cv2
import numpy as np


def encode(cells, visible, size, sigma, background="sum", out=None):
    """Heatmaps of keypoints: a Gaussian each, and the background as the last channel.

    cells: (K, 2) keypoints in grid cells; visible: (K,) bool, a map of zeros for those that are not;
    size: side of the grid; sigma: of the Gaussian, cells; background: "sum" for 1 - sum of the K maps
    (the paper), "max" for 1 - their maximum (OpenPose). Returns (K + 1, size, size) float32, written into
    ``out`` where given.
    """
    count = len(cells)
    if out is None:
        out = np.empty((count + 1, size, size), np.float32)
    centres = np.where(np.asarray(visible)[:, None], cells, 0.0)
    grid = np.arange(size)
    profiles = np.exp(-((grid - centres[:, :, None]) ** 2) / (2 * sigma**2)).astype(np.float32)
    profiles[~np.asarray(visible)] = 0
    across, down = profiles[:, 0], profiles[:, 1]
    np.multiply(down[:, :, None], across[:, None, :], out=out[:count])
    if background == "sum":
        np.subtract(1, down.T @ across, out=out[count])
    else:
        np.subtract(1, out[:count].max(axis=0), out=out[count])
    return out


def upsample(maps, stride=8):
    """Bicubic enlargement of ``maps`` (C, h, w) by ``stride``, float32 (C, h*stride, w*stride).

    cv2.resize aligns the corners of the images, which is the grid of ``geometry.grid_affine``: result
    pixels are input pixels, with no offset to add.
    """
    height, width = maps.shape[1:]
    target = (width * stride, height * stride)
    return np.stack([cv2.resize(one, target, interpolation=cv2.INTER_CUBIC) for one in maps])


def peaks(maps, width=None, height=None):
    """Position and value of each map's maximum.

    maps: (C, h, w). Only the top-left ``width`` x ``height`` pixels count where given: the padding beside
    the photograph holds no hand. Returns points (C, 2) float64 (x, y) in the maps' pixels and values (C,).
    """
    maps = maps[:, :height, :width]
    flat = maps.reshape(len(maps), -1)
    best = flat.argmax(axis=1)
    y, x = np.divmod(best, maps.shape[2])
    return np.stack([x, y], axis=1).astype(np.float64), flat[np.arange(len(maps)), best]
