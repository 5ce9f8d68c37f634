"""Where frames come from, and at what times: cameras, films, animated images, and images one after the other.

Each source has ``rate``, frames a second of a film that is to show its frames; ``count``, how many frames it has, or
None; ``lost``, how many frames it could not read so far; and ``end``, in seconds the end of its last frame once all
were read, or None. Iterating over it gives each ``Frame``. Losses are reported on stderr.
"""

import contextlib
import itertools
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import PngImagePlugin
from tqdm import tqdm

from maskpose.errors import InputError
from maskpose.io import image_kinds
from maskpose.io.images import read_color
from maskpose.io.orientation import make_upright, pending_orientation
from maskpose.io.pillow_images import OPENERS, PILLOW_ERRORS, Loaded
from maskpose.io.pixel_limit import check_pixels

USUAL_RATE = 30.0  # frames a second of a source that states none
FASTEST_RATE = 240.0  # frames a second; what is stated above is a clock's rate, not a film's
FASTEST_UNSTEADY_RATE = 60.0  # frames a second of a film made from one without a constant rate
PROBED_FRAMES = 60  # from which the rate of a film is measured
READS_TO_GIVE_UP = 1000  # reads that fail in a row: the film has ended
SECONDS_TO_GIVE_UP = 2.0  # without a frame: the camera has stopped
LONGEST_PAUSE = 600.0  # seconds between two frames; more is a damaged time
JITTER = 0.25  # seconds by which a stated time may fall behind without the film having begun anew
EARLY = 0.5  # seconds by which a film may end before its stated length: sound often lasts longer
ANIMATED = {kind: OPENERS[kind] for kind in ("GIF", "WEBP", "AVIF")} | {"PNG": PngImagePlugin.PngImageFile}
JPEG_STREAMS = {".mjpeg", ".mjpg"}  # films that begin as an image does
COUNTING_KINDS = (b"AVI ", b"ftyp", b"moov", b"mdat", b"wide", b"free")  # at byte 8 or 4: files with a count of frames
UNHURRIED = 10, 100  # an animation's frames of up to so many milliseconds stand for so many, as in browsers


@dataclass(frozen=True)
class Frame:
    """One frame: its number from 0, its time in seconds since the first, its image, and its file where it has one.

    Frames that were lost or dropped are counted by the number, too.
    """

    number: int
    seconds: float
    image: np.ndarray  # (h, w, 3) uint8 BGR
    file: Path | None = None


class ImageFiles:
    """Image files, one after the other at USUAL_RATE; one that cannot be read is reported and skipped."""

    rate = USUAL_RATE

    def __init__(self, files: Sequence[Path]):
        self._files, self.count = files, len(files)
        self.lost, self.end = 0, self.count / self.rate

    def __iter__(self) -> Iterator[Frame]:
        for number, path in enumerate(self._files):
            try:
                image = read_color(path)
            except InputError as error:
                self.lost += 1
                _report(f"left out: {error}")
                continue
            yield Frame(number, number / self.rate, image, path)

    def close(self) -> None:
        """Nothing is open between two images."""


class AnimationFile:
    """An animated image, each frame for as long as the file states."""

    def __init__(self, path: Path, kind: str):
        """Open an image of one of ANIMATED kinds. Raises InputError if it cannot be opened."""
        self._path, self._kind = path, kind
        try:
            self._image = ANIMATED[kind](path)
            check_pixels(*self._image.size, str(path))
            self._orientation = pending_orientation(self._image)
            first = 1 if self._image.info.get("default_image") else 0  # of a PNG, for who cannot read the animation
            self._numbers = range(first, getattr(self._image, "n_frames", 1))
        except PILLOW_ERRORS as error:
            raise InputError(f"{path} cannot be opened: {error}") from None
        self.count, self.lost, self.end = len(self._numbers), 0, None
        self.rate = writing_rate([seconds for _, seconds in map(self._read, self._numbers[:PROBED_FRAMES])], 0)

    def __iter__(self) -> Iterator[Frame]:
        now = end = 0.0
        for number, (image, seconds) in enumerate(map(self._read, self._numbers)):
            if image is None:
                self.lost += 1
            else:
                yield Frame(number, now, image)
                end = now + seconds
            now += seconds
        self.end = end
        if self.lost:
            _report(f"left out: {self.lost} of {_frames(self.count)} of {self._path}, damaged or cut off")

    def _read(self, number: int) -> tuple[np.ndarray | None, float]:
        """An image, or None if it cannot be read, and how many seconds it stands."""
        try:
            self._image.seek(number)
            loaded = Loaded(self._image, self._kind, str(self._path), self._orientation, has_more=True)
            image = make_upright(loaded.color(), self._orientation)
        except PILLOW_ERRORS:
            image = None
        milliseconds = self._image.info.get("duration") or 0
        return image, (milliseconds if milliseconds > UNHURRIED[0] else UNHURRIED[1]) / 1000

    def close(self) -> None:
        """Close the file."""
        self._image.close()


