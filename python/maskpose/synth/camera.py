"""A pinhole camera. Camera coordinates: x to the right, y down, z forward, metres; pixel centres at integers."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from maskpose.synth.arrays import Floats, Size


class Camera(NamedTuple):
    """``focal`` length in pixels, picture ``size`` (w, h); the optical axis meets the picture's middle."""

    focal: float
    size: Size

    def project(self, points: Floats) -> Floats:
        """(..., 3) camera coordinates to (..., 2) pixels; only what has z > 0 is in front of the camera."""
        middle = (np.array(self.size) - 1) / 2
        return self.focal * points[..., :2] / points[..., 2:] + middle

    def ray(self, pixel: npt.ArrayLike) -> Floats:
        """(3,) point at depth 1 that is seen at a pixel (x, y)."""
        return np.append((np.asarray(pixel) - (np.array(self.size) - 1) / 2) / self.focal, 1.0)

    def enlarged(self, factor: int) -> "Camera":
        """The camera that takes the same picture with ``factor`` times as many pixels a side."""
        return Camera(self.focal * factor, (self.size[0] * factor, self.size[1] * factor))
