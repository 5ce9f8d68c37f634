import time

import cv2
import numpy as np
import pytest

from maskpose.errors import InputError
from maskpose.video import Film, Frames


@pytest.fixture
def film(tmp_path):
    """A film of 12 grey frames, each 20 brighter than the last."""
    path = tmp_path / "grey.avi"
    with Film(path, 50) as writing:
        for n in range(12):
            writing.write(np.full((48, 64, 3), 20 * n, np.uint8))
    return path


def test_a_film_is_read_as_it_was_written(film):
    frames = Frames(film)
    assert frames.count == 12 and frames.rate == pytest.approx(50)
    found = list(frames)
    assert [frame.number for frame in found] == list(range(12)) and frames.dropped == 0
    for n, frame in enumerate(found):
        assert frame.seconds == pytest.approx(n / 50) and abs(frame.image.mean() - 20 * n) < 3
        assert frame.image.shape == (48, 64, 3)


def test_numbered_pictures(tmp_path):
    for n in range(3):
        cv2.imwrite(str(tmp_path / f"{n:05d}.png"), np.full((10, 20, 3), 50 * n, np.uint8))
    assert [frame.image[0, 0, 0] for frame in Frames(f"{tmp_path}/%05d.png")] == [0, 50, 100]


def test_who_is_slow_gets_the_newest_frame_of_a_paced_film(film):
    frames, taken = Frames(film, paced=True), []
    for frame in frames:
        taken.append(frame.number)
        time.sleep(0.09)  # four and a half frames
    assert taken == sorted(set(taken)) and taken[-1] == 11
    assert len(taken) + frames.dropped == 12 and frames.dropped > 0


def test_a_paced_film_that_is_left_early_ends_its_thread(film):
    frames = Frames(film, paced=True)
    for _ in frames:
        break
    frames.close()


def test_what_is_no_source(tmp_path):
    (tmp_path / "text.mp4").write_text("no film")
    for source, message in (
        (tmp_path / "none.mp4", "no such film"), (tmp_path / "text.mp4", "this film cannot be opened"),
        ("97", "this camera cannot be opened"), (tmp_path / "%05d.jpg", "no picture is called so"), (tmp_path, "holds no pictures"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=message):
            Frames(source)


def test_a_film_has_its_name_only_when_it_is_whole(tmp_path):
    with Film(tmp_path / "deep/a.mp4", 25) as film:
        film.write(np.zeros((32, 32, 3), np.uint8))
        assert not film.path.exists()
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["a.mp4"]
    with Film(tmp_path / "none.mp4", 25):
        pass
    assert not (tmp_path / "none.mp4").exists()
    with pytest.raises(InputError, match=r"ends in \.mp4"):
        Film(tmp_path / "a.gif", 25)
