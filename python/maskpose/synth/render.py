"""One picture: everything drawn from (seed, number) alone."""

from typing import NamedTuple

import cv2
import numpy as np

from maskpose.synth import creases, labels, shadows
from maskpose.synth.arm_model import load
from maskpose.synth.backgrounds import random_background
from maskpose.synth.colour import random_colour
from maskpose.synth.lighting import light, random_lighting
from maskpose.synth.meshes import facing_normals, joined
from maskpose.synth.noise import in_space, noise_volume
from maskpose.synth.photograph import jpeg, photographed
from maskpose.synth.raster import interpolated, rasterise
from maskpose.synth.scene import CLOTH, SKIN, Body, random_arm, random_sleeve
from maskpose.synth.skin import colours, random_skin

FACTOR = 2  # pixels are rendered as FACTOR × FACTOR samples
ASPECTS = (1.0, 1.0, 3 / 4, 4 / 5, 2 / 3, 9 / 16)


class Rendered(NamedTuple):
    """A picture and its truth."""

    jpeg: bytes
    mask: np.ndarray  # (h, w) uint8, 255 on the hand, 0 elsewhere
    keypoints: np.ndarray  # (21, 2) float64 pixels, also of those not seen
    visible: np.ndarray  # (21,) bool


class Studio:
    """What all pictures share: the body, and pictures for backgrounds ((h, w, 3) uint8 BGR)."""

    def __init__(self, pictures=()):
        self.body = Body(load())
        self.pictures = pictures
        self.volume = noise_volume(np.random.default_rng(0))

    def render(self, seed, number, longer_side):
        """The Rendered picture ``number`` of ``seed``, a sequence of integers; drawn again where no hand shows."""
        rng = np.random.default_rng([*seed, number])
        while True:
            rendered = self._attempt(rng, random_size(rng, longer_side))
            if rendered.visible.sum() >= 3 and rendered.mask.any():
                return rendered

    def _attempt(self, rng, size):
        arm = random_arm(rng, self.body, size)
        sleeve = random_sleeve(rng, self.body, arm)
        mesh = joined([arm.mesh, sleeve]) if sleeve else arm.mesh
        camera = arm.camera.enlarged(FACTOR)
        at = camera.project(mesh.vertices)
        near = np.where(mesh.vertices[:, 2] > 0.03, mesh.vertices[:, 2], -1)
        fragments = rasterise(at, near, mesh.triangles, camera.size)
        covered = fragments.triangle >= 0
        is_skin = covered & (mesh.material[fragments.triangle] == SKIN)
        surface = Surface(fragments, mesh, arm, covered)
        is_hand = np.zeros_like(covered)
        is_hand[covered] = surface.is_hand
        visible = labels.seen(arm.keypoints, camera, fragments.depth, is_skin, arm.flesh)
        layer, alpha = self._lit(rng, surface, mesh, arm, fragments)
        scene = self._before_background(rng, layer, alpha, size)
        mask, keypoints = labels.hand_mask(is_hand, FACTOR), arm.camera.project(arm.keypoints)
        picture = photographed(rng, scene)
        if rng.random() < 0.5:  # a left hand
            picture, mask = np.ascontiguousarray(picture[:, ::-1]), np.ascontiguousarray(mask[:, ::-1])
            keypoints = keypoints * [-1, 1] + [size[0] - 1, 0]
        return Rendered(jpeg(rng, picture), mask, keypoints, visible)

    def _lit(self, rng, surface, mesh, arm, fragments):
        """(h, w, 3) float32 premultiplied linear BGR and (h, w) float32 coverage, at FACTOR times the size."""
        lighting = random_lighting(rng)
        person = random_skin(rng, arm.age)
        focal = arm.camera.focal * FACTOR
        openness = shadows.ambient_occlusion(fragments.depth, focal / arm.keypoints[:, 2].mean())
        lamp = shadows.ShadowMap(mesh.vertices, mesh.triangles, lighting.lamps[0])
        points = surface.points
        lit = lamp.lit(points + 0.001 * surface.normals, np.float32(lighting.softness))
        wobble = in_space(self.volume, surface.texture, 0.004)
        lines = creases.lines(surface.texture, surface.palm, arm.crease_frames, wobble) * surface.is_skin
        normals = self._bumped(surface, person, lines)
        albedo = colours(person, surface.texture, surface.palm, surface.red, surface.nail, lines, self.volume)
        gloss = person.gloss * (0.5 + 0.5 * openness[surface.covered]) * (1 + 2.5 * surface.nail)
        roughness = np.where(surface.nail > 0.5, 0.32, 0.52).astype(np.float32)
        cloth = surface.material == CLOTH
        if cloth.any():
            albedo[cloth] = _cloth(rng, surface.texture[cloth], self.volume)
            gloss[cloth], roughness[cloth] = 0.1, 0.8
        colour = light(
            lighting, points, normals, lit, openness[surface.covered], albedo, gloss.astype(np.float32), roughness,
            (~cloth).astype(np.float32),
        )  # fmt: skip
        layer = np.zeros((*fragments.triangle.shape, 3), np.float32)
        layer[surface.covered] = colour
        return layer, surface.covered.astype(np.float32)

    def _bumped(self, surface, person, lines):
        """Normals (k, 3) with pores and wrinkles."""
        strength = (0.05 + 0.10 * person.creases) * surface.is_skin * (1 - 0.9 * surface.nail)
        bumps = np.stack(
            [in_space(self.volume, surface.texture + np.float32(0.07 * n), 0.0016) for n in range(3)], axis=1
        )
        normals = surface.normals + strength[:, None] * (0.5 + lines)[:, None] * bumps
        return normals / np.linalg.norm(normals, axis=1, keepdims=True)

    def _before_background(self, rng, layer, alpha, size):
        """(h, w, 3) float32 linear BGR: the layer over a background that it may throw a shadow on."""
        layer = cv2.resize(layer, size, interpolation=cv2.INTER_AREA)
        alpha = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA)
        background = random_background(rng, size, self.pictures)
        if rng.random() < 0.4:
            reach = max(size) * rng.uniform(0.01, 0.12)
            away = np.column_stack([np.eye(2), rng.uniform(-1, 1, 2) * reach])
            thrown = cv2.GaussianBlur(cv2.warpAffine(alpha, away, size), (0, 0), 0.3 * reach + 0.5)
            background = background * (1 - rng.uniform(0.2, 0.7) * thrown)[..., None]
        return layer + (1 - alpha)[..., None] * background