class FilmFile:
    """A film in a file. Frames that are damaged are skipped, and reported when it has ended."""

    def __init__(self, path: Path):
        """Open a film. Raises InputError if it cannot be opened."""
        self._path = path
        steps = _steps(self._open())
        self._has_times = not steps or max(steps) > 0
        self._capture = self._open()
        stated_rate = self._capture.get(cv2.CAP_PROP_FPS)
        stated_count = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self.rate = writing_rate(steps, stated_rate)
        self.lost, self.end = 0, None
        self._stated_count = int(stated_count) if 0 < stated_count < 1e9 else None
        self._is_counted = self._stated_count is not None and _states_count(path)
        self._length = None  # seconds
        if self._stated_count is not None and 0 < stated_rate < float("inf"):
            self._length = self._stated_count / stated_rate
        self.count = self._stated_count if self._is_counted or self.rate == stated_rate else None

    def __iter__(self) -> Iterator[Frame]:
        clock = Clock(1 / self.rate)
        number = seconds = failures = 0
        while failures < READS_TO_GIVE_UP:
            image = _read(self._capture)
            if image is None:
                failures += 1
                continue
            self.lost += failures
            number, failures = number + failures, 0
            seconds = clock(self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000) if self._has_times else number / self.rate
            yield Frame(number, seconds, image)
            number += 1
        self._finish(number, seconds + 1 / self.rate, clock.leaps)

    def close(self) -> None:
        """Close the file."""
        self._capture.release()

    def _open(self):
        return _open(name_for_opencv(self._path), self._path, "film")

    def _finish(self, number, end, leaps):
        """Set ``end``, and report what is missing; number: frames read and lost; end: by the last frame's time."""
        self.end = end
        read, stated, length = number - self.lost, self._stated_count, self._length
        if not read:
            return  # an error, elsewhere
        if self.lost:
            _report(f"left out: {_frames(self.lost)} of {self._path}, damaged")
        if leaps:
            _report(f"{self._path}: {_frames(leaps)} more than {LONGEST_PAUSE:g} s after the one before: damaged times")
        if stated is not None and number >= stated:
            if length is not None and 0 < length - end <= LONGEST_PAUSE:
                self.end = length  # the last frame stands longer than usual
        elif length is not None and length - end > EARLY:
            counts = f" ({read} of {stated} frames)" if self._is_counted else ""
            _report(f"{self._path} ends early: the last frame ends at {end:.2f} s of the {length:.2f} s stated{counts}")
        elif self._is_counted:
            _report(f"{self._path} states {_frames(stated)} and holds {number}: {_frames(stated - number)} missing")


class Camera:
    """A camera; the time of a frame is that of its arrival."""

    count = end = None

    def __init__(self, number: str):
        """Open a camera. Raises InputError if it cannot be opened."""
        self._name, self.lost = number, 0
        self._capture = _open(int(number), number, "camera")
        stated = self._capture.get(cv2.CAP_PROP_FPS)
        self.rate = stated if _is_sane(stated) else USUAL_RATE

    def __iter__(self) -> Iterator[Frame]:
        """Frames for as long as the camera gives some; then an InputError."""
        started, last = None, time.perf_counter()
        for number in itertools.count():
            while (image := _read(self._capture)) is None:
                if time.perf_counter() - last > SECONDS_TO_GIVE_UP:
                    ran = f" more, after {last - started:.1f} s" if started is not None else ""
                    raise InputError(f"{self._name}: this camera gives no frames{ran}")
                time.sleep(0.01)
            last = time.perf_counter()
            started = last if started is None else started
            yield Frame(number, last - started, image)

    def close(self) -> None:
        """Let go of the camera."""
        self._capture.release()


