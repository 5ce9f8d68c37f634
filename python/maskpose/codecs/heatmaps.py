"""Keypoints to heatmaps and back (section 3.1; section 3.2, last paragraphs).

Points are (x, y), and pixel centres lie at integers. A grid cell is STRIDE input pixels wide; geometry.grid_affine maps
input pixels to cells.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from maskpose import geometry
from maskpose.model.variants import NUM_KEYPOINTS, STRIDE

CUBIC_OVERSHOOT = 0.4453125  # sum of the bicubic weights (a = -0.75) below 0, at most: in 2-D, half way between cells
LIKELY_BLOCKS = 4  # of each map, whose pixels give the value that its maximum reaches at least
BLOCKS_AT_ONCE = 256  # so few that no library starts threads for them

Maps = npt.NDArray[np.floating[Any]]


def encode(
    cells: npt.NDArray[np.floating[Any]],
    visible: npt.NDArray[np.bool_],
    size: int,
    sigma: float,
    background: str = "sum",
    out: npt.NDArray[np.float32] | None = None,
) -> npt.NDArray[np.float32]:
    """Make the heatmaps of keypoints: a Gaussian for each, and the background as the last channel.

    Args:
        cells: (K, 2) keypoints in grid cells; anything where they are not visible.
        visible: (K,) bool; the maps of the other keypoints are zeros.
        size: side of the grid, cells.
        sigma: standard deviation of the Gaussian, cells.
        background: "sum" for 1 - the sum of the K maps (the paper), "max" for 1 - their maximum (OpenPose).
        out: (K + 1, size, size) float32 to write into; None: a new array.

    Returns:
        (K + 1, size, size) float32, which is ``out`` if that is given.
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


def upsample(maps: Maps, stride: int = STRIDE) -> Maps:
    """Enlarge ``maps`` (C, h, w) bicubically to (C, h * stride, w * stride).

    cv2.resize aligns the corners of the images, as ``geometry.grid_affine`` does: pixels of the result are input
    pixels, without an offset.
    """
    height, width = maps.shape[1:]
    target = (width * stride, height * stride)
    return np.stack([cv2.resize(channel, target, interpolation=cv2.INTER_CUBIC) for channel in maps])


def argmax2d(
    maps: Maps, width: int | None = None, height: int | None = None, left: int = 0, top: int = 0
) -> tuple[npt.NDArray[np.float64], Maps]:
    """Return the position and value of each map's maximum within a window: no hand lies beside the image.

    Args:
        maps: (C, h, w).
        width: the first column right of the window; None: there is none.
        height: the first row below the window; None: there is none.
        left: the window's first column.
        top: the window's first row.

    Returns:
        points (C, 2) float64 (x, y) in the maps' pixels, and values (C,).
    """
    maps = maps[:, top:height, left:width]
    flat = maps.reshape(len(maps), -1)
    best = flat.argmax(axis=1)
    y, x = np.divmod(best, maps.shape[2])
    return np.stack([x + left, y + top], axis=1).astype(np.float64), flat[np.arange(len(maps)), best]


def upsampled_argmax2d(
    maps: Maps,
    width: int | None = None,
    height: int | None = None,
    stride: int = STRIDE,
    left: int = 0,
    top: int = 0,
) -> tuple[npt.NDArray[np.float64], Maps]:
    """Return ``argmax2d(upsample(maps, stride), width, height, left, top)``, but for rounding, in less time.

    The large maps fall into blocks of ``stride`` x ``stride`` pixels, each of which lies between the centres of four
    cells. All pixels of a block are sums over the same 4 x 4 cells::

        a  b  c  d        A block P between f, g, j and k. If M and m are the largest and the smallest of a ... p, no
        e  f  g  h        pixel in P exceeds M + c (M - m), where c is CUBIC_OVERSHOOT.
            P
        i  j  k  l        A map's maximum lies in a block whose bound reaches a value that some pixel of the map has.
        m  n  o  p        Pixels are computed in such blocks alone.

    Args:
        maps: (C, h, w).
        width: as of ``argmax2d``, in pixels of the large maps, as are the following.
        height: as of ``argmax2d``.
        stride: large pixels in a cell's side.
        left: as of ``argmax2d``.
        top: as of ``argmax2d``.

    Returns:
        points (C, 2) float64 (x, y) in the large maps' pixels, and values (C,).
    """
    rows, columns = maps.shape[1:]
    window = _Window(left, top, width or columns * stride, height or rows * stride)
    blocks = _Blocks(maps, stride, window)
    every = np.arange(len(maps))
    likely = blocks.highest_bounds(LIKELY_BLOCKS)
    reached = blocks.maxima(_Places(*(part.ravel() for part in likely))).values.reshape(likely.down.shape).max(axis=1)
    places = _Places(*np.nonzero(blocks.bounds >= reached[:, None, None]))
    maxima = blocks.maxima(places)
    order = np.lexsort((maxima.y * window.right + maxima.x, -maxima.values, places.channels))  # ties: the first pixel
    first = order[np.searchsorted(places.channels[order], every)]
    return np.column_stack([maxima.x[first], maxima.y[first]]).astype(np.float64), maxima.values[first]


