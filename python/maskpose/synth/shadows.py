"""What keeps light from a surface: other surfaces between it and the lamp, and the walls of creases."""

import cv2
import numpy as np

from maskpose.synth.arrays import Floats, Ints
from maskpose.synth.compiling import compiled
from maskpose.synth.raster import rasterise

SIDE = 288  # pixels of the lamp's own picture
BIAS = 0.002  # metres
MARGIN = 0.05  # metres


class ShadowMap:
    """Depths as a distant lamp sees them.

    ``towards`` (3,) is the unit vector from the scene to the lamp; ``around`` (p, 3) are points whose neighbourhood
    the map covers: what is further from them than MARGIN is lit.
    """

    def __init__(self, vertices: Floats, triangles: Ints, towards: Floats, around: Floats):
        side = np.cross(towards, (0.3, 1.0, 0.2))
        side = side / np.linalg.norm(side)
        self.axes = np.stack([side, np.cross(towards, side), -towards])
        seen = vertices @ self.axes.T
        region = around @ self.axes.T
        low, high = region.min(axis=0) - MARGIN, region.max(axis=0) + MARGIN
        self.scale = (SIDE - 5) / max(high[0] - low[0], high[1] - low[1])
        self.low = low
        points = (seen[:, :2] - low[:2]) * self.scale + 2
        # Far away, perspective is as good as none.
        self.depth = rasterise(points, seen[:, 2] - low[2] + 1000, triangles, (SIDE, SIDE)).depth - 1000

    def lit(self, points: Floats, softness: float | np.floating) -> Floats:
        """(k,) float32, how much light reaches ``points`` (k, 3): 0 to 1, softer with more ``softness`` (pixels)."""
        seen = points @ self.axes.T.astype(np.float32)
        at = (seen[:, :2] - self.low[:2].astype(np.float32)) * np.float32(self.scale) + 2
        return _reached(self.depth, at, seen[:, 2] - np.float32(self.low[2]) - np.float32(BIAS), softness)


@compiled()
def _reached(depth, at, distance, softness):
    count = at.shape[0]
    side = depth.shape[0]
    result = np.empty(count, np.float32)
    for i in range(count):
        light = 0
        for dy in range(-2, 3):
            for dx in range(-2, 3):
                x = int(at[i, 0] + dx * softness + 0.5)
                y = int(at[i, 1] + dy * softness + 0.5)
                if x < 0 or y < 0 or x >= side or y >= side or depth[y, x] >= distance[i]:
                    light += 1
        result[i] = light / 25
    return result


def ambient_occlusion(depth: Floats, metre: float) -> Floats:
    """(h, w) float32, 1 in the open and less in creases, of a picture's ``depth`` (infinite where nothing is).

    ``metre`` is how many pixels a metre at the hand's distance takes.
    """
    covered = np.isfinite(depth)
    filled = np.where(covered, depth, 0).astype(np.float32)
    weight = covered.astype(np.float32)
    openness = np.ones(depth.shape, np.float32)
    for radius, strength in ((0.004, 0.5), (0.012, 0.75), (0.03, 0.5)):
        side = 2 * max(1, round(radius * metre)) + 1
        around = cv2.blur(filled, (side, side)) / np.maximum(cv2.blur(weight, (side, side)), 1e-6)
        deeper = np.clip((filled - around) / (1.2 * radius), 0, 1)
        openness *= 1 - strength * deeper
    return openness
