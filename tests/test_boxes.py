import numpy as np

from maskpose import boxes
from maskpose.inference.hand import Hand


def hand(keypoints, confidences, mask=None):
    return Hand(np.array(keypoints, float), np.array(confidences), mask, None, np.eye(2, 3))


def test_a_region_is_a_square_of_the_margin_about_the_points():
    points = np.array([[100, 120], [140, 130], [120, 150.0]])
    assert boxes.around(points, 640, 480, margin=2) == (80, 95, 81, 81)  # 40 wide, about (120, 135)


def test_a_region_ends_at_the_border_and_holds_pixels():
    assert boxes.around(np.array([[0, 0], [10, 10.0]]), 640, 480, margin=2) == (0, 0, 16, 16)
    x, y, w, h = boxes.around(np.array([[639, 479.0]] * 3), 640, 480)
    assert x + w == 640 and y + h == 480 and w >= 2 and h >= 2
    assert boxes.around(np.array([[-50, -50.0], [-40, -40]]), 640, 480, margin=1)[2:] >= (2, 2)


def test_a_square_is_whole_beyond_the_border():
    assert boxes.square(np.array([[0, 0], [10, 10.0]]), margin=2) == (-5, -5, 21, 21)
    assert boxes.square(np.array([[95, 40.0]]), margin=2) == (91, 36, 9, 9)  # never less than 8 pixels


def test_parts_come_by_size_and_specks_do_not():
    mask = np.zeros((100, 100), bool)
    mask[10:20, 10:20], mask[50:90, 50:90], mask[5, 90] = True, True, True
    first, second = boxes.parts(mask, 5)
    assert first.sum() == 1600 and second.sum() == 100 and not (first & second).any()
    assert len(boxes.parts(mask, 1)) == 1 and boxes.parts(np.zeros((9, 9), bool), 2) == []
    assert boxes.corners(first).tolist() == [[50, 50], [89, 89]]


def test_the_region_of_a_hand_holds_its_sure_keypoints():
    keypoints = [[10 + n, 20 + n] for n in range(21)]
    for sure, used in (([0.9] * 21, keypoints), ([0.9] * 3 + [0.1] * 18, keypoints[:3])):
        assert boxes.of_hand(hand(keypoints, sure), 0.2) == boxes.square(np.array(used), boxes.SECOND_LOOK)
    assert boxes.of_hand(hand(keypoints, [0.0] * 21), 0.2) is None
    assert boxes.of_hand(hand(keypoints, [0.0] * 21, np.zeros((100, 100), bool)), 0.2) is None


def test_the_region_of_a_hand_holds_the_part_of_its_mask_with_most_keypoints():
    keypoints, mask = np.full((21, 2), 15.0), np.zeros((100, 100), bool)
    keypoints[:5] = 50, 75
    mask[60:90, 30:70], mask[10:20, 10:20] = True, True
    low = boxes.of_hand(hand(keypoints, [0.9] * 5 + [0.1] * 16, mask), 0.2)
    assert low == boxes.square(np.array([[30, 60], [69, 89.0]]), boxes.SECOND_LOOK)
    high = boxes.of_hand(hand(keypoints, [0.1] * 5 + [0.9] * 16, mask), 0.2)
    assert high == boxes.square(np.array([[10, 10], [19, 19.0]]), boxes.SECOND_LOOK)
    assert boxes.of_hand(hand(keypoints, [0.0] * 21, mask), 0.2) == low  # the larger
