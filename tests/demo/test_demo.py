"""Whole scenes for `make demo`: real photographs fetched by a make-believe npm, and the sheet."""

import io
import os
import tarfile

import cv2
import numpy as np
import pytest

from conftest import ROOT
from maskpose.codecs.masks import pack_mask
from maskpose.data.sample import Sample
from maskpose.demo import scenes
from maskpose.errors import InputError
from maskpose.inference.hand import Hand
from maskpose.io.files import cache_folder, sha256

TARBALL = "fingerpose-0.1.0.tgz"
SHADES = (40, 120, 200)


def write_package(path, names=scenes.PHOTOGRAPHS):
    """A package of JPEGs, each of one grey."""
    with tarfile.open(path, "w:gz") as package:
        for name, shade in zip(names, SHADES):
            data = cv2.imencode(".jpg", np.full((48, 36, 3), shade, np.uint8))[1].tobytes()
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            package.addfile(entry, io.BytesIO(data))


@pytest.fixture
def npm(tmp_path, monkeypatch):
    """A function that makes shell lines the only npm there is, and an empty cache; every call of npm is logged."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))

    def put(lines):
        script = tmp_path / "bin" / "npm"
        script.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\n{lines}\n')
        script.chmod(0o755)

    return put


def test_photographs_are_fetched_once_by_npm(npm, tmp_path, monkeypatch):
    write_package(tmp_path / "given.tgz")
    monkeypatch.setattr(scenes, "FINGERPOSE_SHA256", sha256(tmp_path / "given.tgz"))
    npm(f"/bin/cp {tmp_path}/given.tgz {TARBALL}")
    for _ in range(2):
        found = scenes.photographs()
        assert [scene.name for scene in found] == [f"photograph, {name}curl.jpg" for name in ("no", "half", "full")]
        assert [(scene.image.shape, round(scene.image.mean())) for scene in found] == [((48, 36, 3), n) for n in SHADES]
    (call,) = (tmp_path / "calls").read_text().splitlines()
    assert call.startswith("pack ") and "--ignore-scripts" in call and call.endswith(" fingerpose@0.1.0")


def test_a_package_of_another_checksum_is_refused_and_not_kept(npm, tmp_path):
    write_package(tmp_path / "given.tgz")
    npm(f"/bin/cp {tmp_path}/given.tgz {TARBALL}")
    found, pinned = sha256(tmp_path / "given.tgz"), scenes.FINGERPOSE_SHA256
    with pytest.raises(InputError, match=r"^fingerpose-0\.1\.0\.tgz as fetched is not the file") as error:
        scenes.photographs()
    assert str(error.value).endswith(f" SHA-256 is {found}, not {pinned}")
    assert not list(cache_folder("synth").iterdir())


def test_a_package_without_the_photographs_is_an_error(npm, tmp_path, monkeypatch):
    write_package(tmp_path / "given.tgz", scenes.PHOTOGRAPHS[:2])
    monkeypatch.setattr(scenes, "FINGERPOSE_SHA256", sha256(tmp_path / "given.tgz"))
    npm(f"/bin/cp {tmp_path}/given.tgz {TARBALL}")
    with pytest.raises(InputError, match=r"\.tgz lacks the photographs: .*fullcurl\.jpg"):
        scenes.photographs()


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (None, "fingerpose@0.1.0 cannot be fetched: there is no npm"),
        ("echo npm error code ENOTFOUND >&2; echo npm error network request to x failed >&2; exit 1",
         "fingerpose@0.1.0 cannot be fetched by npm: network request to x failed"),
        ("exit 1", "fingerpose@0.1.0 cannot be fetched by npm: Command"),
        ("exit 0", "fingerpose@0.1.0 cannot be fetched by npm: it wrote no tarball"),
    ],
)  # fmt: skip
def test_without_npm_or_network_one_line_says_why(npm, lines, said):
    if lines:
        npm(lines)
    with pytest.raises(InputError) as error:
        scenes.photographs()
    assert str(error.value).startswith(said) and "\n" not in str(error.value)


def hand(left, present=True):
    """A hand of 60 pixels from ``left``, 100 on, in a picture of 640x480."""
    at = np.linspace((left, 100), (left + 60, 160), 21)
    mask = np.zeros((480, 640), bool)
    mask[100:161, left : left + 61] = True
    return Hand(at, np.full(21, 0.9, np.float32), mask, None, np.eye(2, 3), 0.83 if present else 0.04, present)


def scene(left=None):
    """A grey picture with a green hand of 60 pixels from ``left`` on; None: without a hand."""
    image = np.full((480, 640, 3), 90, np.uint8)
    truth = hand(left or 0)
    if left is not None:
        image[truth.mask] = (0, 255, 0)
    points = truth.keypoints if left is not None else np.full((21, 2), -1)
    data = cv2.imencode(".png", image)[1].tobytes()
    mask = pack_mask(truth.mask if left is not None else np.zeros((480, 640), bool))
    sample = Sample("a.png", data, 640, 480, points.astype(np.float32), np.full(21, left is not None), mask)
    return scenes.Scene("rendered", image, sample)


class Pretended:
    """A predictor of given hands."""

    def __init__(self, hands):
        self.hands = hands
        self.variant = type("Variant", (), {"pose": True})

    def predict_many(self, pictures):
        for one, _ in zip(self.hands, pictures):
            yield one


def test_hands_are_counted_where_they_are_and_where_there_is_none():
    shown = [scene(300), scene(300), scene(300), scene(), scene(), scenes.Scene("photograph", scene(9).image)]
    given = [hand(300), hand(20), hand(300, False), hand(300), hand(300, False), hand(9)]
    found = scenes.find(Pretended(given), shown)
    assert [one.is_right for one in found] == [True, False, False, False, True, None]
    assert [one.hand for one in found] == given
    assert scenes.summary(shown, found) == (
        "hand found in 1 of 3 rendered scenes, claimed in 1 of 1 photographs, none claimed in 1 of 2 scenes without one"
    )


def test_the_sheet_shows_each_scene_what_was_found_and_the_hand_from_near():
    shown = [scene(300), scene()]
    found = [scenes.Found(hand(300), True), scenes.Found(hand(300, False), True)]
    sheet = scenes.sheet(shown, found)
    width, height = scenes.TILE
    tiles = [sheet[:height, x : x + width].astype(int) for x in (0, width, 2 * width)]
    gap = sheet.shape[1] - 6 * width
    empty = [sheet[:height, x : x + width].astype(int) for x in range(3 * width + gap, 6 * width + gap, width)]
    green = [np.mean(tile[..., 1] > tile[..., 2] + 60) for tile in tiles]
    assert green[0] == pytest.approx(61 * 61 / (640 * 480), rel=0.1)
    drawn = np.abs(tiles[1] - tiles[0]).max(axis=2) > 20
    assert 0.5 * green[0] < drawn.mean() < 2 * green[0]
    assert green[2] > 20 * green[0]
    assert (empty[0] == 90).all() and (empty[1] == 90).all()
    assert np.mean(empty[2] == scenes.GREY) > 0.9 and empty[2].max() > 150


def test_the_repository_holds_scenes_of_small_hands_and_some_without():
    root = ROOT / "examples" / "rendered_scenes"
    shown = scenes.rendered_scenes(root)
    with_hand = [one.sample for one in shown if not one.sample.without_hand]
    assert len(with_hand) >= 6 and 1 <= len(shown) - len(with_hand) <= 3
    for sample in with_hand:
        span = np.ptp(sample.keypoints[sample.visible], axis=0).max()
        assert 0.07 <= span / 640 <= 0.25 and sample.decode_mask().any()
    assert all(one.image.shape == (480, 640, 3) for one in shown)
    files = [os.path.join(folder, name) for folder, _, names in os.walk(root) for name in names]
    assert sum(map(os.path.getsize, files)) < 500_000
