"""Keypoints to heatmaps and back (section 3.1; section 3.2, last paragraphs)."""

import cv2
import numpy as np

from maskpose import geometry
from maskpose.model.variants import KEYPOINTS, STRIDE

CUBIC_OVERSHOOT = 0.4453125  # the most that bicubic weights (a = -0.75) below 0 sum to in two dimensions, half way
LIKELY = 4  # places a map that are looked at for a value that its maximum reaches
PART = 256  # places at a time: so few that no library starts threads for them


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


def argmax2d(maps, width=None, height=None, left=0, top=0):
    """Position and value of each map's maximum.

    maps: (C, h, w). Only the pixels from ``left``, ``top`` to below ``width``, ``height`` count where given: what is
    beside the photograph holds no hand. Returns points (C, 2) float64 (x, y) in the maps' pixels and values (C,).
    """
    maps = maps[:, top:height, left:width]
    flat = maps.reshape(len(maps), -1)
    best = flat.argmax(axis=1)
    y, x = np.divmod(best, maps.shape[2])
    return np.stack([x + left, y + top], axis=1).astype(np.float64), flat[np.arange(len(maps)), best]


def upsampled_argmax2d(maps, width=None, height=None, stride=8, left=0, top=0):
    """``argmax2d(upsample(maps, stride), width, height, left, top)`` but for rounding, without the large maps.

    A bicubic value is at most M + c (M - m), where M and m are the largest and smallest of the 4 x 4 cells that it
    is computed from and c is CUBIC_OVERSHOOT. Only where that bound reaches a value that the map does have can its
    maximum lie, and only there are pixels computed: the ``stride`` x ``stride`` that lie between four cells at a time.
    """
    rows, columns = maps.shape[1:]
    width, height = width or columns * stride, height or rows * stride
    padded = np.pad(maps, ((0, 0), (2, 2), (2, 2)), mode="edge")
    highest = _over_four_cells(padded, np.maximum)
    bound = highest + (CUBIC_OVERSHOOT + 1e-4) * (highest - _over_four_cells(padded, np.minimum))
    bound += 1e-6 * np.abs(highest)
    half = stride // 2
    # Pixels from stride * k - half on lie between cells k - 1 and k.
    bound = bound[:, : (height - 1 + half) // stride + 1, : (width - 1 + half) // stride + 1]
    bound[:, : (top + half) // stride], bound[:, :, : (left + half) // stride] = -np.inf, -np.inf
    cells = np.lib.stride_tricks.sliding_window_view(padded, (4, 4), axis=(1, 2))
    weights = _cubic_weights(stride).astype(maps.dtype)
    weights = np.einsum("ya,xb->abyx", weights, weights).reshape(16, -1)

    def pixels(channels, down, across):
        """(n,) largest value between cells, and x and y of the first pixel that has it."""
        values = cells[channels, down, across].reshape(-1, 16) @ weights
        y, x = (stride * start[:, None] - half + np.arange(stride) for start in (down, across))
        cut = np.flatnonzero((y[:, 0] < top) | (y[:, -1] >= height) | (x[:, 0] < left) | (x[:, -1] >= width))
        outside = ((y[cut] < top) | (y[cut] >= height))[:, :, None] | ((x[cut] < left) | (x[cut] >= width))[:, None, :]
        values[cut] = np.where(outside.reshape(len(cut), stride * stride), -np.inf, values[cut])
        best = values.argmax(axis=1)
        each = np.arange(len(values))
        return values[each, best], x[each, best % stride], y[each, best // stride]

    every = np.arange(len(maps))
    flat = bound.reshape(len(maps), -1)
    likely = np.argpartition(-flat, min(LIKELY, flat.shape[1]) - 1, axis=1)[:, :LIKELY]
    down, across = np.unravel_index(likely.ravel(), bound.shape[1:])
    reached = pixels(np.repeat(every, likely.shape[1]), down, across)[0].reshape(likely.shape).max(axis=1)
    channels, down, across = np.nonzero(bound >= reached[:, None, None])
    parts = [slice(start, start + PART) for start in range(0, len(channels), PART)]
    values, x, y = map(np.concatenate, zip(*(pixels(channels[p], down[p], across[p]) for p in parts)))
    order = np.lexsort((y * width + x, -values, channels))  # the first pixel of the largest value comes first
    first = order[np.searchsorted(channels[order], every)]
    return np.column_stack([x[first], y[first]]).astype(np.float64), values[first]


def _over_four_cells(padded, largest):
    """np.maximum or np.minimum over the 4 x 4 cells that pixels are computed from: (C, h + 1, w + 1).

    padded: maps (C, h, w) with two cells more on each side.
    """
    for axis in (1, 2):
        count = padded.shape[axis] - 3
        parts = [np.take(padded, range(start, start + count), axis) for start in range(4)]
        padded = largest(largest(parts[0], parts[1]), largest(parts[2], parts[3]))
    return padded


def _cubic_weights(stride, a=-0.75):
    """(stride, 4) weights of four cells in a row for the ``stride`` pixels between the middle two, as OpenCV's."""
    t = (np.arange(stride) + 0.5) / stride
    near = [((a + 2) * d - (a + 3)) * d * d + 1 for d in (t, 1 - t)]
    far = [((a * d - 5 * a) * d + 8 * a) * d - 4 * a for d in (1 + t, 2 - t)]
    return np.column_stack([far[0], near[0], near[1], far[1]])


def decode_keypoints(maps, view, part):
    """Keypoints (21, 2) in the photograph's pixels and confidences (21,) from one level's (22, m', m') maps.

    view: photograph to input, 2x3; part: (x, y, w, h) of the photograph that the level shows. Only input pixels whose
    centre lies on that part can be chosen; of a part so small that there is none, the nearest one.
    """
    x, y, w, h = part
    edges = geometry.apply(view, np.array([[x, y], [x + w, y + h]]) - 0.5)
    (left, top), (width, height) = np.ceil(edges - 1e-6).astype(int)  # pixel k is one if first edge <= k < second edge
    left, top = np.minimum((left, top), maps.shape[-1] * STRIDE - 1)
    width, height = np.maximum((width, height), (left + 1, top + 1))
    points, confidences = upsampled_argmax2d(maps[:KEYPOINTS], width, height, STRIDE, left, top)
    points = geometry.apply(geometry.invert(view), points)
    return np.clip(points, (x, y), (x + w - 1, y + h - 1)), confidences


def resample_map(channel, affine, side):
    """(side, side) of a (m', m') map, moved by ``affine`` from cells to cells; beyond it, its border goes on."""
    return cv2.warpAffine(channel, affine, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def merge_heatmaps(maps, views):
    """One (22, m', m') set on the first level's grid: the levels' maximum, background their minimum.

    maps: each level's (22, m', m'); views: photograph to input, 2x3 each.
    """
    grid = geometry.grid_affine(STRIDE)
    merged = maps[0].copy()
    side = merged.shape[-1]
    for level, view in zip(maps[1:], views[1:]):
        affine = geometry.compose(grid, views[0], geometry.invert(view), geometry.invert(grid))
        for channel, one in enumerate(level):
            empty = float(channel == KEYPOINTS)  # beyond the crop: no joint, all background
            moved = cv2.warpAffine(one, affine, (side, side), borderMode=cv2.BORDER_CONSTANT, borderValue=empty)
            pick = np.minimum if empty else np.maximum
            merged[channel] = pick(merged[channel], moved)
    return merged
