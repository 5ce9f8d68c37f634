import time

import cv2
import numpy as np
import pytest

from conftest import files_of_at_most
from film_files import grey_jpegs, write_matroska
from maskpose.errors import InputError
from maskpose.inference.video import FrameSource, VideoWriter


@pytest.fixture
def film(tmp_path):
    """A film of 12 grey frames, each 20 brighter than the last."""
    path = tmp_path / "grey.avi"
    with VideoWriter(path, 50) as writing:
        for n in range(12):
            writing.write(np.full((48, 64, 3), 20 * n, np.uint8))
    return path


def test_a_film_is_read_as_it_was_written(film):
    frames = FrameSource(film)
    assert frames.count == 12 and frames.rate == pytest.approx(50)
    found = list(frames)
    assert [frame.number for frame in found] == list(range(12)) and frames.dropped == 0
    for n, frame in enumerate(found):
        assert frame.seconds == pytest.approx(n / 50) and abs(frame.image.mean() - 20 * n) < 3
        assert frame.image.shape == (48, 64, 3)


def test_numbered_pictures(tmp_path):
    for n in range(3):
        cv2.imwrite(str(tmp_path / f"{n:05d}.png"), np.full((10, 20, 3), 50 * n, np.uint8))
    assert [frame.image[0, 0, 0] for frame in FrameSource(f"{tmp_path}/%05d.png")] == [0, 50, 100]


def test_pictures_begin_with_any_number_and_may_miss_some(tmp_path, capsys):
    for n in (7, 8, 10, 11):
        cv2.imwrite(str(tmp_path / f"hand{n:03d}.png"), np.full((10, 20, 3), 10 * n, np.uint8))
    (tmp_path / "hand011.png").write_text("no picture")
    (tmp_path / "hand8.png").touch()  # three digits are asked for
    frames = FrameSource(f"{tmp_path}/hand%03d.png")
    assert frames.count == 4 and [frame.image[0, 0, 0] for frame in frames] == [70, 80, 100]
    assert "left out: " in capsys.readouterr().err
    assert [path.name for path in frames.files[:2]] == ["hand007.png", "hand008.png"]


def test_a_folder_of_pictures(tmp_path):
    for n, name in enumerate(("b", "a", "c/a")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / f"{name}.png"), np.full((10, 20, 3), 10 * n, np.uint8))
    found = list(FrameSource(tmp_path))
    assert [frame.image[0, 0, 0] for frame in found] == [10, 0, 20]
    assert [frame.seconds for frame in found] == pytest.approx([0, 1 / 30, 2 / 30])


def test_pictures_stand_in_a_film_until_the_next(tmp_path):
    """At 10 frames a second: those of 0, 0.3 and 0.5 s; that of 0.32 s comes too soon after the second."""
    with VideoWriter(tmp_path / "a.avi", 10) as film:
        for seconds, grey in ((0, 0), (0.3, 60), (0.32, 120), (0.5, 180)):
            film.write(np.full((32, 32, 3), grey, np.uint8), seconds)
    found = [frame.image.mean() for frame in FrameSource(tmp_path / "a.avi")]
    assert len(found) == film.count == 6
    assert found == pytest.approx([0, 0, 0, 60, 120, 180], abs=3)


def test_pictures_of_another_size_are_fitted_into_a_film(tmp_path):
    with VideoWriter(tmp_path / "a.avi", 10) as film:
        film.write(np.full((32, 64, 3), 200, np.uint8))
        film.write(np.full((100, 100, 3), 200, np.uint8))
    first, second = (frame.image for frame in FrameSource(tmp_path / "a.avi"))
    assert first.shape == second.shape == (32, 64, 3)
    assert second[16, 32].mean() == pytest.approx(200, abs=5) and second[16, 4].mean() < 60


def test_who_is_slow_gets_the_newest_frame_of_a_paced_film(film):
    frames, taken = FrameSource(film, paced=True), []
    for frame in frames:
        taken.append(frame.number)
        time.sleep(0.09)  # four and a half frames
    assert taken == sorted(set(taken)) and taken[-1] == 11
    assert len(taken) + frames.dropped == 12 and frames.dropped > 0


def test_a_paced_film_that_is_left_early_ends_its_thread(film):
    frames = FrameSource(film, paced=True)
    for _ in frames:
        break
    frames.close()


