"""Skin's colour, from point to point: tone, the lighter palm, red knuckles and tips, creases, veins, nails.

What does not depend on the person is computed once, at rest, a value a vertex.
"""

from typing import NamedTuple

import numpy as np

from maskpose.keypoints import FINGERS
from maskpose.synth.arrays import Floats, Rng
from maskpose.synth.colour import linear
from maskpose.synth.compiling import compiled
from maskpose.synth.noise import in_space

# sRGB of the back of the hand from light to dark, and of the palm beside it.
BACKS = np.array([(244, 200, 178), (234, 180, 150), (220, 160, 122), (192, 130, 92), (150, 96, 64), (108, 66, 44),
                  (72, 45, 33)])  # fmt: skip
PALMS = np.array([(248, 200, 184), (240, 184, 162), (232, 170, 142), (216, 152, 120), (194, 130, 102),
                  (168, 110, 86), (142, 95, 75)])  # fmt: skip

# What blood, a vein and a crease leave of the colour or take from it: BGR.
BLOOD = np.array([0.78, 0.72, 1.0], np.float32)
VEIN = np.array([0.02, 0.1, 0.14], np.float32)
CREASE = np.array([0.62, 0.55, 0.42], np.float32)


class SkinMap(NamedTuple):
    """What a vertex of the arm at rest is like, each (n,) from 0 to 1."""

    palm: np.ndarray
    red: np.ndarray


def skin_map(vertices: Floats, normals: Floats, keypoints: Floats) -> SkinMap:
    """The SkinMap of an arm at rest in hand coordinates: (n, 3) each, keypoints (21, 3)."""
    palm = np.clip(0.5 - 1.1 * normals[:, 2], 0, 1)
    palm = palm * palm * (3 - 2 * palm)
    # The forearm's inside is only a little lighter.
    palm = np.where(vertices[:, 0] < -0.007, palm * np.clip(1 + (vertices[:, 0] + 0.007) / 0.03, 0.25, 1), palm)
    red = np.zeros(len(vertices))
    for finger, joints in FINGERS.items():
        for n, joint in enumerate(joints):
            reach = 0.011 if finger != "thumb" else 0.013
            near = np.exp(-(((vertices - keypoints[joint]) / reach) ** 2).sum(axis=1))
            back = 1 - 0.8 * palm if n < 3 else np.ones(len(vertices))
            red = np.maximum(red, near * back * (0.0 if finger == "thumb" and n == 0 else 1.0))
    heel = np.exp(-(((vertices - [0.018, 0.03, -0.02]) / 0.022) ** 2).sum(axis=1))
    heel += np.exp(-(((vertices - [0.018, -0.03, -0.015]) / 0.022) ** 2).sum(axis=1))
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


def random_tone(rng: Rng) -> tuple[Floats, Floats]:
    """Linear BGR (3,) of the back of a person's hand, and of the palm."""
    tone = rng.uniform(0, len(BACKS) - 1) if rng.random() < 0.6 else rng.triangular(0, 1.5, len(BACKS) - 1)
    back, palm = (np.array([np.interp(tone, range(len(t)), c) for c in t.T]) for t in (BACKS, PALMS))
    hue = rng.normal(0, 1, 3) * (3.0, 5.0, 6.0)
    return linear(np.clip(back + hue, 8, 255)[::-1]), linear(np.clip(palm + hue, 8, 255)[::-1])


def random_skin(rng: Rng, age: float) -> Skin:
    """A person's Skin; ``age`` from 0 (child) to 1 (old) has its say in creases and veins."""
    back, palm = random_tone(rng)
    polished = rng.random() < 0.08
    nail = linear(rng.uniform(5, 250, 3)) if polished else np.array([1.1, 1.08, 1.12]) * rng.uniform(0.9, 1.25)
    return Skin(
        back, palm, rng.uniform(0.1, 1.0), rng.uniform(0.3, 1.3), rng.uniform(0.3, 1.2),
        rng.uniform(0, 1) * (0.3 + 0.7 * age),
        rng.uniform(0.4, 1.0) * (0.5 + 0.7 * age), nail, polished, rng.uniform(0.3, 1.0),
    )  # fmt: skip


def colours(
    skin: Skin, texture: Floats, palm: Floats, red: Floats, nail: Floats, lines: Floats, volume: Floats
) -> Floats:
    """(k, 3) linear BGR of k points of skin: ``texture`` (k, 3) metres at rest, and (k,) ``palm``, ``red``,
    ``nail`` and ``lines`` from 0 to 1; ``volume`` of noise."""
    return _colours(
        skin.back.astype(np.float32), skin.palm.astype(np.float32), skin.nail.astype(np.float32), skin.polished,
        np.array([skin.redness, skin.blotches, skin.pores, skin.veins, skin.creases], np.float32),
        palm, red, nail, lines,
        in_space(volume, texture, 0.012), in_space(volume, texture, 0.005), in_space(volume, texture, 0.0009),
        in_space(volume, texture + np.float32(0.13), 0.03),
        in_space(volume, texture * np.array([0.45, 1, 1], np.float32), 0.011),
    )  # fmt: skip


@compiled(fastmath=True)
def _colours(back, inside, plate, polished, person, palm, red, nail, lines, large, small, pores, tan, vein):
    redness, blotches, roughness, veins, creases = person
    result = np.empty((len(palm), 3), np.float32)
    for i in range(len(palm)):
        flush = redness * (0.7 * red[i] + 0.2 * palm[i]) + 0.08 * blotches * (large[i] + 0.6 * small[i])
        flush = min(max(flush, -0.25), 1.0)
        uneven = 1 + 0.035 * roughness * pores[i] + 0.05 * blotches * tan[i]
        blue = np.exp(-((vein[i] / 0.12) ** 2)) * (1 - palm[i]) * veins
        for c in range(3):
            colour = (back[c] + palm[i] * (inside[c] - back[c])) * BLOOD[c] ** flush * uneven
            colour *= (1 - blue * VEIN[c]) * (1 - lines[i] * creases * CREASE[c])
            target = plate[c] if polished else plate[c] * colour
            result[i, c] = colour + nail[i] * (target - colour)
    return result
