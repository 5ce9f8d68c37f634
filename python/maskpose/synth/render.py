"""One picture: everything drawn from (seed, number) alone."""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from maskpose.synth import labels, shadows
from maskpose.synth.arm_model import load
from maskpose.synth.arrays import Image, Rng, Size, Span
from maskpose.synth.backgrounds import random_background
from maskpose.synth.colour import random_colour, shown
from maskpose.synth.lighting import light, random_lighting
from maskpose.synth.materials import OTHER_SKIN, SKIN, WORN
from maskpose.synth.meshes import joined, without_triangles
from maskpose.synth.noise import noise_volume
from maskpose.synth.person import load_figure
from maskpose.synth.photograph import jpeg, photographed
from maskpose.synth.placement import TURNED
from maskpose.synth.raster import rasterise
from maskpose.synth.scene import Body, random_arm, random_others, random_person, random_sleeve, shoulder_shows
from maskpose.synth.skin import random_skin
from maskpose.synth.surface import Surface, painted

NEAR = 0.03  # metres: what is nearer to the camera is not drawn
FACTOR = 2  # pixels are rendered as FACTOR × FACTOR samples
ASPECTS = (1.0, 1.0, 3 / 4, 4 / 5, 2 / 3, 9 / 16)
# Steps of realism, each with those before it: the arm alone, of one colour under one lamp before one colour; what is
# behind it; its skin, and light with shadows; people, clothes and things, and what a camera does to light; things of
# skin's colour that are no skin.
ARM, BACKGROUND, SURFACE, SCENE, DECOYS = range(1, 6)


class Rendered(NamedTuple):
    """A picture and its truth."""

    jpeg: bytes
    mask: np.ndarray  # (h, w) uint8, 255 on the hand, 0 elsewhere
    keypoints: np.ndarray  # (21, 2) float64 pixels, also of those not seen; NaN in a picture without a hand
    visible: np.ndarray  # (21,) bool


