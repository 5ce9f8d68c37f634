"""Light on surfaces: a lamp or two, the sky and the ground, scattering under the skin, and gloss."""

from typing import NamedTuple

import numpy as np

from maskpose.synth.arrays import Floats, Rng
from maskpose.synth.compiling import compiled
from maskpose.synth.kinematics import turn

SCATTER = np.array([0.10, 0.16, 0.34], np.float32)  # BGR: red light goes furthest under the skin
CREASE_TINT = np.array([-0.4, -0.2, 1.0], np.float32)


class Lighting(NamedTuple):
    """Directions are unit vectors towards the light in camera coordinates; colours linear BGR."""

    lamps: np.ndarray  # (l, 3)
    lamp_colours: np.ndarray  # (l, 3)
    softness: float  # of the first lamp's shadow, pixels of its map
    sky: np.ndarray  # (3,)
    ground: np.ndarray  # (3,)
    up: np.ndarray  # (3,)


def random_lighting(rng: Rng) -> Lighting:
    """Daylight, rooms and flashes: a lamp from the camera's side of the scene, perhaps more, and light all round."""
    kind = rng.choice(["room", "sun", "overcast", "flash"], p=[0.5, 0.2, 0.2, 0.1])
    warm = rng.normal(0, 0.12)
    strength = {"room": rng.uniform(0.5, 0.95), "sun": rng.uniform(0.8, 1.3), "overcast": rng.uniform(0.15, 0.4),
                "flash": rng.uniform(0.7, 1.0)}[kind]  # fmt: skip
    around = {"room": rng.uniform(0.2, 0.5), "sun": rng.uniform(0.15, 0.35), "overcast": rng.uniform(0.5, 0.8),
              "flash": rng.uniform(0.05, 0.2)}[kind]  # fmt: skip
    first = _towards(rng, 8 if kind == "flash" else 62)
    lamps, colours = [first], [strength * tint(warm)]
    for _ in range(rng.integers(0, 3) if kind == "room" else rng.integers(0, 2)):
        lamps.append(_towards(rng, 110))
        colours.append(strength * rng.uniform(0.1, 0.6) * tint(warm + rng.normal(0, 0.12)))
    bounce = np.clip(tint(-warm + rng.normal(0, 0.1)) * np.exp(rng.normal(0, 0.12, 3)), 0, None)
    return Lighting(
        np.array(lamps), np.array(colours), rng.uniform(0.4, 3.0) if kind != "sun" else rng.uniform(0.3, 0.8),
        around * tint(rng.normal(0, 0.1)), around * rng.uniform(0.3, 0.8) * bounce,
        turn((0, 0, 1), rng.normal(0, 20)) @ np.array([0.0, -0.9, -0.43]),
    )  # fmt: skip


def tint(warmth: float) -> Floats:
    """(3,) BGR of light: reddish where positive."""
    return np.array([1 - warmth, 1.0, 1 + warmth])


def _towards(rng, angle):
    """A direction off the line to the camera by about ``angle`` degrees, more often from above."""
    off = np.deg2rad(abs(rng.normal(0, angle * 0.75)))
    around = rng.uniform(0, 2 * np.pi)
    across = np.array([np.cos(around), -abs(np.sin(around)) if rng.random() < 0.75 else np.sin(around), 0])
    direction = np.sin(off) * across + np.cos(off) * np.array([0, 0, -1.0])
    return direction / np.linalg.norm(direction)


def light(
    lighting: Lighting,
    points: Floats,
    normals: Floats,
    lit: Floats,
    openness: Floats,
    albedo: Floats,
    gloss: Floats,
    roughness: Floats,
    scatter: Floats,
) -> Floats:
    """(k, 3) float32 linear BGR that k points send to the camera.

    ``points`` and ``normals`` (k, 3), ``lit`` (k,) how much of the first lamp reaches them, ``openness`` (k,) of
    the light all round, ``albedo`` (k, 3), ``gloss`` and ``roughness`` (k,), ``scatter`` (k,) 1 for skin, else 0.
    """
    return _light(
        lighting.lamps.astype(np.float32), lighting.lamp_colours.astype(np.float32), lighting.sky.astype(np.float32),
        lighting.ground.astype(np.float32), lighting.up.astype(np.float32), points, normals, lit, openness, albedo,
        gloss, roughness, scatter,
    )  # fmt: skip


@compiled(fastmath=True)
def _light(lamps, colours, sky, ground, up, points, normals, lit, openness, albedo, gloss, roughness, scatter):
    result = np.empty(points.shape, np.float32)
    for i in range(points.shape[0]):
        n, p = normals[i], points[i]
        far = np.sqrt(p[0] * p[0] + p[1] * p[1] + p[2] * p[2])
        facing = min(max(-(n[0] * p[0] + n[1] * p[1] + n[2] * p[2]) / far, 0.0), 1.0)
        grazing = (1 - facing) ** 5
        upward = 0.5 + 0.5 * (n[0] * up[0] + n[1] * up[1] + n[2] * up[2])
        shine = 2 / max(roughness[i], 0.05) ** 4
        for c in range(3):
            around = (ground[c] + upward * (sky[c] - ground[c])) * openness[i]
            # Light that enters skin beside a crease comes out of it: shadows there are red rather than black.
            around *= 1 + 0.25 * (1 - openness[i]) * scatter[i] * CREASE_TINT[c]
            result[i, c] = albedo[i, c] * around + gloss[i] * 0.15 * grazing * openness[i] * sky[c]
        for l in range(lamps.shape[0]):
            lamp = lamps[l]
            reach = lit[i] if l == 0 else 0.35 + 0.65 * openness[i]
            towards = n[0] * lamp[0] + n[1] * lamp[1] + n[2] * lamp[2]
            hx, hy, hz = lamp[0] - p[0] / far, lamp[1] - p[1] / far, lamp[2] - p[2] / far
            half = (n[0] * hx + n[1] * hy + n[2] * hz) / (np.sqrt(hx * hx + hy * hy + hz * hz) + 1e-6)
            specular = 0.0
            if towards > 0 and half > 0:
                specular = gloss[i] * (0.04 + 0.5 * grazing) * half**shine * (shine + 8) / 25
                specular *= min(towards * 4, 1.0) * reach
            for c in range(3):
                wrap = SCATTER[c] * scatter[i]
                diffuse = max(0.0, (towards + wrap) / (1 + wrap)) * reach ** (1 - 1.2 * wrap)
                result[i, c] += colours[l, c] * (albedo[i, c] * diffuse + specular)
    return result
