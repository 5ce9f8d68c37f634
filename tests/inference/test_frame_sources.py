"""Frames' times, rates and losses, of films made byte by byte, animations made by Pillow, and cameras that are none."""

import os

import cv2
import numpy as np
import pytest
from PIL import Image, features

from film_files import SIZE, grey_jpegs, greys, write_matroska, write_mp4
from maskpose.errors import InputError
from maskpose.inference import frame_sources
from maskpose.inference.frame_sources import Clock, writing_rate
from maskpose.inference.video import FrameSource, VideoWriter

UNSTEADY = [0, 17, 50, 84, 334, 401, 418, 668, 701, 751]  # ms


def test_frames_of_a_browsers_recording_have_their_own_times(tmp_path):
    write_matroska(tmp_path / "a.webm", grey_jpegs(10), UNSTEADY)
    frames = FrameSource(tmp_path / "a.webm")
    found = list(frames)
    assert [frame.seconds for frame in found] == pytest.approx(np.array(UNSTEADY) / 1000, abs=0.0005)
    assert [frame.number for frame in found] == list(range(10))
    assert greys(found) == pytest.approx(np.arange(10) * 10, abs=2)
    assert 30 <= frames.rate <= 60 and frames.lost == 0


def test_frames_of_a_telephones_film_have_their_own_times(tmp_path):
    """And the last one stands as long as stated: 500 ms."""
    durations = [33] * 4 + [200] * 4 + [33] * 3 + [500]
    write_mp4(tmp_path / "a.mp4", grey_jpegs(12), durations)
    frames = FrameSource(tmp_path / "a.mp4")
    assert frames.count == 12
    assert [frame.seconds for frame in frames] == pytest.approx(np.cumsum([0, *durations[:-1]]) / 1000, abs=0.0005)
    assert frames.end == pytest.approx(sum(durations) / 1000)


def test_the_times_of_a_film_joined_from_two_go_on(tmp_path):
    write_matroska(tmp_path / "a.webm", grey_jpegs(6), [0, 400, 800, 0, 400, 800])
    times = [frame.seconds for frame in FrameSource(tmp_path / "a.webm")]
    assert times[:3] == pytest.approx([0, 0.4, 0.8]) and np.diff(times)[3:] == pytest.approx([0.4, 0.4])
    assert times[2] < times[3] <= 1.21


@pytest.mark.parametrize(
    "stated, expected",
    [
        ([5, 5.5, 7], [0, 0.5, 2]),  # from the first
        ([0, 0.5, 0.48, 1], [0, 0.5, 0.501, 1]),  # one falls behind by a little
        ([0, 1, 2, 0, 1.5], [0, 1, 2, 2.1, 3.6]),  # begin anew
        ([0, 0.5, np.nan, 1], [0, 0.5, 0.6, 1]),
        ([0, 0.5, np.inf, 1], [0, 0.5, 0.6, 1]),
        ([0, 0.5, 1e9, 1], [0, 0.5, 0.6, 1]),  # no film pauses for 30 years
        ([0, 0.5, -1e9, 1], [0, 0.5, 0.6, 1]),
        ([np.nan, 3, 3.5], [0, 0.1, 0.6]),
    ],
)
def test_a_clocks_times_rise(stated, expected):
    clock = Clock(0.1)
    assert [clock(time) for time in stated] == pytest.approx(expected)
    assert clock.leaps == (1e9 in stated or np.inf in stated)


@pytest.mark.parametrize(
    "steps, stated, rate",
    [
        ([0.04] * 9, 25, 25),
        ([0.033, 0.033, 0.034] * 3, 29.97, 29.97),
        ([0.04] * 9 + [3], 25, 25),  # a pause
        ([0.04] * 9, 1000, 25),  # a clock's rate
        ([0.04] * 9, 0, 25),
        ([0.04] * 9, np.nan, 25),
        ([0.04] * 9, np.inf, 25),
        ([0.033, 0.033, 0.034] * 3, -1, 30),
        ([2.0] * 5, 0.5, 0.5),
        ([0.001] * 9, 1000, 240),
        ([0.033] * 8 + [0.2] * 8, 8.6, 30),  # no frame of the faster part is left out
        ([0.02] * 8 + [0.2] * 8, 9, 50),
        ([0.005] * 8 + [0.2] * 8, 9, 60),
        ([0.5, 2.0, 1.0, 0.7], 1, 30),
        ([], 25, 25),
        ([], 90000, 30),
        ([0.0] * 9, np.nan, 30),
    ],
)
def test_the_rate_of_a_film_of_frames_at_given_times(steps, stated, rate):
    assert writing_rate(steps, stated) == pytest.approx(rate, abs=0.05)


