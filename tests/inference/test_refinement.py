import numpy as np

from maskpose import boxes
from maskpose.inference.hand import Hand
from maskpose.inference.refinement import MARGIN, refinement_square


def hand(keypoints, confidences, mask=None):
    return Hand(np.array(keypoints, float), np.array(confidences), mask, None, np.eye(2, 3))


def test_the_refinement_square_holds_the_detected_keypoints():
    keypoints = [[10 + n, 20 + n] for n in range(21)]
    for confidences, used in (([0.9] * 21, keypoints), ([0.9] * 3 + [0.1] * 18, keypoints[:3])):
        assert refinement_square(hand(keypoints, confidences), 0.2) == boxes.square(np.array(used), MARGIN)
    assert refinement_square(hand(keypoints, [0.0] * 21), 0.2) is None
    assert refinement_square(hand(keypoints, [0.0] * 21, np.zeros((100, 100), bool)), 0.2) is None


def test_the_refinement_square_holds_the_mask_region_with_most_keypoints():
    keypoints, mask = np.full((21, 2), 15.0), np.zeros((100, 100), bool)
    keypoints[:5] = 50, 75
    mask[60:90, 30:70], mask[10:20, 10:20] = True, True
    low = refinement_square(hand(keypoints, [0.9] * 5 + [0.1] * 16, mask), 0.2)
    assert low == boxes.square(np.array([[30, 60], [69, 89.0]]), MARGIN)
    high = refinement_square(hand(keypoints, [0.1] * 5 + [0.9] * 16, mask), 0.2)
    assert high == boxes.square(np.array([[10, 10], [19, 19.0]]), MARGIN)
    assert refinement_square(hand(keypoints, [0.0] * 21, mask), 0.2) == low  # the larger
