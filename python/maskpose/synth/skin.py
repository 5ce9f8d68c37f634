"""Skin's colour, from point to point: tone, the lighter palm, red knuckles and tips, creases, veins, nails.

What does not depend on the person is computed once, at rest, a value a vertex.
"""

from typing import NamedTuple

import numpy as np

from maskpose.skeleton import FINGERS
from maskpose.synth.colour import linear
from maskpose.synth.noise import in_space

# sRGB of the back of the hand from light to dark, and of the palm beside it.
BACKS = np.array([(240, 205, 186), (228, 186, 158), (212, 162, 130), (184, 132, 98), (142, 97, 70), (100, 66, 48),
                  (68, 46, 36)])  # fmt: skip
PALMS = np.array([(242, 205, 190), (234, 190, 168), (224, 174, 148), (206, 154, 124), (184, 130, 104),
                  (160, 110, 88), (138, 95, 77)])  # fmt: skip


class SkinMap(NamedTuple):
    """What a vertex of the arm at rest is like, each (n,) from 0 to 1."""

    palm: np.ndarray
    red: np.ndarray


def skin_map(vertices, normals, keypoints):
    """The SkinMap of an arm at rest in hand coordinates: (n, 3) each, keypoints (21, 3)."""
    palm = np.clip(0.5 - 1.1 * normals[:, 2], 0, 1)
    palm = palm * palm * (3 - 2 * palm)
    # The forearm's inside is only a little lighter.
    palm = np.where(vertices[:, 0] < 0.005, palm * np.clip(1 + (vertices[:, 0] - 0.005) / 0.03, 0.25, 1), palm)
    red = np.zeros(len(vertices))
    for finger, joints in FINGERS.items():
        for n, joint in enumerate(joints):
            reach = 0.011 if finger != "thumb" else 0.013
            near = np.exp(-(((vertices - keypoints[joint]) / reach) ** 2).sum(axis=1))
            back = 1 - 0.8 * palm if n < 3 else np.ones(len(vertices))
            red = np.maximum(red, near * back * (0.0 if finger == "thumb" and n == 0 else 1.0))
    heel = np.exp(-(((vertices - [0.03, 0.03, -0.02]) / 0.022) ** 2).sum(axis=1))
    heel += np.exp(-(((vertices - [0.03, -0.03, -0.015]) / 0.022) ** 2).sum(axis=1))
    return SkinMap(palm, np.clip(np.maximum(red, 0.6 * heel * palm), 0, 1))


class Skin(NamedTuple):
    """One person's skin."""

    back: np.ndarray  # (3,) linear BGR
    palm: np.ndarray
    redness: float
    blotches: float
    pores: float
    veins: float
    creases: float
    nail: np.ndarray  # (3,) linear BGR factor on the skin's colour, or the colour itself where polished
    polished: bool
    gloss: float


def random_skin(rng, age):
    """A person's Skin; ``age`` from 0 (child) to 1 (old) has its say in creases and veins."""
    tone = rng.uniform(0, len(BACKS) - 1) if rng.random() < 0.6 else rng.triangular(0, 1.5, len(BACKS) - 1)
    back, palm = (np.array([np.interp(tone, range(len(t)), c) for c in t.T]) for t in (BACKS, PALMS))
    hue = rng.normal(0, 1, 3) * (2.0, 3.5, 5.0)
    polished = rng.random() < 0.08
    nail = linear(rng.uniform(5, 250, 3)) if polished else np.array([1.1, 1.08, 1.12]) * rng.uniform(0.9, 1.25)
    return Skin(
        linear(np.clip(back + hue, 8, 255)[::-1]), linear(np.clip(palm + hue, 8, 255)[::-1]),
        rng.uniform(0.1, 1.0), rng.uniform(0.3, 1.3), rng.uniform(0.3, 1.2), rng.uniform(0, 1) * (0.3 + 0.7 * age),
        rng.uniform(0.4, 1.0) * (0.5 + 0.7 * age), nail, polished, rng.uniform(0.3, 1.0),
    )  # fmt: skip


def colours(skin, texture, palm, red, nail, lines, volume):
    """(k, 3) linear BGR of k points of skin: ``texture`` (k, 3) metres at rest, and (k,) ``palm``, ``red``,
    ``nail`` and ``lines`` from 0 to 1; ``volume`` of noise."""
    colour = skin.back + palm[:, None] * (skin.palm - skin.back)
    blood = np.array([0.78, 0.72, 1.0], np.float32)
    blotch = in_space(volume, texture, 0.012) + 0.6 * in_space(volume, texture, 0.005)
    flush = np.clip(skin.redness * (0.55 * red + 0.12 * palm) + 0.07 * skin.blotches * blotch, -0.25, 1)
    colour = colour * blood ** flush[:, None]
    pores = in_space(volume, texture, 0.0009)
    tan = in_space(volume, texture + np.float32(0.13), 0.03)
    colour = colour * (1 + 0.035 * skin.pores * pores + 0.05 * skin.blotches * tan)[:, None]
    vein = np.abs(in_space(volume, texture * np.array([0.45, 1, 1], np.float32), 0.011))
    vein = np.exp(-((vein / 0.12) ** 2)) * (1 - palm) * skin.veins
    colour = colour * (1 - vein[:, None] * np.array([0.02, 0.1, 0.14], np.float32))
    colour = colour * (1 - lines[:, None] * skin.creases * np.array([0.62, 0.55, 0.42], np.float32))
    plate = skin.nail if skin.polished else skin.nail * colour
    return (colour + nail[:, None] * (plate - colour)).astype(np.float32)
