"""Pictures show what they should where they should."""

import numpy as np
import pytest

from maskpose.keypoints import FINGERS
from maskpose.visualization import drawing, sheets

GRID_TO_IMAGE = np.array([[8.0, 0, 3.5], [0, 8.0, 3.5]])


@pytest.fixture
def grey():
    return np.full((240, 320, 3), 90, np.uint8)


def changed(before, after):
    return (before != after).any(axis=2)


def centre_of_change(before, after):
    """Mean (x, y) of the difference of two pictures, weighted by its strength."""
    weight = np.abs(after.astype(float) - before).sum(axis=2)
    y, x = np.indices(weight.shape)
    return np.array([(x * weight).sum(), (y * weight).sum()]) / weight.sum()


@pytest.mark.parametrize("at", [(100, 50), (100.25, 60.75), (7.5, 200)])
def test_a_dot_is_centred_on_its_keypoint(grey, at):
    keypoints, confidences = np.full((21, 2), np.nan), np.zeros(21)
    keypoints[8], confidences[8] = at, 0.9
    drawn = drawing.overlay(grey, keypoints, confidences, 0.5)
    assert np.abs(centre_of_change(grey, drawn) - at).max() < 0.15
    assert drawn[round(at[1]), round(at[0])].tolist() == list(drawing.FINGER_COLOURS["index"])


def test_the_fingers_have_the_colours_of_figure_11(grey):
    keypoints = np.column_stack([np.linspace(20, 300, 21), np.tile([60.0, 180.0], 11)[:21]])
    drawn = drawing.overlay(grey, keypoints, np.ones(21), 0.5)
    for finger, joints in FINGERS.items():
        middle = keypoints[list(joints[:2])].mean(axis=0).round().astype(int)
        assert drawn[middle[1], middle[0]].tolist() == list(drawing.FINGER_COLOURS[finger])
    blue, green, red = (np.array([drawing.FINGER_COLOURS[f][c] for f in FINGERS]) for c in range(3))
    assert blue[0] > max(green[0], red[0])  # blue
    assert min(blue[1], green[1]) > 200 and red[1] < 50  # cyan
    assert green[2] > max(blue[2], red[2])  # green
    assert red[3] > green[3] > blue[3]  # brown
    assert min(blue[4], red[4]) > 100 > green[4]  # purple


def test_only_confident_ends_make_a_bone(grey):
    keypoints, confidences = np.zeros((21, 2)), np.zeros(21)
    keypoints[5:8] = [[50, 100], [150, 100], [250, 100]]
    confidences[5:8] = [0.8, 0.6, 0.5]
    difference = changed(grey, drawing.overlay(grey, keypoints, confidences, 0.5))
    assert difference[100, 100]
    assert not difference[:, 160:].any()
    assert (grey == 90).all()


@pytest.mark.parametrize("wild", [np.nan, np.inf, -1e9, 1e30])
def test_wild_keypoints_do_no_harm(grey, wild):
    keypoints = np.full((21, 2), wild)
    keypoints[0] = 100
    assert drawing.overlay(grey, keypoints, np.ones(21), 0.5).shape == grey.shape


@pytest.mark.parametrize("kind", [bool, np.uint8])
def test_the_mask_is_tinted_blue_inside_only(grey, kind):
    mask = np.zeros((240, 320), kind)
    mask[50:100, 60:200] = 1
    drawn = drawing.overlay(grey, np.full((21, 2), np.nan), np.zeros(21), 0.5, mask)
    inside, outside = drawn[75, 130].astype(int), drawn[200, 250]
    assert inside[0] > 90 > inside[2]
    assert inside[0] == pytest.approx(0.55 * 90 + 0.45 * 255, abs=1)
    assert (outside == 90).all()
    assert drawn[50, 130, 0] > inside[0]  # the outline


