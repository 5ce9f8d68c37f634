import cv2
import numpy as np
import pytest

from maskpose import boxes
from maskpose.inference import tracking
from maskpose.inference.hand import Hand
from maskpose.inference.one_euro import OneEuro
from maskpose.inference.tracking import Tracker

SIZE = 200, 160


def texture(seed=1):
    rng = np.random.default_rng(seed)
    noise = cv2.GaussianBlur(rng.uniform(0, 255, (SIZE[1], SIZE[0])).astype(np.float32), (0, 0), 2)
    return np.dstack([cv2.normalize(noise, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)] * 3)


def moved(image, motion):
    return cv2.warpAffine(image, motion, SIZE, borderMode=cv2.BORDER_REFLECT)


def a_hand(points, confidence=0.9):
    mask = np.zeros((SIZE[1], SIZE[0]), bool)
    mask[60:100, 80:120] = True
    return Hand(points, np.full(21, confidence, np.float32), mask, np.zeros((22, 23, 23), np.float32), np.eye(2, 3))


POINTS = np.random.default_rng(3).uniform((70, 50), (130, 110), (21, 2))
MOTION = np.add(cv2.getRotationMatrix2D((100, 80), 4, 1.02), [[0, 0, 5], [0, 0, -3]])


def grey(image):
    return image[..., 0]


def test_a_hand_is_carried_as_the_picture_moves():
    first = texture()
    hand = tracking.carry_hand(a_hand(POINTS), grey(first), grey(moved(first, MOTION)))
    expected = POINTS @ MOTION[:, :2].T + MOTION[:, 2]
    assert np.abs(hand.keypoints - expected).max() < 0.5 and (hand.confidences > 0.8).all()
    assert hand.heatmaps is None
    mask = cv2.warpAffine(a_hand(POINTS).mask.astype(np.uint8), MOTION, SIZE) > 0
    assert (mask & hand.mask).sum() / (mask | hand.mask).sum() > 0.93


def test_what_the_flow_loses_moves_with_the_rest_and_is_not_sure():
    first = texture()
    second = moved(first, MOTION)
    after = POINTS @ MOTION[:, :2].T + MOTION[:, 2]
    lost = 4
    x, y = np.rint(after[lost]).astype(int)
    second[y - 14 : y + 15, x - 14 : x + 15] = texture(8)[y - 14 : y + 15, x - 14 : x + 15]
    hand = tracking.carry_hand(a_hand(POINTS), grey(first), grey(second))
    assert hand.confidences[lost] == 0 and np.abs(hand.keypoints[lost] - after[lost]).max() < 1.5
    far = np.linalg.norm(after - after[lost], axis=1) > 30
    assert (hand.confidences[far] > 0.8).mean() > 0.7


class Predictor:
    """Counts what it is asked; finds the hand where ``at`` says, with a confidence."""

    def __init__(self):
        self.whole, self.areas, self.confidences = 0, [], []

    def predict(self, image):
        self.whole += 1
        return a_hand(POINTS + self.whole, self.confidences.pop(0) if self.confidences else 0.9)

    def predict_region(self, image, region):
        self.areas.append(region)
        return a_hand(POINTS + 50 + len(self.areas), self.confidences.pop(0) if self.confidences else 0.9)


def test_one_frame_in_n_is_detected():
    predictor = Predictor()
    tracker, frame = Tracker(predictor, every=3), texture()
    answers = [tracker(frame, n / 30) for n in range(7)]
    assert [detected for _, detected in answers] == [True, False, False, True, False, False, True]
    assert predictor.whole == tracker.detections == 3
    assert np.abs(answers[2][0].keypoints - answers[0][0].keypoints).max() < 0.05  # nothing moved


def test_following_looks_about_the_last_hand_and_at_all_once_it_is_lost():
    predictor = Predictor()
    predictor.confidences = [0.9, 0.9, 0.05, 0.9, 0.05, 0.05, 0.05]
    tracker, frame = Tracker(predictor, follow=True), texture()
    hands = [tracker(frame, n / 30)[0] for n in range(4)]
    assert (predictor.whole, len(predictor.areas)) == (3, 3)  # whole; region; region, whole; region, whole
    x, y, w, h = predictor.areas[0]
    assert (x, y, w, h) == boxes.around(POINTS + 1, *SIZE, 1.35 * boxes.MARGIN)
    assert hands[2].confidences[0] == pytest.approx(0.9)
    assert (hands[3].confidences < 0.1).all()


def test_the_one_euro_filter_against_its_definition_by_hand():
    smooth = OneEuro(cutoff=1.0, beta=0.5, speed_cutoff=2.0)
    points = np.zeros((1, 2))
    assert np.array_equal(smooth(points, 0.0), points)
    found = smooth(np.array([[10.0, 0.0]]), 0.1)
    speed_share = 1 / (1 + 1 / (2 * np.pi * 2.0 * 0.1))
    cutoff = 1.0 + 0.5 * speed_share * 100  # 10 pixels in 0.1 s
    assert found[0, 0] == pytest.approx(10 / (1 + 1 / (2 * np.pi * cutoff * 0.1))) and found[0, 1] == 0


def test_smoothing_stills_what_stands_and_keeps_up_with_what_moves():
    rng = np.random.default_rng(2)
    still, smooth = rng.normal(50, 1, (200, 1, 2)), OneEuro()
    steady = np.array([smooth(points, n / 30) for n, points in enumerate(still)])
    assert steady[50:].std() < 0.5 * still[50:].std()
    smooth = OneEuro()
    for n in range(60):
        found = smooth(np.full((1, 2), 20.0 * n), n / 30)
    assert np.abs(found - 20.0 * 59).max() < 7  # a third of what it moves in a frame


def test_a_frame_without_a_pose_is_no_trouble():
    hand = a_hand(np.full((21, 2), np.nan), 0)
    carried = tracking.carry_hand(hand, grey(texture()), grey(texture()))
    assert (carried.confidences == 0).all() and carried.mask is not None