@pytest.mark.parametrize(
    "write",
    [
        lambda path, jpegs: write_mp4(path, jpegs, [40] * len(jpegs)),
        lambda path, jpegs: write_matroska(path, jpegs, range(0, 40 * len(jpegs), 40)),
    ],
)
def test_a_film_goes_on_after_a_damaged_frame(tmp_path, capsys, write):
    jpegs = grey_jpegs(10)
    jpegs[6] = bytes(len(jpegs[6]))
    write(tmp_path / "a.film", jpegs)
    frames = FrameSource(tmp_path / "a.film")
    found = list(frames)
    left = [0, 1, 2, 3, 4, 5, 7, 8, 9]
    assert [frame.number for frame in found] == left and frames.lost == 1
    assert [frame.seconds for frame in found] == pytest.approx(np.array(left) * 0.04)
    assert greys(found) == pytest.approx(np.array(left) * 10, abs=2)
    assert capsys.readouterr().err == f"left out: 1 frame of {tmp_path}/a.film, damaged\n"


def test_a_film_that_is_cut_off_says_how_much_is_missing(tmp_path, capsys):
    with VideoWriter(tmp_path / "whole.avi", 25) as film:
        for n in range(50):
            film.write(np.full((48, 64, 3), 5 * n, np.uint8))
    data = (tmp_path / "whole.avi").read_bytes()
    (tmp_path / "cut.avi").write_bytes(data[: len(data) // 2])
    count = len(list(FrameSource(tmp_path / "whole.avi")))
    assert count == 50 and capsys.readouterr().err == ""
    count = len(list(FrameSource(tmp_path / "cut.avi")))
    assert 10 < count < 30
    said = f"ends early: the last frame ends at {count / 25:.2f} s of the 2.00 s stated ({count} of 50 frames)\n"
    assert capsys.readouterr().err == f"{tmp_path}/cut.avi {said}"


def test_a_recording_that_is_cut_off_says_so_by_its_length(tmp_path, capsys):
    """Its file holds no number of frames: OpenCV makes one up from length and rate."""
    write_matroska(tmp_path / "cut.webm", grey_jpegs(10), UNSTEADY, length=5000)
    write_matroska(tmp_path / "whole.webm", grey_jpegs(10), UNSTEADY, length=800)
    assert len(list(FrameSource(tmp_path / "whole.webm"))) == 10 and capsys.readouterr().err == ""
    assert len(list(FrameSource(tmp_path / "cut.webm"))) == 10
    assert capsys.readouterr().err.endswith(" s of the 5.00 s stated\n")


@pytest.mark.parametrize("paced", [False, True])
def test_a_film_without_a_frame_is_an_error(tmp_path, paced):
    write_mp4(tmp_path / "none.mp4", [], [])
    write_mp4(tmp_path / "damaged.mp4", [bytes(500)] * 3, [40] * 3)
    for name in ("none.mp4", "damaged.mp4"):
        with pytest.raises(InputError, match=rf"{name}: no frame of it can be read"):
            list(FrameSource(tmp_path / name, paced))


def test_an_image_that_cannot_be_read_leaves_its_time_empty(tmp_path, capsys):
    for n in range(4):
        cv2.imwrite(str(tmp_path / f"{n}.png"), np.full((10, 20, 3), 50 * n, np.uint8))
    (tmp_path / "1.png").write_bytes(b"no image")
    frames = FrameSource(tmp_path)
    assert [(frame.number, round(30 * frame.seconds)) for frame in frames] == [(0, 0), (2, 2), (3, 3)]
    assert frames.lost == 1 and frames.end == pytest.approx(4 / 30) and "1.png" in capsys.readouterr().err
    for n in range(4):
        (tmp_path / f"{n}.png").write_bytes(b"no image")
    with pytest.raises(InputError, match="no frame of it can be read"):
        list(FrameSource(tmp_path))


HAS_AVIF = pytest.mark.skipif(not features.check("avif"), reason="this Pillow was built without AVIF")
ANIMATIONS = ["gif", "png", "webp", pytest.param("avif", marks=HAS_AVIF)]


@pytest.mark.parametrize("suffix", ANIMATIONS)
def test_an_animations_frames_stand_as_long_as_it_states(tmp_path, suffix):
    durations = [40, 40, 200, 80]
    pictures = [Image.new("RGB", SIZE, (60 * n, 0, 0)) for n in range(4)]
    pictures[0].save(tmp_path / f"a.{suffix}", save_all=True, append_images=pictures[1:], duration=durations)
    frames = FrameSource(tmp_path / f"a.{suffix}")
    found = list(frames)
    assert frames.count == 4 and [frame.seconds for frame in found] == pytest.approx([0, 0.04, 0.08, 0.28])
    assert frames.end == pytest.approx(0.36)
    assert [float(frame.image[24, 32, 2]) for frame in found] == pytest.approx([0, 60, 120, 180], abs=5)
    assert [frame.image.shape for frame in found] == [(48, 64, 3)] * 4


def test_an_animation_in_a_hurry_runs_as_in_browsers(tmp_path):
    pictures = [Image.new("RGB", SIZE, (60 * n, 0, 0)) for n in range(3)]
    pictures[0].save(tmp_path / "a.gif", save_all=True, append_images=pictures[1:], duration=0)
    assert [frame.seconds for frame in FrameSource(tmp_path / "a.gif")] == pytest.approx([0, 0.1, 0.2])


def test_an_animation_that_is_cut_off_says_how_many_frames_are_lost(tmp_path, capsys):
    rng = np.random.default_rng(0)
    pictures = [Image.fromarray(rng.integers(0, 255, (48, 64, 3), np.uint8)) for _ in range(6)]
    pictures[0].save(tmp_path / "a.png", save_all=True, append_images=pictures[1:], duration=100)
    data = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(data[: len(data) * 7 // 12])
    frames = FrameSource(tmp_path / "a.png")
    assert len(list(frames)) == 3 and frames.lost == 3 and frames.end == pytest.approx(0.3)
    assert capsys.readouterr().err == f"left out: 3 of 6 frames of {tmp_path}/a.png, damaged or cut off\n"


def test_a_still_image_is_a_film_of_one_frame_and_upright(tmp_path):
    image, exif = Image.new("RGB", SIZE, (200, 0, 0)), Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    image.save(tmp_path / "photo1.jpg", exif=exif)
    image.save(tmp_path / "photo2.jpg")  # OpenCV would take the two for a film
    (frame,) = FrameSource(tmp_path / "photo1.jpg")
    assert frame.image.shape == (64, 48, 3) and frame.seconds == 0 and frame.file == tmp_path / "photo1.jpg"


class Capture:
    """A camera: gives frames and failures as it is told, then fails; states any rate."""

    def __init__(self, reads, rate=30.0):
        self._reads, self._rate = list(reads), rate

    def isOpened(self):
        return True

    def read(self):
        there = self._reads.pop(0) if self._reads else False
        return there, np.zeros((48, 64, 3), np.uint8) if there else None

    def get(self, what):
        return self._rate if what == cv2.CAP_PROP_FPS else 0.0

    def release(self):
        pass


def test_a_camera_may_fail_now_and_then_but_not_stop(monkeypatch):
    monkeypatch.setattr(frame_sources, "SECONDS_TO_GIVE_UP", 0.05)
    monkeypatch.setattr(cv2, "VideoCapture", lambda number: Capture([False, True, False, False, True]))
    camera, found = frame_sources.Camera("0"), []
    with pytest.raises(InputError, match="0: this camera gives no frames more, after"):
        for frame in camera:
            found.append((frame.number, frame.seconds))
    assert [number for number, _ in found] == [0, 1] and found[0][1] == 0 < found[1][1]


def test_what_the_reading_of_a_camera_raises_reaches_who_takes_its_frames(monkeypatch):
    monkeypatch.setattr(frame_sources, "SECONDS_TO_GIVE_UP", 0.05)
    monkeypatch.setattr(cv2, "VideoCapture", lambda number: Capture([]))
    with pytest.raises(InputError, match=r"0: this camera gives no frames$"):
        list(FrameSource("0"))


@pytest.mark.parametrize("rate", [0.0, -1.0, np.nan, np.inf, 1000.0])
def test_a_camera_that_states_no_rate_has_the_usual_one(monkeypatch, rate):
    monkeypatch.setattr(cv2, "VideoCapture", lambda number: Capture([True], rate))
    assert FrameSource("0").rate == 30


def test_what_cannot_be_opened_by_its_name(tmp_path):
    """OpenCV crashes on a name that is not UTF-8, and on no number of a camera."""
    odd = os.fsdecode(os.fsencode(tmp_path) + b"/\xff.mp4")
    write_mp4(odd, grey_jpegs(2), [40, 40])
    with pytest.raises(InputError, match="not in UTF-8"):
        FrameSource(odd)
    with pytest.raises(InputError, match="not in UTF-8"):
        VideoWriter(odd, 25)
    with pytest.raises(InputError, match="camera cannot be opened"):
        FrameSource("9" * 30)


def test_a_film_of_too_many_pixels_is_not_decoded(tmp_path, monkeypatch):
    write_mp4(tmp_path / "a.mp4", grey_jpegs(2), [40, 40])
    monkeypatch.setenv("MASKPOSE_MAX_PIXELS", str(64 * 48 - 1))
    with pytest.raises(InputError, match="64x48"):
        FrameSource(tmp_path / "a.mp4")