def test_lines_grow_with_the_image():
    widths = []
    for side in (40, 2000):
        image = np.zeros((side, side, 3), np.uint8)
        keypoints, confidences = np.zeros((21, 2)), np.zeros(21)
        keypoints[[9, 10]], confidences[[9, 10]] = [[0.1 * side, 0.5 * side], [0.9 * side, 0.5 * side]], 1
        drawn = drawing.overlay(image, keypoints, confidences, 0.5)
        widths.append(np.count_nonzero(drawn[:, side // 2].any(axis=1)))
    assert 1 <= widths[0] <= 3 < 8 <= widths[1]


def test_on_a_small_hand_lines_and_dots_are_small():
    """What is drawn over a hand of a tenth of the picture is what is drawn over it in a picture of 2.5 times itself."""
    points = np.column_stack([np.linspace(0, 100, 21), np.tile([0.0, 60], 11)[:21]])
    large, small = np.zeros((1000, 1000, 3), np.uint8), np.zeros((250, 250, 3), np.uint8)
    ones = np.ones(21)
    in_large = changed(large, drawing.overlay(large, points + 500, ones, 0.5)).sum()
    in_small = changed(small, drawing.overlay(small, points + 70, ones, 0.5)).sum()
    assert in_large == in_small


def test_beyond_the_region_that_was_looked_at_there_is_no_heat():
    """A hand's own region is a part of the picture; at its border the map has its peak."""
    heatmaps = np.zeros((22, 10, 10), np.float32)
    heatmaps[0, 0, 4] = 1
    grid_to_image = np.array([[8.0, 0, 103.5], [0, 8.0, 103.5]])
    heat = drawing._on_image(heatmaps[0], grid_to_image, np.zeros((240, 320, 3), np.uint8))
    assert heat[103, 135] > 0.9 and heat[:87].max() == 0 and heat[:, :120].max() == 0


@pytest.mark.parametrize("shape", [(240, 320), (2400, 3200), (24, 32), (4000, 30)])
@pytest.mark.parametrize("count", [21, 22])
def test_the_panel_is_bounded(shape, count):
    image = np.zeros((*shape, 3), np.uint8)
    panel = drawing.heatmap_panel(image, np.zeros((count, 6, 8), np.float32), np.zeros(21), GRID_TO_IMAGE)
    assert panel.dtype == np.uint8 and panel.shape[2] == 3
    assert panel.shape[1] <= 7 * 160 and panel.shape[0] <= 4 * 200


def test_the_panel_puts_each_map_in_its_tile():
    image = np.zeros((160, 160, 3), np.uint8)
    grid_to_image = np.array([[8.0, 0, 3.5], [0, 8.0, 3.5]])
    heatmaps = np.zeros((21, 20, 20), np.float32)
    cold = drawing.heatmap_panel(image, heatmaps, np.zeros(21), grid_to_image)
    heatmaps[9, 5, 12] = 1
    warm = drawing.heatmap_panel(image, heatmaps, np.zeros(21), grid_to_image)
    height = warm.shape[0] // 3
    tile = np.s_[height : height + 160, 2 * 160 : 3 * 160]
    assert np.abs(centre_of_change(cold[tile], warm[tile]) - [99.5, 43.5]).max() < 0.5
    difference = changed(cold, warm)
    difference[height : 2 * height, 2 * 160 : 3 * 160] = False
    assert not difference.any()


def test_the_panel_is_captioned_with_confidences(monkeypatch):
    written = []
    sheet = sheets.contact_sheet
    monkeypatch.setattr(drawing, "contact_sheet", lambda *a: written.append(a[3]) or sheet(*a))
    confidences = np.linspace(0.1, 0.9, 21)
    image = np.zeros((160, 160, 3), np.uint8)
    drawing.heatmap_panel(image, np.full((22, 20, 20), 0.5, np.float32), confidences, GRID_TO_IMAGE)
    assert written[0][0] == "wrist 0.10" and written[0][20] == "little_4 0.90" and written[0][21] == "background"


def test_a_heatmap_reaches_the_edge_of_its_tile():
    image = np.zeros((160, 160, 3), np.uint8)
    panel = drawing.heatmap_panel(image, np.ones((22, 20, 20), np.float32), np.zeros(21), GRID_TO_IMAGE)
    tile = panel[:160, :160]
    assert (tile == tile[80, 80]).all()


def test_captions_fit_and_stand_right_below_their_pictures():
    picture = np.full((20, 10, 3), 100, np.uint8)
    text = "a caption wider than its tile"
    narrow, wide = (sheets.contact_sheet([picture], 1, (width, 60), [text]) for width in (10, 400))
    assert 10 < narrow.shape[1] < 400
    letters = [np.count_nonzero(sheet.max(axis=2) > 150) for sheet in (narrow, wide)]
    assert letters[0] == letters[1] > 0
    flat = sheets.contact_sheet([np.full((20, 40, 3), 100, np.uint8)], 1, (40, 60), ["x"])
    rows = np.flatnonzero((flat > 150).any(axis=(1, 2)))
    assert rows.min() > 40 and rows.max() < 40 + sheets.CAPTION_HEIGHT  # the picture ends at row 40


def test_groups_are_parted_by_a_line():
    pictures = [np.full((40, 60, 3), 200, np.uint8)] * 7
    sheet = sheets.contact_sheet(pictures, 4, (60, 40), group=2)
    assert sheet.shape == (80, 4 * 60 + sheets.GROUP_GAP, 3)
    assert (sheet[:, 120 : 120 + sheets.GROUP_GAP] == sheets.GROUP_GREY).all()
    assert (sheet[:40, 120 + sheets.GROUP_GAP :] == 200).all()


def test_contact_sheet_layout():
    pictures = [np.full((50, 100, 3), 200, np.uint8), np.full((80, 40), 150, np.uint8),
                np.full((10, 10, 3), 250, np.uint8)]  # fmt: skip
    sheet = sheets.contact_sheet(pictures, 2, (60, 40))
    assert sheet.shape == (80, 120, 3)
    assert (sheet[5:35, 0:60] == 200).all()
    assert (sheet[0:40, 80:100] == 150).all()
    assert (sheet[40:80, 10:50] == 250).all()
    assert (sheet[40:, 60:] == sheets.SHEET_GREY).all()
    captioned = sheets.contact_sheet(pictures, 2, (60, 40), ["a", "b", "c"])
    assert captioned.shape[0] == 80 + 2 * sheets.CAPTION_HEIGHT
    assert (captioned[40 : 40 + sheets.CAPTION_HEIGHT, :60] > 150).any()
    with pytest.raises(ValueError, match="at least one"):
        sheets.contact_sheet([], 2, (60, 40))


def test_unknown_pixels_are_hatched_and_no_others_change():
    image = np.full((90, 120, 3), 100, np.uint8)
    unknown, mask = np.zeros((90, 120), np.uint8), np.zeros((90, 120), bool)
    unknown[30:60, 20:80], mask[30:60, 50:80] = 255, True
    hatched = drawing.hatch_unknown(image, unknown)
    assert (hatched[unknown == 0] == 100).all() and (hatched[unknown > 0] != 100).any(axis=1).all()
    assert len(np.unique(hatched[unknown > 0], axis=0)) == 2
    points = np.full((21, 2), np.nan)
    both = drawing.overlay(image, points, np.ones(21), 0.5, mask, unknown)
    assert np.array_equal(both, drawing.tint_mask(hatched, mask))
