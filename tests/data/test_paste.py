import runpy
from dataclasses import replace

import cv2
import numpy as np
import pytest

import conftest
from maskpose import geometry
from maskpose.codecs.masks import pack_mask
from maskpose.data.compositing import PasteSettings, cut_out, paste, sample_placement, sample_shape
from maskpose.data.database import Reader
from maskpose.data.paste import Backgrounds, Hands, build_pasted, paste_sheet
from maskpose.data.sample import Sample
from maskpose.errors import InputError
from maskpose.io.images import write_image

PLAIN = PasteSettings(light=0, blur=0, occlude=0, arm=0, quality=(95, 95))
MAGENTA, GREEN = np.array([255, 0, 255]), np.array([0, 255, 0])


def keypoints():
    """21 points at least 20 pixels apart, within (60, 40) to (240, 260)."""
    columns, rows = np.meshgrid(np.arange(3), np.arange(7))
    return np.stack([75 + 70.0 * columns.ravel(), 60 + 30.0 * rows.ravel()], axis=1) + np.arange(21)[:, None] % 5


def hand_picture(colour, dots=None):
    """(image 300x320 BGR, mask): a disc-cornered rectangle of a grey ``colour`` on black, a dot on each keypoint."""
    mask = np.zeros((320, 300), np.uint8)
    cv2.rectangle(mask, (50, 35), (250, 275), 255, -1)
    image = np.where(mask[..., None] > 0, np.uint8(colour), np.uint8(0)).repeat(3, axis=2)
    if dots is not None:
        for point in keypoints():
            at = np.rint(point * 16).astype(int).tolist()
            cv2.circle(image, at, 7 * 16, (dots, dots, dots), -1, cv2.LINE_AA, 4)
    return image, mask


def sample(name="hand.png", colour=30, dots=255, **changes):
    image, mask = hand_picture(colour, dots)
    data = cv2.imencode(".png", image)[1].tobytes()
    one = Sample(name, data, 300, 320, keypoints().astype(np.float32), np.ones(21, bool), pack_mask(mask > 0),
                 "cutout", "left", "anna")  # fmt: skip
    return replace(one, **changes)


def scene(name, kept=True):
    """A photograph of 640x480 of grey noise, with a magenta hand on the left and green unknown pixels on the right."""
    noise = np.random.default_rng(5).integers(90, 160, (480, 640, 3), np.uint8)
    mask = np.zeros((480, 640), bool)
    mask[200:300, 60:160] = True
    unknown = np.zeros((480, 640), bool)
    unknown[40:60, 500:520] = True
    noise[mask], noise[unknown] = MAGENTA, GREEN
    points = np.stack(np.meshgrid(np.linspace(65, 155, 7), (210, 250, 290)), axis=-1).reshape(21, 2)
    data = cv2.imencode(".png", noise)[1].tobytes()
    packed = pack_mask(mask) if kept else b""
    return Sample(name, data, 640, 480, points.astype(np.float32), np.ones(21, bool), packed, "scene",
                  unknown=pack_mask(unknown))  # fmt: skip


def share_of(colour, picture):
    """The share of a picture's pixels that are about of a colour."""
    return (np.abs(picture.astype(int) - colour).max(axis=2) < 80).mean()


def open_hands(path, *samples):
    conftest.build(path, list(samples))
    return Hands([Reader(path)])


@pytest.fixture
def grey(tmp_path):
    """Backgrounds of one grey photograph."""
    write_image(tmp_path / "grey" / "wall.png", np.full((500, 700, 3), 120, np.uint8))
    return Backgrounds([tmp_path / "grey"])


