"""Searching for a hand in tiles, and finding none."""

import json

import cv2
import numpy as np
import pytest

from maskpose.errors import InputError
from maskpose.inference import search, writers
from maskpose.inference.duplicates import without_duplicates
from maskpose.inference.hand import Hand
from maskpose.inference.image_paths import ImageFile
from maskpose.inference.predictor import Predictor

SIZES = [(640, 480), (480, 640), (1280, 720), (500, 500), (37, 20), (1, 1), (4000, 90)]


@pytest.mark.parametrize("width,height", SIZES)
def test_tiles_cover_the_image_and_any_small_hand_lies_whole_in_one(width, height):
    tiles = search.tiles(width, height)
    side = max(w for _, _, w, _ in tiles)
    covered = np.zeros((height, width), int)
    for x, y, w, h in tiles:
        assert x >= 0 and y >= 0 and x + w <= width and y + h <= height
        covered[y : y + h, x : x + w] += 1
    assert covered.all() and len(tiles) <= 9
    hand = int(0.25 * side)
    rng = np.random.default_rng(0)
    for _ in range(200):
        x, y = rng.integers(0, max(1, width - hand)), rng.integers(0, max(1, height - hand))
        bottom = min(y + hand, height)
        assert any(x >= a and y >= b and x + hand <= a + w and bottom <= b + h for a, b, w, h in tiles)


def test_tiles_by_hand():
    assert search.tiles(100, 60) == [(x, y, 45, 45) for y in (0, 15) for x in (0, 28, 55)]


def test_score_without_a_mask_is_the_mean_confidence_cut_to_0_to_1():
    assert search.score(np.array([0.5, 1.5, -1.0, np.nan])) == pytest.approx((0.5 + 1) / 4)
    assert search.score(np.array([])) == 0


def test_score_is_lowered_by_an_uncertain_mask():
    assert search.score([0.5, 1.5], [[0.1, 0.8], [0.0, 0.2]]) == pytest.approx(0.75 * 0.8)


def test_keypoints_without_a_mask_are_no_hand():
    def see_keypoints_alone(inputs):
        outputs = Spot()(inputs)
        return {**outputs, "mask_prob": 0.1 * outputs["mask_prob"]}

    hand = Predictor(engine=see_keypoints_alone).predict(spot(radius=40))
    assert hand.confidences.min() > 0.9 and hand.score == pytest.approx(0.1, abs=0.01) and not hand.present


class Spot:
    """An engine that sees a bright spot where it is large enough in the input: as a hand, surer the larger it is."""

    def __init__(self, smallest=6):
        self.smallest, self.batches = smallest, []

    def __call__(self, inputs):
        self.batches.append(len(inputs))
        maps = np.zeros((len(inputs), 22, 23, 23), np.float32)
        mask = np.zeros((len(inputs), 2, 23, 23), np.float32)
        for n, picture in enumerate(inputs):
            bright = (picture[0] > 0.2).astype(np.float32)
            size = np.sqrt(bright.sum())
            if size >= self.smallest:
                cells = cv2.resize(bright, (23, 23), interpolation=cv2.INTER_AREA)
                maps[n, :21] = np.minimum(1, size / 12) * cells / cells.max()
                mask[n, 1] = cells / cells.max()
        return {"Mconv7_stage4": maps, "mask_prob": mask}


def spot(width=400, height=300, centre=(290, 210), radius=6):
    return cv2.circle(np.zeros((height, width, 3), np.uint8), centre, radius, (255, 255, 255), -1)


def test_a_small_hand_is_found_by_the_search_alone():
    image = spot(radius=6)  # 10.6 pixels wide, so 4.9 in the first pass, 10.8 in a tile
    missed = Predictor(engine=Spot(), search=False).predict(image)
    assert not missed.present and missed.score == 0
    engine = Spot()
    found = Predictor(engine=engine).predict(image)
    assert found.present and np.abs(found.keypoints - (290, 210)).max() < 8
    assert engine.batches == [1, len(search.tiles(400, 300)), 1, 1]  # the tiles; the square and its mirror image


def test_a_certain_first_pass_needs_no_search():
    engine = Spot()
    assert Predictor(engine=engine).predict(spot(radius=40)).present and engine.batches == [1, 1, 1]


def test_an_image_without_a_hand_is_said_to_have_none(tmp_path):
    image = np.full((120, 160, 3), 40, np.uint8)
    hand = Predictor(engine=Spot()).predict(image)
    assert not hand.present and "no hand found" in hand.summary()
    assert np.array_equal(hand.draw(image), image)
    writers.write_hands(tmp_path, ImageFile(tmp_path / "a.jpg", "a"), image, [hand], 0.0,
                       (*writers.DEFAULT_FORMATS, "openpose", "figure5"))  # fmt: skip
    document = json.loads((tmp_path / "a.json").read_text())
    assert document["hand"] is False and document["score"] == 0 and not any(document["detected"])
    assert not cv2.imread(str(tmp_path / "a_mask.png")).any()
    assert json.loads((tmp_path / "a_keypoints.json").read_text())["people"] == []


def test_the_threshold_of_the_score_is_the_callers():
    image = np.full((120, 160, 3), 40, np.uint8)
    assert Predictor(engine=Spot(), score_threshold=0).predict(image).present
    for wrong in (-0.1, 1.1, "0.5", True, float("nan")):
        with pytest.raises(InputError, match="score_threshold: expected a number from 0 to 1"):
            Predictor(engine=Spot(), score_threshold=wrong)


def test_several_small_hands_are_found_in_tiles_once_each():
    image = np.maximum(spot(centre=(60, 60), radius=7), spot(centre=(330, 230), radius=6))
    hands = Predictor(engine=Spot()).predict_hands(image, 4)
    middles = sorted(hand.keypoints.mean(axis=0).round().tolist() for hand in hands)
    assert len(middles) == 2 and np.abs(np.array(middles) - [[60, 60], [330, 230]]).max() < 8
    assert len(Predictor(engine=Spot(), search=False).predict_hands(image, 4)) == 1


def at(x, y, size, score):
    points = np.stack([np.linspace(x, x + size, 21), np.linspace(y, y + size, 21)], axis=1)
    return Hand(points, np.full(21, score, np.float32), None, None, np.eye(2, 3), score)


def test_of_hands_that_lie_on_one_another_the_surest_stays():
    hands = [at(0, 0, 100, 0.5), at(10, 10, 100, 0.9), at(300, 0, 50, 0.4), at(305, 5, 20, 0.3)]
    assert [hand.score for hand in without_duplicates(hands)] == [0.9, 0.4]
