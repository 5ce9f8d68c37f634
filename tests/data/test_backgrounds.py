import itertools
from dataclasses import replace

import numpy as np
import pytest
from test_cropping import sample

import conftest
from maskpose.cli.main import main
from maskpose.codecs.masks import pack_mask
from maskpose.data.backgrounds import build_backgrounds, largest_free_box, without_hand
from maskpose.data.database import Reader
from maskpose.data.recombining import merge
from maskpose.errors import InputError


def largest_free_area(cells):
    """By trying every box."""
    rows, columns = cells.shape
    spans = [list(itertools.combinations(range(side + 1), 2)) for side in (rows, columns)]
    areas = [
        (y1 - y0) * (x1 - x0)
        for y0, y1 in spans[0]
        for x0, x1 in spans[1]
        if not cells[y0:y1, x0:x1].any()
    ]  # fmt: skip
    return max(areas, default=0)


def test_largest_free_box_is_the_largest_of_all_boxes():
    rng = np.random.default_rng(8)
    for share in (0, 0.1, 0.3, 0.7, 1):
        cells = (rng.random((7, 9)) < share).astype(np.uint8)
        x, y, w, h = largest_free_box(cells)
        assert w * h == largest_free_area(cells) and not cells[y : y + h, x : x + w].any()


def test_the_window_shows_nothing_of_the_hand():
    whole = sample("a.png", 60)  # the hand covers (200, 150) to (260, 210) of 600x400
    window = without_hand(whole)
    # right of the hand, less 15 % of it as a margin and a cell of 6.25 pixels or two: 320 by 400
    assert window.height in range(390, 401) and window.width in range(310, 332)
    image, right = window.decode_image(), whole.decode_image()[:, -window.width :]
    assert np.abs(image.astype(int) - right[: window.height]).mean() < 8  # the JPEG's noise on noise
    assert window.without_hand and not window.visible.any() and not window.decode_mask().any()
    assert (window.name, window.origin, window.group) == ("a.png", "a", "g")


def test_unknown_pixels_are_avoided():
    unknown = np.zeros((400, 600), bool)
    unknown[:, 270:] = True  # so that the left part alone is free: less than 200 pixels wide
    window = without_hand(replace(sample("a", 60), unknown=pack_mask(unknown)), least=0.25)
    assert 150 < window.width < 200


def test_windows_of_another_origin_can_be_merged_with_their_images(tmp_path):
    whole, free, both = (tmp_path / f"{name}.lmdb" for name in ("whole", "free", "both"))
    conftest.build(whole, [sample("a", 60)])
    build_backgrounds(Reader(whole), tmp_path / "same.lmdb")
    with pytest.raises(InputError, match="--origin"):
        merge([whole, tmp_path / "same.lmdb"], tmp_path / "clash.lmdb")
    build_backgrounds(Reader(whole), free, origin="rooms")
    merge([whole, free], both)
    assert [(one.name, one.origin, one.without_hand) for one in Reader(both)] == [
        ("a", "a", False),
        ("a", "rooms", True),
    ]


@pytest.mark.parametrize("command", ["backgrounds", "crop", "shrink"])
def test_each_command_that_cuts_anew_takes_an_origin(command, tmp_path):
    conftest.build(tmp_path / "all.lmdb", [sample("a", 60)])
    main(["data", command, str(tmp_path / "all.lmdb"), str(tmp_path / "new.lmdb"), "--origin", "mine"])
    assert [(one.name, one.origin, one.group) for one in Reader(tmp_path / "new.lmdb")] == [("a", "mine", "g")]


def test_images_without_such_a_window_are_left_out(tmp_path):
    unlabelled = replace(sample("c", 60, visible=0), mask=b"")
    conftest.build(tmp_path / "all.lmdb", [sample("a", 60), sample("bb", 240), unlabelled])
    manifest = build_backgrounds(Reader(tmp_path / "all.lmdb"), tmp_path / "free.lmdb")
    assert manifest["count"] == 1 and [one.name for one in Reader(tmp_path / "free.lmdb")] == ["a"]
    for least in (0, 1.1, float("nan")):
        with pytest.raises(InputError, match="above 0 and at most 1"):
            build_backgrounds(Reader(tmp_path / "all.lmdb"), tmp_path / "other.lmdb", least)