class Surface:
    """What is known of each covered sample: k of them, in the order of ``layer[covered]``."""

    def __init__(self, fragments, mesh, arm, covered):
        self.covered = covered
        which = fragments.triangle[covered]
        shares = fragments.corners[covered]
        extra = len(mesh.vertices) - len(arm.mesh.vertices)
        own = np.pad(np.column_stack([arm.skin_map.palm, arm.skin_map.red, arm.below_wrist]), ((0, extra), (0, 0)))
        attributes = np.hstack([mesh.vertices, mesh.normals, mesh.texture, own]).astype(np.float32)
        blended = interpolated(which, shares, mesh.triangles, attributes)
        self.points, self.normals, self.texture = (np.ascontiguousarray(blended[:, n : n + 3]) for n in (0, 3, 6))
        self.palm, self.red, below_wrist = np.ascontiguousarray(blended[:, 9:].T)
        self.normals = facing_normals(self.points, self.normals)
        self.material = mesh.material[which]
        self.is_skin = (self.material == SKIN).astype(np.float32)
        self.is_hand = (self.is_skin > 0) & (below_wrist < labels.FOREARM_PART)
        nails = np.where(which < len(arm.corner_nails), which, 0)
        self.nail = (arm.corner_nails[nails] * shares).sum(axis=1) * self.is_skin


def _cloth(rng, texture, volume):
    """(k, 3) linear BGR of cloth: one colour, stripes or blotches, with a weave."""
    first, second = random_colour(rng), random_colour(rng)
    kind = rng.integers(3)
    if kind == 0:
        share = 0.1 * in_space(volume, texture, 0.01)
    elif kind == 1:
        across = (rng.normal(0, 1, 3) * rng.uniform(150, 900)).astype(np.float32)
        share = np.sin(texture @ across) > rng.uniform(-0.5, 0.8)
    else:
        share = np.clip(2 * in_space(volume, texture, rng.uniform(0.004, 0.02)), 0, 1)
    weave = 1 + 0.12 * in_space(volume, texture, 0.0008)
    return (first + share[:, None] * (second - first)) * weave[:, None]


def random_size(rng, longer_side):
    """(w, h) with the longer side given, upright or lying."""
    other = round(longer_side * ASPECTS[rng.integers(len(ASPECTS))])
    return (longer_side, other) if rng.random() < 0.5 else (other, longer_side)
