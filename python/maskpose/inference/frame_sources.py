"""Where frames come from, and at what times: cameras, films, animated images, and images one after the other.

Each source is a ``Source``. Frames that cannot be read are reported on stderr.
"""

import contextlib
import itertools
import os
import sys
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import numpy.typing as npt
from PIL import PngImagePlugin
from tqdm import tqdm

from maskpose.errors import InputError
from maskpose.io import image_kinds
from maskpose.io.images import read_color
from maskpose.io.orientation import make_upright, pending_orientation
from maskpose.io.pillow_images import OPENERS, PILLOW_ERRORS, Loaded
from maskpose.io.pixel_limit import check_pixels

USUAL_RATE = 30.0  # frames a second of a source that states none
FASTEST_RATE = 240.0  # frames a second; a higher rate that a film states is a clock's, not the film's
FASTEST_UNSTEADY_RATE = 60.0  # frames a second of a film made from one without a constant rate
PROBED_FRAMES = 60  # first frames of a film, from which its rate is measured
READS_TO_GIVE_UP = 1000  # after this many reads in a row that fail, the film has ended
SECONDS_TO_GIVE_UP = 2.0  # after this time without a frame, the camera has stopped
LONGEST_PAUSE = 600.0  # seconds between two frames; a longer pause is a damaged time
JITTER = 0.25  # seconds by which a stated time may fall back; if it falls back further, the times began anew
EARLY = 0.5  # seconds by which a film may end before its stated length: sound often lasts longer
ANIMATED = {kind: OPENERS[kind] for kind in ("GIF", "WEBP", "AVIF")}
ANIMATED["PNG"] = PngImagePlugin.PngImageFile
JPEG_STREAMS = {".mjpeg", ".mjpg"}  # films whose first bytes are those of an image
COUNTING_KINDS = (b"AVI ", b"ftyp", b"moov", b"mdat", b"wide", b"free")  # at byte 8 or 4: files with a count of frames
SHORTEST, SHORTEST_SHOWN = 10, 100  # milliseconds: up to the first, an animation's frame stands for the second


@dataclass(frozen=True)
class Frame:
    """One frame of a source."""

    number: int  # from 0; frames that were lost or dropped are counted, too
    seconds: float  # since the first frame
    image: npt.NDArray[np.uint8]  # (h, w, 3) BGR
    file: Path | None = None  # of an image file


class Source(Protocol):
    """What every source has."""

    rate: float  # frames a second of a film that is to show the frames
    count: int | None  # how many frames there are, if it is known
    lost: int  # how many frames could not be read so far
    end: float | None  # the end of the last frame in seconds since the first, once all were read

    def __iter__(self) -> Generator[Frame, None, None]:
        """Yield the frames."""
        ...

    def close(self) -> None:
        """Release the source."""


class ImageFiles:
    """Image files, one after the other at USUAL_RATE; one that cannot be read is reported and skipped."""

    def __init__(self, files: Sequence[Path]):
        """Take the files in their order."""
        self._files = files
        self.rate = USUAL_RATE
        self.count: int | None = len(files)
        self.lost = 0
        self.end: float | None = len(files) / self.rate

    def __iter__(self) -> Generator[Frame, None, None]:
        for number, path in enumerate(self._files):
            try:
                image = read_color(path)
            except InputError as error:
                self.lost += 1
                _report(f"left out: {error}")
                continue
            yield Frame(number, number / self.rate, image, path)

    def close(self) -> None:
        """Do nothing: no file is open between two images."""


class AnimationFile:
    """An animated image. Each frame stands for as long as the file states."""

    def __init__(self, path: Path, kind: str):
        """Open an image of one of ANIMATED kinds. Raises InputError if it cannot be opened."""
        self._path, self._kind = path, kind
        try:
            self._image = ANIMATED[kind](path)
            width, height = self._image.size
            check_pixels(width, height, str(path))
            self._orientation = pending_orientation(self._image)
            first = 1 if self._image.info.get("default_image") else 0  # a PNG's image for readers without animation
            self._numbers = range(first, getattr(self._image, "n_frames", 1))
        except PILLOW_ERRORS as error:
            raise InputError(f"{path} cannot be opened: {error}") from None
        self.count: int | None = len(self._numbers)
        self.lost = 0
        self.end: float | None = None
        self.rate = writing_rate([seconds for _, seconds in map(self._read, self._numbers[:PROBED_FRAMES])], 0)

    def __iter__(self) -> Generator[Frame, None, None]:
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
            _report(f"left out: {self.lost} of {_frames(len(self._numbers))} of {self._path}, damaged or cut off")

    def _read(self, number: int) -> tuple[npt.NDArray[np.uint8] | None, float]:
        """Return an image, or None if it cannot be read, and how many seconds it stands."""
        try:
            self._image.seek(number)
            loaded = Loaded(self._image, self._kind, str(self._path), self._orientation, has_more=True)
            image = make_upright(loaded.color(), self._orientation)
        except PILLOW_ERRORS:
            image = None
        milliseconds = self._image.info.get("duration") or 0
        return image, (milliseconds if milliseconds > SHORTEST else SHORTEST_SHOWN) / 1000  # as browsers do

    def close(self) -> None:
        """Close the file."""
        self._image.close()