class Clock:
    """Makes times that rise out of those that a film's file states for its frames, one after the other.

    A time is that since the first frame. If the stated times begin anew, as in films joined end to end, they are
    counted from the frame before; ``leaps`` counts those too far ahead to be believed.
    """

    def __init__(self, step: float):
        """step: seconds from a frame to the next if the stated times do not say."""
        self.leaps = 0
        self._step = step
        self._first = self._stated = self._now = None

    def __call__(self, stated: float) -> float:
        """The time of the next frame, whose stated time, in seconds, may be any number or NaN."""
        if self._now is None:
            self._first, self._now = stated, 0.0
        else:
            self._now += self._advance(stated - self._first - self._now, stated - self._stated)
        self._stated = stated
        return self._now

    def _advance(self, since_first, since_last):
        """Seconds from the last frame, by the time since the first and that since the last."""
        if 0 < since_first <= LONGEST_PAUSE:
            return since_first
        if -JITTER < since_first <= 0:
            return min(0.001, self._step)
        if 0 < since_last <= LONGEST_PAUSE:
            return since_last
        self.leaps += since_last > LONGEST_PAUSE
        return self._step


def writing_rate(steps: Sequence[float], stated: float) -> float:
    """Frames a second of a film that is to show frames at given times.

    It is the stated rate where the times agree with it, else their own; of times without a rate, one so high that
    nearly all frames are shown, each as long as it should.

    Args:
        steps: Seconds from each frame to the next.
        stated: What the source states, which may be any number or NaN.
    """
    steps = np.array([step for step in steps if 0 < step < LONGEST_PAUSE])
    if not len(steps):
        return stated if _is_sane(stated) else USUAL_RATE
    if _is_sane(stated) and np.mean(np.abs(steps * stated - 1) < 0.1) > 0.5:
        return stated
    short, middle, long = np.percentile(steps, (10, 50, 90))
    if long - short <= 0.1 * middle + 0.002:  # times are often rounded to milliseconds
        rate = 1 / steps[(short <= steps) & (steps <= long)].mean()
        return float(min(round(rate, 2) if rate > 1 else rate, FASTEST_RATE))
    return float(np.clip(round(1 / short), USUAL_RATE, FASTEST_UNSTEADY_RATE))


def of_file(path: Path) -> ImageFiles | AnimationFile | FilmFile:
    """The source for one file: an image, an animated image or a film. Raises InputError if it cannot be opened."""
    suffix, kind = path.suffix.lower(), image_kinds.kind_of(_head(path))
    if suffix in JPEG_STREAMS or (kind is None and suffix not in image_kinds.SUFFIXES):
        return FilmFile(path)
    if kind in ANIMATED:
        with contextlib.suppress(InputError):  # who reads it as an image says better what is wrong
            if (animation := AnimationFile(path, kind)).count > 1:
                return animation
    return ImageFiles([path])


def name_for_opencv(path: Path) -> str:
    """A film's name as OpenCV takes it, which crashes on any other. Raises InputError if the name is not UTF-8."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise InputError(f"{path}: films whose names are not in UTF-8 cannot be opened: rename it") from None
    return str(path)


@contextlib.contextmanager
def quiet_opencv() -> Iterator[None]:
    """Turn warnings of OpenCV and FFmpeg off: what they are about is reported in one line of our own."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    os.environ.setdefault("OPENCV_FFMPEG_DECODE_ATTEMPTS", "0")  # each damaged frame is a read that fails
    before = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(before)


def _open(source, name, kind):
    problem = f"{name}: this {kind} cannot be opened"
    with quiet_opencv():
        try:
            capture = cv2.VideoCapture(source)
        except (cv2.error, OverflowError):
            raise InputError(problem) from None
    if not capture.isOpened():
        raise InputError(problem)
    check_pixels(int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)), str(name))
    return capture


def _read(capture):
    """The next image, or None."""
    try:
        there, image = capture.read()
    except cv2.error:
        return None
    return image if there else None


def _steps(capture):
    """[seconds] from each of the first frames to the next, by the times that the file states."""
    times = []
    with quiet_opencv():
        while len(times) <= PROBED_FRAMES and capture.grab():
            times.append(capture.get(cv2.CAP_PROP_POS_MSEC) / 1000)
    return np.diff(times).tolist()


def _is_sane(rate):
    return 1 / LONGEST_PAUSE <= rate <= FASTEST_RATE


def _head(path):
    try:
        with path.open("rb") as file:
            return file.read(image_kinds.HEAD)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None


def _states_count(path):
    """Whether a film's file holds the number of its frames; for others OpenCV gives the rate times the length."""
    head = _head(path)
    return head[4:8] in COUNTING_KINDS or head[8:12] in COUNTING_KINDS


def _frames(count):
    return "1 frame" if count == 1 else f"{count} frames"


def _report(text):
    tqdm.write(text, file=sys.stderr)