class _Window(NamedTuple):
    """The large pixels that count: columns from ``left`` to below ``right``, rows from ``top`` to below ``bottom``."""

    left: int
    top: int
    right: int
    bottom: int


class _Places(NamedTuple):
    """Blocks, by channel, row and column: block (k, l) lies between the cells k - 1 and k down, l - 1 and l across."""

    channels: npt.NDArray[np.intp]
    down: npt.NDArray[np.intp]
    across: npt.NDArray[np.intp]


class _Maxima(NamedTuple):
    """The largest value of each block, and the first pixel that has it."""

    values: npt.NDArray[np.floating[Any]]
    x: npt.NDArray[np.intp]
    y: npt.NDArray[np.intp]


class _Blocks:
    """The blocks of pixels of bicubically enlarged maps, computed on demand.

    ``bounds`` (C, blocks down, blocks across): no pixel of a block exceeds its bound; -inf: beside the window.
    """

    def __init__(self, maps: Maps, stride: int, window: _Window):
        self._stride, self._window = stride, window
        padded = np.pad(maps, ((0, 0), (2, 2), (2, 2)), mode="edge")
        self._cells = np.lib.stride_tricks.sliding_window_view(padded, (4, 4), axis=(1, 2))
        weights = _cubic_weights(stride).astype(maps.dtype)
        self._weights = np.einsum("ya,xb->abyx", weights, weights).reshape(16, -1)
        self.bounds = self._bounds(padded)

    def _bounds(self, padded: Maps) -> Maps:
        highest = _over_four_cells(padded, np.maximum)
        bounds = highest + (CUBIC_OVERSHOOT + 1e-4) * (highest - _over_four_cells(padded, np.minimum))
        bounds += 1e-6 * np.abs(highest)
        stride, half, (left, top, right, bottom) = self._stride, self._stride // 2, self._window
        bounds = bounds[:, : (bottom - 1 + half) // stride + 1, : (right - 1 + half) // stride + 1]
        bounds[:, : (top + half) // stride], bounds[:, :, : (left + half) // stride] = -np.inf, -np.inf
        return bounds

    def highest_bounds(self, count: int) -> _Places:
        """Return the ``count`` blocks of the highest bounds in each channel; each array is (C, count)."""
        flat = self.bounds.reshape(len(self.bounds), -1)
        best = np.argpartition(-flat, min(count, flat.shape[1]) - 1, axis=1)[:, :count]
        channels = np.repeat(np.arange(len(flat)), best.shape[1]).reshape(best.shape)
        return _Places(channels, *np.unravel_index(best, self.bounds.shape[1:]))

    def maxima(self, places: _Places) -> _Maxima:
        """Return the maxima of blocks; each array of ``places``, and of the result, is (n,)."""
        count = len(places.channels)
        parts = [slice(start, start + BLOCKS_AT_ONCE) for start in range(0, count, BLOCKS_AT_ONCE)]
        found = [self._maxima_of_few(_Places(*(array[part] for array in places))) for part in parts]
        return _Maxima(*map(np.concatenate, zip(*found)))

    def _maxima_of_few(self, places: _Places) -> _Maxima:
        stride, half, (left, top, right, bottom) = self._stride, self._stride // 2, self._window
        values = self._cells[places].reshape(-1, 16) @ self._weights
        y, x = (stride * start[:, None] - half + np.arange(stride) for start in (places.down, places.across))
        cut = np.flatnonzero((y[:, 0] < top) | (y[:, -1] >= bottom) | (x[:, 0] < left) | (x[:, -1] >= right))
        outside = ((y[cut] < top) | (y[cut] >= bottom))[:, :, None] | ((x[cut] < left) | (x[cut] >= right))[:, None, :]
        values[cut] = np.where(outside.reshape(len(cut), stride * stride), -np.inf, values[cut])
        best = values.argmax(axis=1)
        each = np.arange(len(values))
        return _Maxima(values[each, best], x[each, best % stride], y[each, best // stride])


def _over_four_cells(padded: Maps, largest: Callable[[Maps, Maps], Maps]) -> Maps:
    """Return the extreme of each block's 4 x 4 cells: (C, h + 1, w + 1).

    Args:
        padded: maps (C, h, w) with two more cells on each side.
        largest: np.maximum or np.minimum.
    """
    for axis in (1, 2):
        count = padded.shape[axis] - 3
        parts = [np.take(padded, range(start, start + count), axis) for start in range(4)]
        padded = largest(largest(parts[0], parts[1]), largest(parts[2], parts[3]))
    return padded


def _cubic_weights(stride: int, a: float = -0.75) -> npt.NDArray[np.float64]:
    """Return OpenCV's weights (stride, 4) of four cells in a row for the ``stride`` pixels between the middle two."""
    t = (np.arange(stride) + 0.5) / stride
    near = [((a + 2) * d - (a + 3)) * d * d + 1 for d in (t, 1 - t)]
    far = [((a * d - 5 * a) * d + 8 * a) * d - 4 * a for d in (1 + t, 2 - t)]
    return np.column_stack([far[0], near[0], near[1], far[1]])


def decode_keypoints(
    maps: Maps, to_input: npt.NDArray[np.float64], region: tuple[int, int, int, int]
) -> tuple[npt.NDArray[np.float64], Maps]:
    """Return the keypoints that one pass's heatmaps show.

    An input pixel can be a keypoint if its centre lies on the region. If the region is so small that none does, the
    nearest pixel is taken.

    Args:
        maps: (22, m', m') heatmaps, the background last.
        to_input: 2x3, image to network input.
        region: (x, y, w, h) of the image that the network's input shows, pixels.

    Returns:
        keypoints (21, 2) float64 in the image's pixels, and confidences (21,).
    """
    x, y, w, h = region
    edges = geometry.apply(to_input, np.array([[x, y], [x + w, y + h]]) - 0.5)
    (left, top), (width, height) = np.ceil(edges - 1e-6).astype(int)  # pixel k is one if first edge <= k < second edge
    left, top = np.minimum((left, top), maps.shape[-1] * STRIDE - 1)
    width, height = np.maximum((width, height), (left + 1, top + 1))
    points, confidences = upsampled_argmax2d(maps[:NUM_KEYPOINTS], width, height, STRIDE, left, top)
    points = geometry.apply(geometry.invert(to_input), points)
    return np.clip(points, (x, y), (x + w - 1, y + h - 1)), confidences


def resample_map(channel: Maps, affine: npt.NDArray[np.float64], side: int) -> Maps:
    """Move a map (m', m') by ``affine``, 2x3 from cells to cells, into (side, side); its border continues beyond it."""
    moved = cv2.warpAffine(channel, affine, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, channel.dtype)


def merge_heatmaps(maps: Sequence[Maps], to_inputs: Sequence[npt.NDArray[np.float64]]) -> Maps:
    """Merge the heatmaps of several passes on the first one's grid: the largest keypoint, the smallest background.

    Args:
        maps: (22, m', m') of each pass.
        to_inputs: 2x3 of each pass, image to network input.

    Returns:
        (22, m', m').
    """
    grid = geometry.grid_affine(STRIDE)
    merged = maps[0].copy()
    side = merged.shape[-1]
    for level, to_input in zip(maps[1:], to_inputs[1:]):
        affine = geometry.compose(grid, to_inputs[0], geometry.invert(to_input), geometry.invert(grid))
        for channel, heatmap in enumerate(level):
            empty = float(channel == NUM_KEYPOINTS)  # beyond the crop there is no keypoint, and all is background
            moved = cv2.warpAffine(heatmap, affine, (side, side), borderMode=cv2.BORDER_CONSTANT, borderValue=empty)
            pick = np.minimum if empty else np.maximum
            merged[channel] = pick(merged[channel], moved)
    return merged
