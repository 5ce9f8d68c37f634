"""Frames of a camera, a film or images, one after the other; and films written."""

import contextlib
import os
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from maskpose.errors import InputError
from maskpose.inference import frame_sources, image_paths
from maskpose.inference.frame_sources import USUAL_RATE, Frame, name_for_opencv, quiet_opencv
from maskpose.io.files import atomic_path
from maskpose.visualization import drawing

__all__ = ["CODECS", "USUAL_RATE", "Frame", "FrameSource", "VideoWriter"]
CODECS = {".mp4": "mp4v", ".avi": "MJPG", ".mkv": "mp4v"}


class FrameSource:
    """The frames of a source, to be iterated over once.

    ``rate``: frames a second of a film that is to show them; ``count``: how many there are, or None; ``files``: the
    files they are read from; ``dropped``: how many came too fast to be taken so far; ``lost``: how many could not be
    read so far, which is reported on stderr; ``end``: when the last frame ends, in seconds since the first, once all
    were read, or None.
    """

    def __init__(self, source: str | Path, paced: bool = False):
        """Open a source.

        Args:
            source: A camera's number, a film, an animated image, a folder of images, or numbered images as
                ``images/%05d.jpg``, which may begin with any number and leave some out. Images run at USUAL_RATE.
            paced: Whether a film runs at its own pace, as a camera always does: frames that are not taken in time are
                dropped.

        Raises:
            InputError: The source cannot be opened.
        """
        self.source, self.dropped = str(source), 0
        self.is_camera = self.source.isdecimal()
        self._paced = paced or self.is_camera
        self.files = [] if self.is_camera else _files(self.source)
        if self.is_camera:
            self._source = frame_sources.Camera(self.source)
        elif Path(self.source).is_file():
            self._source = frame_sources.of_file(Path(self.source))
        else:
            self._source = frame_sources.ImageFiles(self.files)
        self.rate, self.count = self._source.rate, self._source.count

    @property
    def lost(self) -> int:
        """How many frames could not be read so far."""
        return self._source.lost

    @property
    def end(self) -> float | None:
        """When the last frame ends, in seconds since the first, once all were read; None of a camera."""
        return self._source.end

    def __iter__(self) -> Iterator[Frame]:
        """Give the frames. Raises InputError if there is none, and if a camera stops."""
        with quiet_opencv(), contextlib.closing(iter(self._source)) as every:
            frame = None
            with contextlib.closing(self._newest(every) if self._paced else every) as frames:
                for frame in frames:
                    yield frame
            if frame is None:
                raise InputError(f"{self.source}: no frame of it can be read")

    def close(self) -> None:
        """Let go of the source."""
        self._source.close()

    def _newest(self, frames):
        """Frames as they come; whoever is slow gets the newest."""
        slot, errors, ready, ended = [], [], threading.Condition(), threading.Event()

        def read():
            started = None
            try:
                for frame in frames:
                    started = time.perf_counter() if started is None else started
                    if not self.is_camera:
                        ended.wait(max(0.0, started + frame.seconds - time.perf_counter()))
                    with ready:
                        self.dropped += len(slot)
                        slot[:] = [frame]
                        ready.notify()
                    if ended.is_set():
                        return
            except Exception as error:  # the consumer's to raise
                errors.append(error)
            finally:
                with ready:
                    ended.set()
                    ready.notify()

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        try:
            while True:
                with ready:
                    ready.wait_for(lambda: slot or ended.is_set())
                    if not slot:
                        break
                    frame = slot.pop()
                yield frame
            for error in errors:
                raise error
        finally:
            ended.set()
            reader.join()


