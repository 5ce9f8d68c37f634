"""A z-buffer: which triangle is seen at each pixel, and where on it."""

from typing import NamedTuple

import numpy as np

from maskpose.synth.arrays import Floats, Ints, Size
from maskpose.synth.compiling import compiled


class Fragments(NamedTuple):
    """What is seen at each pixel of a picture (h, w); pixel centres at integers."""

    triangle: np.ndarray  # (h, w) int32, -1 where nothing is
    corners: np.ndarray  # (h, w, 3) float32, how much of each corner: they add up to 1
    depth: np.ndarray  # (h, w) float32, z; infinite where nothing is


def rasterise(points: Floats, depths: Floats, triangles: Ints, size: Size) -> Fragments:
    """Fragments of ``triangles`` (m, 3) between projected ``points`` (n, 2) pixels at ``depths`` (n,), z > 0.

    ``size`` is (w, h). Corners' shares are perspective-correct. A triangle with a corner behind the camera
    (z <= 0) is left out; both sides of a triangle are seen. A pixel is covered when its centre is.
    """
    width, height = size
    triangle = np.full((height, width), -1, np.int32)
    corners = np.zeros((height, width, 3), np.float32)
    depth = np.full((height, width), np.inf, np.float32)
    _fill(
        np.ascontiguousarray(points, np.float64), np.ascontiguousarray(depths, np.float64),
        np.ascontiguousarray(triangles, np.int64), triangle, corners, depth,
    )  # fmt: skip
    return Fragments(triangle, corners, depth)


@compiled()
def _fill(points, depths, triangles, triangle, corners, depth):
    height, width = triangle.shape
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t]
        za, zb, zc = depths[a], depths[b], depths[c]
        if za <= 0 or zb <= 0 or zc <= 0:
            continue
        ax, ay = points[a]
        bx, by = points[b]
        cx, cy = points[c]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if area == 0:
            continue
        left = max(0, int(np.ceil(min(ax, bx, cx))))
        right = min(width - 1, int(np.floor(max(ax, bx, cx))))
        top = max(0, int(np.ceil(min(ay, by, cy))))
        bottom = min(height - 1, int(np.floor(max(ay, by, cy))))
        for y in range(top, bottom + 1):
            for x in range(left, right + 1):
                u = ((bx - x) * (cy - y) - (by - y) * (cx - x)) / area
                v = ((cx - x) * (ay - y) - (cy - y) * (ax - x)) / area
                w = 1 - u - v
                if u < 0 or v < 0 or w < 0:
                    continue
                ua, vb, wc = u / za, v / zb, w / zc
                z = 1 / (ua + vb + wc)
                if z < depth[y, x]:
                    depth[y, x] = z
                    triangle[y, x] = t
                    corners[y, x, 0] = ua * z
                    corners[y, x, 1] = vb * z
                    corners[y, x, 2] = wc * z


@compiled()
def interpolated(which: Ints, shares: Floats, triangles: Ints, attributes: Floats) -> Floats:
    """(k, c) float32: ``attributes`` (n, c) of vertices, in k samples of ``triangles`` (m, 3).

    ``which`` (k,) are the samples' triangles and ``shares`` (k, 3) how much of each corner.
    """
    result = np.empty((which.shape[0], attributes.shape[1]), np.float32)
    for i in range(which.shape[0]):
        a, b, c = triangles[which[i]]
        u, v, w = shares[i]
        for n in range(attributes.shape[1]):
            result[i, n] = u * attributes[a, n] + v * attributes[b, n] + w * attributes[c, n]
    return result
