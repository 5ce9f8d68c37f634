"""The 1 euro filter (Casiez, Roussel and Vogel, CHI 2012)."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt


class OneEuro:
    """Smooths a set of points over time: strongly while they are slow, weakly while they are fast."""

    def __init__(self, cutoff: float = 1.5, beta: float = 0.02, speed_cutoff: float = 1.0):
        """Choose how strongly it smooths.

        Args:
            cutoff: of the low-pass filter for points that stand still, hertz.
            beta: how much higher the cutoff is per pixel a second of speed.
            speed_cutoff: of the low-pass filter for the speed, hertz.
        """
        self.cutoff, self.beta, self.speed_cutoff = cutoff, beta, speed_cutoff
        self._points: npt.NDArray[np.float64] | None = None
        self._speeds: npt.NDArray[np.float64] = np.zeros(())
        self._seconds = 0.0

    def __call__(self, points: npt.NDArray[np.float64], seconds: float) -> npt.NDArray[np.float64]:
        """Return ``points`` (n, 2), in pixels, smoothed; ``seconds`` is their time, later than at the last call."""
        if self._points is None or not np.isfinite(self._points).all():
            self._points, self._speeds, self._seconds = points.copy(), np.zeros_like(points), seconds
            return points
        step = max(seconds - self._seconds, 1e-6)
        speeds = (points - self._points) / step
        self._speeds = self._speeds + _smoothing(self.speed_cutoff, step) * (speeds - self._speeds)
        cutoffs = self.cutoff + self.beta * np.abs(self._speeds)
        smoothed = self._points + _smoothing(cutoffs, step) * (points - self._points)
        self._points, self._seconds = smoothed, seconds
        return smoothed.copy()


def _smoothing(cutoff: Any, step: float) -> Any:
    """Return the weight of a new value in a low-pass filter of ``cutoff`` hertz, a number or array, after a step."""
    return 1 / (1 + 1 / (2 * math.pi * cutoff * step))