class Studio:
    """What all pictures share: the body, and what they are to be like."""

    def __init__(
        self,
        pictures: Sequence[Image] = (),
        realism: int = DECOYS,
        turned: float = TURNED,
        span: Span | None = None,
        empty: float = 0.0,
    ):
        """pictures: for backgrounds, (h, w, 3) uint8 BGR. realism: a step. turned: the share of hands turned anyhow.

        span: (low, high) of the hand's size in shares of the picture's longer side; None: 0.1 to 0.9, most of them
        about 0.42. empty: the share of pictures without an arm, in which there is a person at most.
        """
        self.body, self.figure = Body(load()), load_figure()
        self.pictures, self.realism, self.turned = pictures, realism, turned
        self.span, self.empty = span, empty
        self.volume = noise_volume(np.random.default_rng(0))

    def render(self, seed: Sequence[int], number: int, longer_side: int) -> Rendered:
        """The Rendered picture ``number`` of ``seed``, a sequence of integers; drawn again where no hand shows."""
        rng = np.random.default_rng([*seed, number])
        empty = self.empty > 0 and rng.random() < self.empty
        while True:
            rendered = self._attempt(rng, random_size(rng, longer_side), empty)
            if empty or (rendered.visible.sum() >= 3 and rendered.mask.any()):
                return rendered

    def _attempt(self, rng, size, empty):
        arm, person = self._arm_and_person(rng, size)
        near = [arm.mesh]
        if self.realism >= SCENE:
            sleeve = random_sleeve(rng, self.body, arm)
            near += [*([sleeve] if sleeve else []), *random_others(rng, arm)]
        if empty:
            near = [without_triangles(mesh) for mesh in near]
        mesh, near = joined([*near, person] if person else near), joined(near)
        camera = arm.camera.enlarged(FACTOR)
        depths = np.where(mesh.vertices[:, 2] > NEAR, mesh.vertices[:, 2], -1)
        fragments = rasterise(camera.project(mesh.vertices), depths, mesh.triangles, camera.size)
        surface = Surface(fragments, mesh, arm, len(near.triangles))
        is_skin = np.zeros(surface.covered.shape, bool)
        is_hand = is_skin.copy()
        is_skin[surface.covered] = surface.of(SKIN, WORN)
        is_hand[surface.covered] = surface.is_hand
        visible = labels.seen(arm.keypoints, camera, fragments.depth, is_skin, arm.flesh)
        if self.realism >= SURFACE:
            layer = self._lit(rng, surface, near, arm, fragments)
        else:
            layer = self._shaded(rng, surface, arm)
        alpha = surface.covered.astype(np.float32)
        scene = self._before_background(rng, layer, alpha, size)
        mask, keypoints = labels.hand_mask(is_hand, FACTOR), arm.camera.project(arm.keypoints)
        picture = photographed(rng, scene) if self.realism >= SCENE else np.clip(shown(scene), 0, 255).astype(np.uint8)
        if rng.random() < 0.5:  # a left hand
            picture, mask = np.ascontiguousarray(picture[:, ::-1]), np.ascontiguousarray(mask[:, ::-1])
            keypoints = keypoints * [-1, 1] + [size[0] - 1, 0]
        if empty:
            keypoints = np.full_like(keypoints, np.nan)
        return Rendered(jpeg(rng, picture), mask, keypoints, visible)

    def _arm_and_person(self, rng, size):
        """An Arm that ends out of sight or at a person, as far as a few tries find one; and the person's Mesh.

        Steps of realism without people choose the same arms.
        """
        for _ in range(8):
            arm = random_arm(rng, self.body, size, self.turned, self.span)
            person = random_person(rng, self.figure, arm)
            if person is not None or not shoulder_shows(arm):
                break
        return arm, person if self.realism >= SCENE else None

    def _lit(self, rng, surface, near, arm, fragments):
        """(h, w, 3) float32 premultiplied linear BGR at FACTOR times the size."""
        lighting, skin = random_lighting(rng), random_skin(rng, arm.age)
        is_near = np.zeros(surface.covered.shape, bool)
        is_near[surface.covered] = surface.is_near
        metre = arm.camera.focal * FACTOR / arm.keypoints[:, 2].mean()
        openness = shadows.ambient_occlusion(np.where(is_near, fragments.depth, np.inf), metre)[surface.covered]
        lamp = shadows.ShadowMap(near.vertices, near.triangles, lighting.lamps[0], arm.keypoints)
        lit = lamp.lit(surface.points + np.float32(0.001) * surface.normals, np.float32(lighting.softness))
        albedo, gloss, roughness, normals = painted(rng, surface, arm, skin, self.volume)
        colour = light(
            lighting, surface.points, normals, lit, openness, albedo, gloss * (0.5 + 0.5 * openness), roughness,
            surface.of(SKIN, OTHER_SKIN).astype(np.float32),
        )  # fmt: skip
        layer = np.zeros((*surface.covered.shape, 3), np.float32)
        layer[surface.covered] = colour
        return layer

    def _shaded(self, rng, surface, arm):
        """As _lit: skin of one colour under one lamp, no shadows."""
        skin = random_skin(rng, arm.age).back.astype(np.float32)
        towards = random_lighting(rng).lamps[0].astype(np.float32)
        facing = 0.3 + 0.6 * np.maximum(surface.normals @ towards, 0)
        layer = np.zeros((*surface.covered.shape, 3), np.float32)
        layer[surface.covered] = skin * facing[:, None]
        return layer

    def _before_background(self, rng, layer, alpha, size):
        """(h, w, 3) float32 linear BGR: the layer over a background that it may throw a shadow on."""
        layer = cv2.resize(layer, size, interpolation=cv2.INTER_AREA)
        alpha = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA)
        if self.realism < BACKGROUND:
            return layer + (1 - alpha)[..., None] * random_colour(rng)
        background = random_background(rng, size, self.pictures, self.realism >= DECOYS)
        if rng.random() < 0.4:
            reach = max(size) * rng.uniform(0.01, 0.12)
            away = np.column_stack([np.eye(2), rng.uniform(-1, 1, 2) * reach])
            thrown = cv2.GaussianBlur(cv2.warpAffine(alpha, away, size), (0, 0), 0.3 * reach + 0.5)
            background = background * (1 - rng.uniform(0.2, 0.7) * thrown)[..., None]
        return layer + (1 - alpha)[..., None] * background


def random_size(rng: Rng, longer_side: int) -> Size:
    """(w, h) with the longer side given, upright or lying."""
    other = round(longer_side * ASPECTS[rng.integers(len(ASPECTS))])
    return (longer_side, other) if rng.random() < 0.5 else (other, longer_side)