def test_what_is_no_source(tmp_path):
    (tmp_path / "text.mp4").write_text("no film")
    for source, message in (
        (tmp_path / "none.mp4", "no such film"), (tmp_path / "text.mp4", "this film cannot be opened"),
        ("97", "this camera cannot be opened"), (tmp_path / "%05d.jpg", "no image fits this pattern"),
        (tmp_path, "holds no images"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=message):
            FrameSource(source)


def test_a_film_has_its_name_only_when_it_is_whole(tmp_path):
    with VideoWriter(tmp_path / "deep/a.mp4", 25) as film:
        film.write(np.zeros((32, 32, 3), np.uint8))
        assert not film.path.exists()
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["a.mp4"]
    with VideoWriter(tmp_path / "none.mp4", 25):
        pass
    assert not (tmp_path / "none.mp4").exists()
    with pytest.raises(InputError, match=r"ends in \.mp4"):
        VideoWriter(tmp_path / "a.gif", 25)


def test_a_film_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"a\.mp4 cannot be written"), VideoWriter(tmp_path / "file/a.mp4", 25) as film:
        film.write(np.zeros((32, 32, 3), np.uint8))
    with pytest.raises(InputError, match="cannot make such a film"), VideoWriter(tmp_path / "a.mp4", 25) as film:
        film.write(np.zeros((0, 0, 3), np.uint8))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_first_error_is_what_is_said(tmp_path):
    (tmp_path / "a.mp4").mkdir()  # so that the film cannot have its name
    with pytest.raises(ZeroDivisionError), VideoWriter(tmp_path / "a.mp4", 25) as film:
        film.write(np.zeros((32, 32, 3), np.uint8))
        raise ZeroDivisionError
    with pytest.raises(InputError, match=r"a\.mp4 cannot be written"), VideoWriter(tmp_path / "a.mp4", 25) as film:
        film.write(np.zeros((32, 32, 3), np.uint8))


@pytest.mark.parametrize("suffix", [".mp4", ".avi", ".mkv"])
def test_a_film_that_the_disk_does_not_take_has_no_name(tmp_path, suffix):
    """OpenCV's writer says nothing; with 100 kB it can write the first part of the film."""
    pictures = np.random.default_rng(0).integers(0, 255, (30, 120, 160, 3), np.uint8)
    with pytest.raises(InputError, match=f"a{suffix} cannot be written: File too large"), files_of_at_most(100_000):
        write_film(tmp_path / f"a{suffix}", pictures)
    assert list(tmp_path.iterdir()) == []


def write_film(path, pictures):
    with VideoWriter(path, 30) as film:
        for picture in pictures:
            film.write(picture)


@pytest.mark.parametrize("suffix", [".mp4", ".avi", ".mkv"])
def test_a_film_whose_end_the_disk_does_not_take_has_no_name(tmp_path, suffix):
    """All frames are in the file then, but not its index."""
    pictures = np.random.default_rng(0).integers(0, 255, (30, 120, 160, 3), np.uint8)
    write_film(tmp_path / f"whole{suffix}", pictures)
    size = (tmp_path / f"whole{suffix}").stat().st_size
    with pytest.raises(InputError, match="cannot be written"), files_of_at_most(size - 100):
        write_film(tmp_path / f"a{suffix}", pictures)
    assert [path.name for path in tmp_path.iterdir()] == [f"whole{suffix}"]


def test_a_film_of_which_a_frame_was_lost_on_the_way_has_no_name(tmp_path, monkeypatch):
    """As on a disk that was full for a while."""

    class Lossy:
        def __init__(self, *arguments):
            self._writer, self._left = real(*arguments), [True] * 3 + [False] + [True] * 2

        def write(self, image):
            if self._left.pop(0):
                self._writer.write(image)

        def __getattr__(self, name):
            return getattr(self._writer, name)

    real = cv2.VideoWriter
    monkeypatch.setattr(cv2, "VideoWriter", Lossy)
    with pytest.raises(InputError, match=r"a\.avi cannot be written: 5 of its 6 frames reached the disk"):
        write_film(tmp_path / "a.avi", np.zeros((6, 32, 32, 3), np.uint8))
    assert list(tmp_path.iterdir()) == []


def test_a_picture_is_held(tmp_path):
    with VideoWriter(tmp_path / "a.avi", 10) as film:
        film.hold(5)  # nothing to hold yet
        film.write(np.full((32, 32, 3), 60, np.uint8), 0)
        film.write(np.full((32, 32, 3), 120, np.uint8), 0.1)
        film.hold(0.5)
        film.hold(0.3)
    assert [frame.image.mean() for frame in FrameSource(tmp_path / "a.avi")] == pytest.approx([60, *[120] * 4], abs=3)


@pytest.mark.parametrize("rate", [0, -1, float("nan"), float("inf")])
def test_a_film_has_a_rate(tmp_path, rate):
    with pytest.raises(InputError, match="frames a second"):
        VideoWriter(tmp_path / "a.mp4", rate)


def test_a_paced_film_with_a_pause_drops_nothing_for_who_is_quick(tmp_path):
    write_matroska(tmp_path / "a.webm", grey_jpegs(5), [0, 10, 20, 120, 130])
    frames = FrameSource(tmp_path / "a.webm", paced=True)
    started, delays = time.perf_counter(), []
    for frame in frames:
        delays.append(time.perf_counter() - started - frame.seconds)
    assert len(delays) + frames.dropped == 5 and min(delays) > -0.005  # none comes before its time