def _files(source):
    """[Path]: a film itself, or the pictures of a folder or a pattern such as ``images/%05d.jpg``, in their order.

    Raises InputError where there are none.
    """
    path = Path(source)
    if path.is_file():
        return [path]
    if path.is_dir():
        return [one.path for one in image_paths.find_images([path])]
    before, number, after = re.fullmatch(r"(.*?)(%0?\d*d)?([^%]*)", path.name, re.DOTALL).groups()
    if number is None:
        raise InputError(f"{source}: no such film (cameras are numbers, pictures a folder or as images/%05d.jpg)")
    called = re.compile(re.escape(before) + r"(\d+)" + re.escape(after))
    try:
        there = list(path.parent.iterdir()) if path.parent.is_dir() else []
    except OSError as error:
        raise InputError(f"{path.parent} cannot be read: {error.strerror}") from None
    fitting = [(int(match[1]), one) for one in there if (match := called.fullmatch(one.name))]
    found = [one for n, one in sorted(fitting) if before + number % n + after == one.name]
    if not found:
        raise InputError(f"{source}: no picture is called so")
    return found


class VideoWriter:
    """A film being written beside its name, and renamed when it is whole; as a context manager."""

    def __init__(self, path: str | Path, rate: float):
        """path: with one of CODECS' suffixes; rate: frames a second. Raises InputError for others."""
        self.path, self.rate = Path(path), rate
        if self.path.suffix.lower() not in CODECS:
            raise InputError(f"{path}: a film's name ends in {', '.join(CODECS)}")
        if not 0 < rate < float("inf"):
            raise InputError(f"{path}: a film has a number of frames a second above 0, not {rate}")
        name_for_opencv(self.path)
        self.count = 0  # frames written
        self._writer = self._last = None

    def __enter__(self) -> "VideoWriter":
        return self

    def write(self, image: np.ndarray, seconds: float | None = None) -> None:
        """Add a picture (h, w, 3) uint8 BGR; one of another size than the first's is fitted into that.

        seconds: since the first, when it is to be seen: the picture before stands until then, and one too soon after
        another for the film's rate is left out; None: one frame later. Raises InputError where it cannot be written.
        """
        if self._writer is None:
            self._open(image.shape[1::-1])
            self._last = image
        if image.shape != self._last.shape:
            image = drawing.contact_sheet([image], 1, self._last.shape[1::-1])
        number = self.count if seconds is None else round(seconds * self.rate)
        self.hold(number / self.rate)
        if number >= self.count:
            self._write(image)
        self._last = image

    def hold(self, seconds: float) -> None:
        """Let the last picture stand until ``seconds`` since the first."""
        if self._last is not None:
            for _ in range(self.count, round(seconds * self.rate)):
                self._write(self._last)

    def _write(self, image):
        with quiet_opencv():
            self._writer.write(image)
        self.count += 1

    def _open(self, size):
        with contextlib.ExitStack() as stack:
            partial = stack.enter_context(atomic_path(self.path))
            codec = cv2.VideoWriter_fourcc(*CODECS[self.path.suffix.lower()])
            with quiet_opencv():
                writer = cv2.VideoWriter(str(partial), codec, self.rate, size)
            if not writer.isOpened():
                raise InputError(f"{self.path} cannot be written: this OpenCV cannot make such a film")
            stack.callback(self._finish, partial)
            self._file, self._writer = stack.pop_all(), writer

    def _finish(self, partial):
        """Close the film; OSError or InputError unless all of it is in the file: OpenCV reports no failure."""
        with quiet_opencv():
            self._writer.release()
            _check_end(partial)
            written, is_whole = _frames_in(partial)
        if written != self.count or not is_whole:
            raise InputError(
                f"{self.path} cannot be written: {written} of its {self.count} frames reached the disk. Is it full?"
            )

    def __exit__(self, kind, error, traceback):
        """What was written by then is a film, also where something else went wrong, which is then what is raised."""
        if self._writer is not None:
            with contextlib.suppress(InputError) if kind else contextlib.nullcontext():
                self._file.close()


def _check_end(path):
    """Raise OSError if the disk has not taken, or takes no more than, what is in a file: it may have been cut off."""
    with path.open("r+b", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        file.write(b"\0")
        file.truncate(size)
        os.fsync(file.fileno())


def _frames_in(path):
    """How many frames are in a film, without decoding them, and whether the file states a number of them.

    OpenCV writes that number last.
    """
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_FORMAT, -1])  # packets as they are
    if not capture.isOpened():
        capture = cv2.VideoCapture(str(path))
    count = 0
    while capture.grab():
        count += 1
    return count, capture.get(cv2.CAP_PROP_FRAME_COUNT) > 0