class FilmFile:
    """A film in a file. Damaged frames are left out, and reported when the film has ended."""

    def __init__(self, path: Path):
        """Open a film. Raises InputError if it cannot be opened."""
        self._path = path
        steps = _steps(self._open())
        self._has_times = not steps or max(steps) > 0
        self._capture = self._open()
        stated_rate = self._capture.get(cv2.CAP_PROP_FPS)
        stated_count = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self.rate = writing_rate(steps, stated_rate)
        self.lost = 0
        self.end: float | None = None
        self._stated_count = int(stated_count) if 0 < stated_count < 1e9 else None
        self._is_counted = self._stated_count is not None and _states_count(path)
        self._length: float | None = None  # seconds
        if self._stated_count is not None and 0 < stated_rate < float("inf"):
            self._length = self._stated_count / stated_rate
        self.count = self._stated_count if self._is_counted or self.rate == stated_rate else None

    def __iter__(self) -> Generator[Frame, None, None]:
        clock = Clock(1 / self.rate)
        number = failures = 0
        seconds = 0.0
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

    def _open(self) -> Any:
        return _open(name_for_opencv(self._path), self._path, "film")

    def _finish(self, number: int, end: float, leaps: int) -> None:
        """Set ``end`` and report what is missing.

        Args:
            number: how many frames were read or lost.
            end: of the last frame, by its time.
            leaps: how many stated times were not to be believed.
        """
        self.end = end
        read, stated, length = number - self.lost, self._stated_count, self._length
        if not read:
            return  # FrameSource raises the error
        if self.lost:
            _report(f"left out: {_frames(self.lost)} of {self._path}, damaged")
        if leaps:
            _report(f"{self._path}: {_frames(leaps)} more than {LONGEST_PAUSE:g} s after the one before: damaged times")
        missing = length - end if length is not None else 0.0  # seconds
        if stated is not None and number >= stated:
            if 0 < missing <= LONGEST_PAUSE:
                self.end = length  # the last frame stands longer than usual
        elif missing > EARLY:
            counts = f" ({read} of {stated} frames)" if self._is_counted else ""
            _report(f"{self._path} ends early: the last frame ends at {end:.2f} s of the {length:.2f} s stated{counts}")
        elif self._is_counted and stated is not None:
            _report(f"{self._path} states {_frames(stated)} and holds {number}: {_frames(stated - number)} missing")


class Camera:
    """A camera. The time of a frame is that of its arrival."""

    def __init__(self, number: str):
        """Open a camera. Raises InputError if it cannot be opened."""
        self._name, self.lost = number, 0
        self.count: int | None = None
        self.end: float | None = None
        self._capture = _open(int(number), number, "camera")
        stated = self._capture.get(cv2.CAP_PROP_FPS)
        self.rate = stated if _is_plausible(stated) else USUAL_RATE

    def __iter__(self) -> Generator[Frame, None, None]:
        """Yield frames for as long as the camera gives some. Raises InputError then."""
        started, last = None, time.perf_counter()
        for number in itertools.count():
            while (image := _read(self._capture)) is None:
                if time.perf_counter() - last > SECONDS_TO_GIVE_UP:
                    ran = "" if started is None else f" more, after {last - started:.1f} s"
                    raise InputError(f"{self._name}: this camera gives no frames{ran}")
                time.sleep(0.01)
            last = time.perf_counter()
            started = last if started is None else started
            yield Frame(number, last - started, image)

    def close(self) -> None:
        """Release the camera."""
        self._capture.release()


