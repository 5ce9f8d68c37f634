"""Colours: pictures are BGR; light adds up in linear values, from 0 to about 1, and is shown in sRGB's."""

import numpy as np
import numpy.typing as npt

from maskpose.synth.arrays import Floats, Rng

GAMMA = 2.2


def linear(srgb: npt.ArrayLike) -> Floats:
    """Linear float32 of sRGB values 0..255."""
    return (np.asarray(srgb, np.float32) / 255) ** GAMMA


def shown(light: Floats) -> Floats:
    """sRGB float32 0..255 of linear values, brighter ones rolled off as cameras do."""
    light = np.maximum(light, 0)
    light = np.where(light > 0.8, 0.8 + 0.2 * np.tanh((light - 0.8) / 0.2), light)
    return 255 * light ** np.float32(1 / GAMMA)


def random_colour(rng: Rng) -> Floats:
    """(3,) linear BGR: any hue, seldom very saturated."""
    grey = rng.uniform(10, 245)
    return linear(np.clip(grey + rng.normal(0, 1, 3) * rng.uniform(3, 70), 5, 250))
