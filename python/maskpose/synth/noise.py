"""Random fields: in space, for skin and cloth that move with their surface, and in the picture."""

import cv2
import numpy as np

from maskpose.synth.arrays import Floats, Rng, Size
from maskpose.synth.compiling import compiled

SIDE = 64  # of the periodic volume


def noise_volume(rng: Rng) -> Floats:
    """(64, 64, 64) float32 of mean 0 and deviation 1, periodic, to be read by ``in_space``."""
    volume = rng.standard_normal((SIDE, SIDE, SIDE), np.float32)
    for axis in range(3):
        volume = 0.25 * np.roll(volume, 1, axis) + 0.5 * volume + 0.25 * np.roll(volume, -1, axis)
    return volume / volume.std()


@compiled()
def in_space(volume: Floats, points: Floats, period: float) -> Floats:
    """(k,) float32 smooth noise at ``points`` (k, 3): blobs about two ``period`` wide (points' unit)."""
    count = points.shape[0]
    result = np.empty(count, np.float32)
    for i in range(count):
        x, y, z = points[i, 0] / period, points[i, 1] / period, points[i, 2] / period
        xf, yf, zf = np.floor(x), np.floor(y), np.floor(z)
        x0, y0, z0 = int(xf) & 63, int(yf) & 63, int(zf) & 63
        x1, y1, z1 = (x0 + 1) & 63, (y0 + 1) & 63, (z0 + 1) & 63
        u, v, w = x - xf, y - yf, z - zf
        a = volume[x0, y0, z0] * (1 - u) + volume[x1, y0, z0] * u
        b = volume[x0, y1, z0] * (1 - u) + volume[x1, y1, z0] * u
        c = volume[x0, y0, z1] * (1 - u) + volume[x1, y0, z1] * u
        d = volume[x0, y1, z1] * (1 - u) + volume[x1, y1, z1] * u
        result[i] = (a * (1 - v) + b * v) * (1 - w) + (c * (1 - v) + d * v) * w
    return result


def in_picture(rng: Rng, size: Size, cells: int, roughness: float = 0.5) -> Floats:
    """(h, w) float32 of mean 0 and deviation about 1: octaves of noise, the coarsest of ``cells`` a side.

    ``roughness`` is how much each finer octave counts beside the one before.
    """
    total, amount, sum_of_squares = np.zeros(size[::-1], np.float32), 1.0, 0.0
    while cells <= max(size) and amount > 0.03:
        shape = [max(2, round(cells * side / max(size))) for side in size[::-1]]
        coarse = rng.standard_normal(shape, np.float32)
        total += amount * cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)
        sum_of_squares += amount**2
        cells, amount = cells * 2, amount * roughness
    return total / max(np.sqrt(sum_of_squares), 1e-6)