def test_keypoints_land_on_the_dots_of_the_pasted_hand(tmp_path, grey):
    hands = open_hands(tmp_path / "hands.lmdb", sample())
    settings = replace(PLAIN, span=(0.4, 0.9), size=(400, 500))
    build_pasted(tmp_path / "out.lmdb", hands, grey, 12, 3, settings)
    turns, sides = set(), set()
    was_mirrored = np.linalg.det(np.diff(keypoints()[[0, 2, 18]], axis=0)) < 0
    for one in Reader(tmp_path / "out.lmdb"):
        light = np.maximum(one.decode_image()[..., 1].astype(float) - 130, 0)
        _, labels = cv2.connectedComponents((light > 0).astype(np.uint8))
        for point in one.keypoints[one.visible & (np.abs(one.keypoints - 10) > 10).all(axis=1)]:
            x, y = np.rint(point).astype(int)
            if not (12 <= x < one.width - 12 and 12 <= y < one.height - 12):
                continue  # a dot that the border cuts has another centre
            rows, columns = np.nonzero(labels == labels[y, x])
            weights = light[rows, columns]
            assert labels[y, x] > 0
            assert np.hypot(columns @ weights / weights.sum() - point[0], rows @ weights / weights.sum() - point[1]) < 1
        assert (one.visible == geometry.inside(one.keypoints, one.width, one.height)).all()
        assert (one.origin, one.group) == ("pasted", "anna")
        ways = np.diff(one.keypoints[[0, 2, 18]], axis=0)
        mirrored = np.linalg.det(ways) < 0
        assert one.side == ("right" if mirrored != was_mirrored else "left")
        turns.add(round(float(np.degrees(np.arctan2(*ways[0])))))
        sides.add(one.side)
    assert len(turns) > 8 and sides == {"left", "right"}


def test_mask_is_what_was_pasted():
    image, mask = hand_picture(255)
    hand = cut_out(image, mask, keypoints(), np.ones(21, bool))
    affine = geometry.compose(geometry.translation(110, 20), geometry.rotation(25, (0, 0)), geometry.scale_affine(0.7))
    pasted, got = paste(np.random.default_rng(0), hand, np.zeros((320, 360, 3), np.uint8), affine, PLAIN)
    bright = pasted[..., 0] > 127
    edge = cv2.dilate(got.astype(np.uint8), np.ones((3, 3))) - cv2.erode(got.astype(np.uint8), np.ones((3, 3)))
    assert not ((bright != got) & (edge == 0)).any() and (bright != got).mean() < 0.002
    corners = geometry.apply(affine, np.array([[51, 36], [249, 36], [249, 274], [51, 274]]) - (48, 33))
    assert got.sum() == pytest.approx(cv2.contourArea(corners.astype(np.float32)), rel=0.02)


def test_no_rim_of_the_black_behind_the_hand_is_left():
    image, mask = hand_picture(200)
    image = cv2.GaussianBlur(image, (0, 0), 0.7)  # as a camera or a JPEG mixes an edge
    hand = cut_out(image, mask, keypoints(), np.ones(21, bool))
    for scale, blur in ((0.2, 0), (1, 0), (1.8, 0), (0.2, 1), (1, 1)):
        affine = geometry.compose(geometry.translation(30, 20), geometry.scale_affine(scale))
        background = np.full((500, 500, 3), 200, np.uint8)
        for seed in range(4):
            rng = np.random.default_rng(seed)
            pasted, got = paste(rng, hand, background, affine, replace(PLAIN, blur=blur))
            assert got.any() and cv2.blur(pasted, (3, 3)).min() > 180


def test_covered_pixels_leave_the_mask():
    image, mask = hand_picture(255)
    hand = cut_out(image, mask, keypoints(), np.ones(21, bool))
    affine, shape = geometry.scale_affine(1.0), (280, 240, 3)
    black, texture = np.zeros(shape, np.uint8), np.full(shape, MAGENTA, np.uint8)
    _, whole = paste(np.random.default_rng(0), hand, black, affine, PLAIN)
    settings = replace(PLAIN, occlude=1)
    for seed in range(8):
        pasted, left = paste(np.random.default_rng(seed), hand, black, affine, settings, lambda: texture)
        covered = (pasted[..., 1] < 127) & (pasted[..., 2] > 127)
        assert 0.02 <= 1 - left.sum() / whole.sum() <= 0.55
        assert not (left & ~whole).any()
        assert (left == (whole & ~covered)).mean() > 0.995


def upright_hand():
    """The CutOut of a grey rectangle of 200 x 240 whose wrist is at the middle of its lower end, fingers upwards."""
    image, mask = hand_picture(200)
    points = np.tile([150.0, 60.0], (21, 1)) + np.arange(21)[:, None] % 4 * [20, 5]
    points[0] = 150, 270
    points[[5, 9, 13, 17]] = [(110, 150), (140, 145), (165, 145), (190, 150)]
    return cut_out(image, mask, points, np.ones(21, bool))