class Clock:
    """Makes rising times from those that a film's file states for its frames, one after the other.

    Times count from the first frame. If the stated times begin anew, as in films that were joined end to end, they
    continue from the frame before.

    Attributes:
        leaps: how many stated times were too far ahead to be believed.
    """

    def __init__(self, step: float):
        """Start; ``step`` is the time in seconds from a frame to the next if the stated times do not say it."""
        self.leaps = 0
        self._step = step
        self._first = self._stated = 0.0  # the stated times of the first frame and of the last one
        self._now: float | None = None

    def __call__(self, stated: float) -> float:
        """Return the time of the next frame; its stated time, in seconds, may be any number or NaN."""
        if self._now is None:
            self._first, self._now = stated, 0.0
        else:
            self._now += self._advance(stated - self._first - self._now, stated - self._stated)
        self._stated = stated
        return self._now

    def _advance(self, ahead: float, step: float) -> float:
        """Return the seconds from the last frame to this one.

        Args:
            ahead: how far the stated time, counted from the first frame, is ahead of the last frame's time.
            step: from the last stated time to this one.
        """
        if 0 < ahead <= LONGEST_PAUSE:
            return ahead
        if -JITTER < ahead <= 0:
            return min(0.001, self._step)
        if 0 < step <= LONGEST_PAUSE:
            return step
        self.leaps += step > LONGEST_PAUSE
        return self._step


def writing_rate(steps: Sequence[float], stated: float) -> float:
    """Return the frames a second of a film that is to show frames at given times.

    It is the stated rate if the times agree with it, else the rate of the times. Times without a constant rate get one
    so high that nearly all frames are shown, each about as long as it should be.

    Args:
        steps: seconds from each frame to the next.
        stated: frames a second that the source states; any number or NaN.
    """
    known = np.array([step for step in steps if 0 < step < LONGEST_PAUSE])
    if not len(known):
        return stated if _is_plausible(stated) else USUAL_RATE
    if _is_plausible(stated) and np.mean(np.abs(known * stated - 1) < 0.1) > 0.5:
        return stated
    short, middle, long = np.percentile(known, (10, 50, 90))
    if long - short <= 0.1 * middle + 0.002:  # times are often rounded to milliseconds
        rate = 1 / known[(short <= known) & (known <= long)].mean()
        return float(min(round(rate, 2) if rate > 1 else rate, FASTEST_RATE))
    return float(np.clip(round(1 / short), USUAL_RATE, FASTEST_UNSTEADY_RATE))


def open_file(path: Path) -> ImageFiles | AnimationFile | FilmFile:
    """Open a file as an image, an animated image or a film. Raises InputError if it cannot be opened."""
    suffix, kind = path.suffix.lower(), image_kinds.kind_of(_head(path))
    if suffix in JPEG_STREAMS or (kind is None and suffix not in image_kinds.SUFFIXES):
        return FilmFile(path)
    if kind in ANIMATED:
        with contextlib.suppress(InputError):  # reading it as an image gives the better message
            animation = AnimationFile(path, kind)
            if (animation.count or 0) > 1:
                return animation
    return ImageFiles([path])


def name_for_opencv(path: Path) -> str:
    """Return a film's name for OpenCV, which crashes on a name that is not UTF-8. Raises InputError for such a name."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise InputError(f"{path}: films whose names are not in UTF-8 cannot be opened: rename it") from None
    return str(path)


@contextlib.contextmanager
def quiet_opencv() -> Iterator[None]:
    """Turn warnings of OpenCV and FFmpeg off: what they warn of is reported in one line of our own."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    os.environ.setdefault("OPENCV_FFMPEG_DECODE_ATTEMPTS", "0")  # each damaged frame is a read that fails
    before = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(before)


def _open(source: int | str, name: str | Path, kind: str) -> Any:
    """Return a cv2.VideoCapture of a "film" or "camera". Raises InputError that begins with ``name``."""
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


def _read(capture: Any) -> npt.NDArray[np.uint8] | None:
    """Return the next image, or None."""
    try:
        is_read, image = capture.read()
    except cv2.error:
        return None
    return image if is_read else None


def _steps(capture: Any) -> list[float]:
    """Return the seconds from each of the first frames to the next, by the times that the file states."""
    times = []
    with quiet_opencv():
        while len(times) <= PROBED_FRAMES and capture.grab():
            times.append(capture.get(cv2.CAP_PROP_POS_MSEC) / 1000)
    return np.diff(times).tolist()


def _is_plausible(rate: float) -> bool:
    return 1 / LONGEST_PAUSE <= rate <= FASTEST_RATE


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(image_kinds.HEAD)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None


def _states_count(path: Path) -> bool:
    """Return whether a film's file holds the number of its frames. Else OpenCV multiplies the rate and the length."""
    head = _head(path)
    return head[4:8] in COUNTING_KINDS or head[8:12] in COUNTING_KINDS


def _frames(count: int) -> str:
    return "1 frame" if count == 1 else f"{count} frames"


def _report(text: str) -> None:
    tqdm.write(text, file=sys.stderr)
