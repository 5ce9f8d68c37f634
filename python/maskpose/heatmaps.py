"""Keypoints to heatmaps and back (section 3.1; section 3.2, last paragraphs)."""

import cv2
import numpy as np

CUBIC_OVERSHOOT = 0.4453125  # the most that bicubic weights (a = -0.75) below 0 sum to in two dimensions, half way


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


def upsampled_peaks(maps, width=None, height=None, stride=8):
    """``peaks(upsample(maps, stride), width, height)``, but for rounding, without building the large maps.

    A bicubic value is at most M + c (M - m), where M and m are the largest and smallest of the 4 x 4 cells that it
    is computed from and c is CUBIC_OVERSHOOT. Only where that bound reaches a value that the map does have can its
    maximum lie, and only there is the map enlarged.
    """
    rows, columns = maps.shape[1:]
    width, height = width or columns * stride, height or rows * stride
    highest = _over_four_cells(maps, np.maximum)
    bound = highest + (CUBIC_OVERSHOOT + 1e-4) * (highest - _over_four_cells(maps, np.minimum)) + 1e-6 * np.abs(highest)
    half = stride // 2
    # Pixels from stride * k - half on lie between cells k - 1 and k.
    bound = bound[:, : (height - 1 + half) // stride + 1, : (width - 1 + half) // stride + 1]
    points, values = np.empty((len(maps), 2)), np.empty(len(maps), maps.dtype)
    for k, one in enumerate(maps):
        y, x = np.unravel_index(bound[k].argmax(), bound[k].shape)
        reached = _enlarged(one, (x, x), (y, y), stride, width, height)[0].max()
        below, across = np.nonzero(bound[k] >= reached)
        across, below = (across.min(), across.max()), (below.min(), below.max())
        patch, left, top = _enlarged(one, across, below, stride, width, height)
        y, x = np.unravel_index(patch.argmax(), patch.shape)
        points[k], values[k] = (left + x, top + y), patch[y, x]
    return points, values


def _over_four_cells(maps, largest):
    """np.maximum or np.minimum over the 4 x 4 cells that pixels are computed from: (C, h + 1, w + 1) of (C, h, w)."""
    maps = np.pad(maps, ((0, 0), (2, 2), (2, 2)), mode="edge")
    for axis in (1, 2):
        count = maps.shape[axis] - 3
        parts = [np.take(maps, range(start, start + count), axis) for start in range(4)]
        maps = largest(largest(parts[0], parts[1]), largest(parts[2], parts[3]))
    return maps


def _enlarged(one, across, below, stride, width, height):
    """The pixels between cells, columns ``across`` and rows ``below`` (first, last), of an enlarged map (h, w).

    Gives them and the x and y of the first; no pixel from ``width`` and ``height`` on.
    """
    rows, columns = one.shape
    left, right = max(0, across[0] - 2), min(columns, across[1] + 2)
    top, bottom = max(0, below[0] - 2), min(rows, below[1] + 2)
    target = stride * (right - left), stride * (bottom - top)
    patch = cv2.resize(one[top:bottom, left:right], target, interpolation=cv2.INTER_CUBIC)
    half = stride // 2
    x0, x1 = max(0, stride * across[0] - half), min(width, stride * across[1] + half)
    y0, y1 = max(0, stride * below[0] - half), min(height, stride * below[1] + half)
    return patch[y0 - stride * top : y1 - stride * top, x0 - stride * left : x1 - stride * left], x0, y0