def test_a_forearm_goes_on_from_the_wrist_and_is_not_in_the_mask():
    hand, affine = upright_hand(), geometry.translation(100, 20)
    black = np.zeros((480, 400, 3), np.uint8)
    _, whole = paste(np.random.default_rng(0), hand, black, affine, PLAIN)
    end = int(np.nonzero(whole.any(axis=1))[0].max())
    for seed in range(6):
        pasted, mask = paste(np.random.default_rng(seed), hand, black, affine, replace(PLAIN, arm=1))
        assert (mask == whole).all()
        below = pasted[end + 2 : end + 60].max(axis=2)
        assert 0.4 < (below > 120).mean() < 0.65 and below[:, :20].max() == 0  # 200 of 400 columns, somewhat turned


def test_a_sleeve_covers_no_more_than_the_wrist():
    hand, affine = upright_hand(), geometry.translation(100, 20)
    black, cloth = np.zeros((480, 400, 3), np.uint8), np.full((480, 400, 3), GREEN, np.uint8)
    _, whole = paste(np.random.default_rng(0), hand, black, affine, PLAIN)
    lost = []
    for seed in range(12):
        pasted, mask = paste(np.random.default_rng(seed), hand, black, affine, replace(PLAIN, arm=1), lambda: cloth)
        assert not (mask & ~whole).any()
        assert not (mask & (pasted[..., 0] < 60) & (pasted[..., 1] > 60)).any()  # no green pixel is hand
        lost.append(1 - mask.sum() / whole.sum())
    assert 0 == min(lost) < max(lost) < 0.3


def test_no_arm_where_the_fingers_reach_over_the_wrist():
    hand, affine = upright_hand(), geometry.translation(100, 20)
    hand.keypoints[8] = hand.keypoints[0] + (0, 60)
    black = np.zeros((480, 400, 3), np.uint8)
    without, _ = paste(np.random.default_rng(0), hand, black, affine, PLAIN)
    with_arm, _ = paste(np.random.default_rng(0), hand, black, affine, replace(PLAIN, arm=1))
    assert (without == with_arm).all()


def test_spans_sizes_and_turns_are_within_what_was_asked():
    image, mask = hand_picture(255)
    hand = cut_out(image, mask, keypoints(), np.ones(21, bool))
    settings = PasteSettings(span=(0.1, 0.8), size=(200, 600), rotation=20)
    spans = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        share, (width, height) = sample_shape(rng, hand, settings)
        affine = sample_placement(rng, hand, share, (width, height), settings)
        points = geometry.apply(affine, hand.keypoints)
        spans.append(np.ptp(points, axis=0).max() / max(width, height))
        assert 200 <= max(width, height) <= 600
        assert geometry.inside(points, width, height).mean() >= 0.5
        assert abs(np.degrees(np.arctan(affine[1, 0] / affine[0, 0]))) <= 20 + 1e-6
    assert 0.1 - 1e-9 <= min(spans) < 0.15 and 0.5 < max(spans) <= 0.8 + 1e-9


def test_a_seed_gives_the_same_bytes_with_any_number_of_threads(tmp_path, grey):
    hands = open_hands(tmp_path / "hands.lmdb", sample("a.png"), sample("b.png", colour=90))
    for name, seed, workers in (("one", 7, 1), ("two", 7, 3), ("other", 8, 1)):
        build_pasted(tmp_path / f"{name}.lmdb", hands, grey, 10, seed, PasteSettings(size=(64, 200)), workers=workers)
    one, two, other = (Reader(tmp_path / f"{name}.lmdb") for name in ("one", "two", "other"))
    assert one.digest() == two.digest() != other.digest()
    assert len({each.name for each in one}) == 10
    assert paste_sheet(one, 4).shape[2] == 3


def test_a_window_of_a_scene_keeps_clear_of_its_hand(tmp_path):
    conftest.build(tmp_path / "scenes.lmdb", [scene("a.png"), scene("no mask.png", kept=False)])
    backgrounds = Backgrounds([Reader(tmp_path / "scenes.lmdb")])
    assert (len(backgrounds.whole), len(backgrounds.scenes)) == (0, 1)
    assert backgrounds.left_out == {"without a mask": 1}
    rng = np.random.default_rng(0)
    for _ in range(30):
        window = backgrounds.window(rng, (160, 120), 100)
        assert window.shape[1] >= 100 and window.shape[1] / window.shape[0] == pytest.approx(4 / 3, rel=0.02)
        assert share_of(MAGENTA, window) == share_of(GREEN, window) == 0
    with pytest.raises(InputError, match="no background holds a window"):
        backgrounds.window(rng, (300, 200), 600)


