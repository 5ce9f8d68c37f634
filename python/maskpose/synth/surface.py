"""Samples of the surfaces that a picture shows: where each is, what it is made of, and its colour."""

from typing import TYPE_CHECKING

import numpy as np

from maskpose.synth import creases
from maskpose.synth.arrays import Bools, Floats, Rng
from maskpose.synth.colour import linear, random_colour
from maskpose.synth.labels import FOREARM_PART
from maskpose.synth.materials import CLOTH, HAIR, OTHER_SKIN, SKIN, THING, WORN
from maskpose.synth.meshes import Mesh, facing_normals
from maskpose.synth.noise import in_space
from maskpose.synth.raster import Fragments, interpolated
from maskpose.synth.skin import Skin, colours

if TYPE_CHECKING:
    from maskpose.synth.scene import Arm

METALS = ((235, 200, 120), (215, 215, 220), (205, 150, 125), (40, 40, 42), (90, 55, 35), (120, 20, 25))  # sRGB


class Surface:
    """k samples, in the order of ``picture[covered]``.

    ``fragments`` of a Mesh whose first vertices and triangles are those of the Arm; the first ``near`` triangles are
    what counts as near the hand.
    """

    def __init__(self, fragments: Fragments, mesh: Mesh, arm: "Arm", near: int):
        self.covered = fragments.triangle >= 0
        which, shares = fragments.triangle[self.covered], fragments.corners[self.covered]
        extra = len(mesh.vertices) - len(arm.mesh.vertices)
        own = np.column_stack([arm.skin_map.palm, arm.skin_map.red, arm.below_wrist])
        own = np.pad(own, ((0, extra), (0, 0)))
        attributes = np.hstack([mesh.vertices, mesh.normals, mesh.texture, own]).astype(np.float32)
        blended = interpolated(which, shares, mesh.triangles, attributes)
        self.points, normals, self.texture = (np.ascontiguousarray(blended[:, n : n + 3]) for n in (0, 3, 6))
        self.palm, self.red, below_wrist = np.ascontiguousarray(blended[:, 9:].T)
        self.normals = facing_normals(which, mesh.triangles, mesh.vertices, normals)
        self.material = mesh.material[which]
        self.is_near = which < near
        self.is_hand = self.of(SKIN) & (below_wrist < FOREARM_PART)
        wrist, axis = arm.forearm_axis
        self.is_hand |= self.of(WORN) & ((self.points - wrist) @ axis < FOREARM_PART)
        nails = np.where(which < len(arm.corner_nails), which, 0)
        self.nail = (arm.corner_nails[nails] * shares).sum(axis=1) * (self.material == SKIN)

    def of(self, *materials: int) -> Bools:
        """(k,) bool: which samples are of one of the materials."""
        return np.isin(self.material, materials)


def painted(
    rng: Rng, surface: Surface, arm: "Arm", skin: Skin, volume: Floats
) -> tuple[Floats, Floats, Floats, Floats]:
    """Albedo (k, 3), gloss (k,), roughness (k,) and bumpy normals (k, 3), float32, of a Surface."""
    count = len(surface.points)
    albedo = np.zeros((count, 3), np.float32)
    gloss, roughness = np.full(count, 0.1, np.float32), np.full(count, 0.8, np.float32)
    normals = surface.normals.copy()
    own, other = surface.of(SKIN), surface.of(OTHER_SKIN)
    if own.any():
        texture, palm, nail = surface.texture[own], surface.palm[own], surface.nail[own]
        wobble = in_space(volume, texture, 0.004)
        lines = creases.lines(texture, palm, arm.crease_frames, arm.palm_lines, wobble)
        albedo[own] = colours(skin, texture, palm, surface.red[own], nail, lines, volume)
        gloss[own] = skin.gloss * (1 + 2.5 * nail)
        roughness[own] = np.where(nail > 0.5, 0.32, 0.52)
        strength = (0.06 + 0.12 * skin.creases) * (1 - 0.9 * nail) * (0.5 + lines)
        bumps = np.stack([in_space(volume, texture + np.float32(0.07 * n), 0.0016) for n in range(3)], axis=1)
        bumpy = normals[own] + strength[:, None] * bumps
        normals[own] = bumpy / np.linalg.norm(bumpy, axis=1, keepdims=True)
    if other.any():
        none = np.zeros(np.count_nonzero(other), np.float32)
        texture = surface.texture[other]
        red = np.clip(0.3 + 0.3 * in_space(volume, texture, 0.03), 0, 1)
        albedo[other] = colours(skin, texture, none, red, none, none, volume)
        gloss[other], roughness[other] = skin.gloss, 0.5
    cloth = _fabric(rng, skin), _fabric(rng, skin)
    trousers = surface.of(CLOTH) & ~surface.is_near & (surface.texture[:, 1] < -0.5)
    for fabric, here in zip(cloth, (surface.of(CLOTH) & ~trousers, trousers)):
        albedo[here] = fabric(surface.texture[here], volume)
    hair = surface.of(HAIR)
    strands = surface.texture[hair] * np.array([1, 0.2, 1], np.float32)
    albedo[hair] = _hair(rng) * (1 + 0.5 * in_space(volume, strands, 0.002))[:, None]
    gloss[hair], roughness[hair] = 0.6, 0.5
    thing = surface.of(THING)
    albedo[thing] = _fabric(rng, coarse=3.0)(surface.texture[thing], volume)
    gloss[thing], roughness[thing] = rng.uniform(0.1, 2.0), rng.uniform(0.25, 0.8)
    worn = surface.of(WORN)
    albedo[worn] = linear(METALS[rng.integers(len(METALS))][::-1])
    gloss[worn], roughness[worn] = rng.uniform(0.5, 4.0), rng.uniform(0.25, 0.5)
    return np.clip(albedo, 0.002, 1), gloss, roughness, normals


def _hair(rng):
    return linear(np.array([(15, 17, 20), (22, 32, 48), (45, 75, 110), (110, 150, 180), (140, 140, 140)][
        rng.choice(5, p=[0.4, 0.35, 0.12, 0.08, 0.05])]))  # fmt: skip


def _fabric(rng, skin=None, coarse=1.0):
    """A function of texture (k, 3) and noise to (k, 3) linear BGR: one colour, stripes or blotches, with a weave.

    Clothes over a ``skin`` have another hue than it.
    """
    first, second = random_colour(rng), random_colour(rng)
    while skin is not None and np.abs(first / first.sum() - skin.back / skin.back.sum()).max() < 0.09:
        first = random_colour(rng)
    kind = rng.choice(["plain", "stripes", "blotches"], p=[0.6, 0.2, 0.2])
    across = (rng.normal(0, 1, 3) * rng.uniform(100, 700) / coarse).astype(np.float32)
    threshold, period, rough = rng.uniform(-0.5, 0.8), rng.uniform(0.004, 0.02) * coarse, rng.uniform(0, 0.15)

    def colour(texture, volume):
        if kind == "plain":
            share = 0.1 * in_space(volume, texture, 0.01 * coarse)
        elif kind == "stripes":
            share = np.sin(texture @ across) > threshold
        else:
            share = np.clip(2 * in_space(volume, texture, period), 0, 1)
        weave = 1 + rough * in_space(volume, texture, 0.0008 * coarse)
        return (first + share[:, None] * (second - first)) * weave[:, None]

    return colour
