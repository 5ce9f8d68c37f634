import numpy as np

from maskpose import boxes


def test_around_is_a_square_of_the_margin_about_the_points():
    points = np.array([[100, 120], [140, 130], [120, 150.0]])
    assert boxes.around(points, 640, 480, margin=2) == (80, 95, 81, 81)  # 40 wide, about (120, 135)


def test_around_ends_at_the_border_and_holds_pixels():
    assert boxes.around(np.array([[0, 0], [10, 10.0]]), 640, 480, margin=2) == (0, 0, 16, 16)
    x, y, w, h = boxes.around(np.array([[639, 479.0]] * 3), 640, 480)
    assert x + w == 640 and y + h == 480 and w >= 2 and h >= 2
    assert boxes.around(np.array([[-50, -50.0], [-40, -40]]), 640, 480, margin=1)[2:] >= (2, 2)


def test_a_square_is_whole_beyond_the_border():
    assert boxes.square(np.array([[0, 0], [10, 10.0]]), margin=2) == (-5, -5, 21, 21)
    assert boxes.square(np.array([[95, 40.0]]), margin=2) == (91, 36, 9, 9)  # never less than 8 pixels


def test_connected_regions_come_largest_first_without_specks():
    mask = np.zeros((100, 100), bool)
    mask[10:20, 10:20], mask[50:90, 50:90], mask[5, 90] = True, True, True
    first, second = boxes.connected_regions(mask, 5)
    assert first.sum() == 1600 and second.sum() == 100 and not (first & second).any()
    assert len(boxes.connected_regions(mask, 1)) == 1 and boxes.connected_regions(np.zeros((9, 9), bool), 2) == []
    assert boxes.corners(first).tolist() == [[50, 50], [89, 89]]