def test_a_photograph_without_a_hand_serves_whole_but_for_its_unknown_pixels(tmp_path):
    nobody = {"visible": np.zeros(21, bool), "mask": pack_mask(np.zeros((480, 640), bool))}
    samples = [replace(scene("a.png"), **nobody, unknown=b""), replace(scene("b.png"), **nobody)]
    conftest.build(tmp_path / "a.lmdb", samples)
    backgrounds = Backgrounds([Reader(tmp_path / "a.lmdb")])
    whole, scenes = backgrounds.whole, backgrounds.scenes
    assert (len(whole), len(scenes)) == (1, 1)
    for kind, backgrounds.whole, backgrounds.scenes in (("whole", whole, []), ("scenes", [], scenes)):
        windows = [backgrounds.window(np.random.default_rng(seed), (320, 240), 200) for seed in range(30)]
        assert max(share_of(MAGENTA, window) for window in windows) > 0.02  # here it is no hand
        assert (max(share_of(GREEN, window) for window in windows) > 0) == (kind == "whole")


def test_pictures_that_cannot_serve_are_left_out_and_counted(tmp_path):
    write_image(tmp_path / "rooms" / "whole.png", np.full((300, 300, 3), 9, np.uint8))
    (tmp_path / "rooms" / "cut.jpg").write_bytes(cv2.imencode(".jpg", np.zeros((50, 50, 3)))[1].tobytes()[:200])
    backgrounds = Backgrounds([tmp_path / "rooms"])
    assert len(backgrounds.whole) == 1 and backgrounds.left_out == {"that cannot be read": 1}
    hidden = sample("hidden.png", visible=np.arange(21) < 5)
    hands = open_hands(tmp_path / "hands.lmdb", sample(), sample("bare.png", mask=b""), hidden)
    assert hands.places == [(0, 0)] and sum(hands.left_out.values()) == 2
    with pytest.raises(InputError, match=r"no hand that can be cut out \(1 without a mask"):
        open_hands(tmp_path / "bare.lmdb", sample("bare.png", mask=b""))


def test_the_command_writes_a_database_and_a_sheet(tmp_path, monkeypatch, capsys):
    conftest.build(tmp_path / "hands.lmdb", [sample(), sample("bare.png", mask=b"")])
    write_image(tmp_path / "rooms" / "wall.png", np.full((300, 300, 3), 120, np.uint8))
    command = ["paste.py", "out.lmdb", "--hands", "hands.lmdb", "--backgrounds", "rooms", "--count", "3", "--seed", "5",
               "--span", "0.3", "0.4", "--size", "100", "120", "--rotation", "0", "--origin", "mine",
               "--occlude", "0", "--arm", "0", "--sheet", "s.png"]  # fmt: skip
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", command)
    monkeypatch.setattr(cv2, "setNumThreads", lambda number: None)
    monkeypatch.syspath_prepend(conftest.ROOT / "data_prep")
    runpy.run_path(str(conftest.ROOT / "data_prep" / "paste.py"), run_name="__main__")
    assert "1 hands, left out 1 without a mask" in capsys.readouterr().out
    reader = Reader(tmp_path / "out.lmdb")
    assert len(reader) == 3 and cv2.imread(str(tmp_path / "s.png")).shape[1] > 1000
    assert (reader.about["seed"], reader.about["occlude"], reader.about["arm"]) == (5, 0, 0)
    for one in reader:
        assert one.origin == "mine" and 100 <= max(one.width, one.height) <= 120
        assert 0.3 - 1e-6 <= np.ptp(one.keypoints, axis=0).max() / max(one.width, one.height) <= 0.4 + 1e-6


@pytest.mark.parametrize("wrong", [{"span": (0.9, 0.1)}, {"span": (0, 1)}, {"size": (10, 300)}, {"rotation": 200},
                                   {"rotation": float("nan")}])  # fmt: skip
def test_settings_that_cannot_be(wrong):
    with pytest.raises(InputError, match="must be"):
        PasteSettings(**wrong)
