"""Frames of a camera, a film or images, one after the other; and films, written."""

import contextlib
import os
import re
import threading
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from maskpose.errors import InputError
from maskpose.inference import frame_sources, image_paths
from maskpose.inference.frame_sources import USUAL_RATE, Frame, name_for_opencv, quiet_opencv
from maskpose.io.files import atomic_path
from maskpose.visualization import sheets

__all__ = ["CODECS", "USUAL_RATE", "Frame", "FrameSource", "VideoWriter"]
CODECS = {".mp4": "mp4v", ".avi": "MJPG", ".mkv": "mp4v"}
NUMBERED = re.compile(r"(.*?)(%0?\d*d)?([^%]*)", re.DOTALL)  # a name such as %05d.jpg: before, number, after


class FrameSource:
    """The frames of a source, to be iterated over once.

    Attributes:
        rate: frames a second of a film that is to show the frames.
        count: how many frames there are, or None.
        files: the files that they are read from.
        dropped: how many frames came too fast so far.
    """

    def __init__(self, source: str | Path, paced: bool = False):
        """Open a source.

        Args:
            source: a camera's number, a film, an animated image, a folder of images, or numbered images as
                ``images/%05d.jpg``, which may begin with any number and leave some out. Images run at USUAL_RATE.
            paced: a film runs at its own pace, as a camera always does: frames that are not taken in time are dropped.

        Raises:
            InputError: the source cannot be opened.
        """
        self.source, self.dropped = str(source), 0
        self.is_camera = self.source.isdecimal()
        self._paced = paced or self.is_camera
        self.files = [] if self.is_camera else _source_files(self.source)
        self._source: frame_sources.Source
        if self.is_camera:
            self._source = frame_sources.Camera(self.source)
        elif Path(self.source).is_file():
            self._source = frame_sources.open_file(Path(self.source))
        else:
            self._source = frame_sources.ImageFiles(self.files)
        self.rate, self.count = self._source.rate, self._source.count

    @property
    def lost(self) -> int:
        """How many frames could not be read so far. They are reported on stderr."""
        return self._source.lost

    @property
    def end(self) -> float | None:
        """When the last frame ends, in seconds since the first, once all were read; None for a camera."""
        return self._source.end

    def __iter__(self) -> Iterator[Frame]:
        """Yield the frames. Raises InputError if there is none, or if a camera stops."""
        with quiet_opencv(), contextlib.closing(iter(self._source)) as every_frame:
            frame = None
            with contextlib.closing(self._newest(every_frame) if self._paced else every_frame) as frames:
                for frame in frames:
                    yield frame
            if frame is None:
                raise InputError(f"{self.source}: no frame of it can be read")

    def close(self) -> None:
        """Release the source."""
        self._source.close()

    def _newest(self, frames: Generator[Frame, None, None]) -> Generator[Frame, None, None]:
        """Yield the newest frame at each time; a slow consumer misses those between."""
        slot: list[Frame] = []  # the newest frame that is not taken yet, or nothing
        errors: list[Exception] = []
        ready, ended = threading.Condition(), threading.Event()

        def read() -> None:
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


def _source_files(source: str) -> list[Path]:
    """Return a film's own path, or the paths of the images of a folder or a pattern as ``images/%05d.jpg``, in order.

    Raises InputError if there are none.
    """
    path = Path(source)
    if path.is_file():
        return [path]
    if path.is_dir():
        return [image.path for image in image_paths.find_images([path])]
    match = NUMBERED.fullmatch(path.name)
    before, number, after = match.groups() if match else (path.name, None, "")
    if number is None:
        raise InputError(f"{source}: no such film (cameras are numbers, images a folder or as images/%05d.jpg)")
    numbered = re.compile(re.escape(before) + r"(\d+)" + re.escape(after))
    try:
        files = list(path.parent.iterdir()) if path.parent.is_dir() else []
    except OSError as error:
        raise InputError(f"{path.parent} cannot be read: {error.strerror}") from None
    candidates = [(int(match[1]), file) for file in files if (match := numbered.fullmatch(file.name))]
    found = [file for n, file in sorted(candidates) if before + number % n + after == file.name]
    if not found:
        raise InputError(f"{source}: no image fits this pattern")
    return found


class VideoWriter:
    """A film that is written under another name, and renamed once it is whole. A context manager."""

    def __init__(self, path: str | Path, rate: float):
        """Begin a film.

        Args:
            path: with one of CODECS' suffixes.
            rate: frames a second.

        Raises:
            InputError: the path has another suffix, or the rate is not above 0.
        """
        self.path, self.rate = Path(path), rate
        if self.path.suffix.lower() not in CODECS:
            raise InputError(f"{path}: a film's name ends in {', '.join(CODECS)}")
        if not 0 < rate < float("inf"):
            raise InputError(f"{path}: a film has a number of frames a second above 0, not {rate}")
        name_for_opencv(self.path)
        self.count = 0  # frames written
        self._writer: Any = None  # OpenCV's, from the first image on
        self._last: npt.NDArray[np.uint8] | None = None

    def __enter__(self) -> "VideoWriter":
        return self

    def write(self, image: npt.NDArray[np.uint8], seconds: float | None = None) -> None:
        """Add an image.

        Args:
            image: (h, w, 3) BGR. One of another size than the first is fitted into that size.
            seconds: since the first, when the image is to be seen: the image before stands until then, and an image too
                soon for the film's rate is left out. None: one frame after the image before.

        Raises:
            InputError: the film cannot be written.
        """
        if self._last is None:
            self._open(image.shape[1::-1])
            self._last = image
        if image.shape != self._last.shape:
            image = sheets.contact_sheet([image], 1, self._last.shape[1::-1])
        number = self.count if seconds is None else round(seconds * self.rate)
        self.hold(number / self.rate)
        if number >= self.count:
            self._write(image)
        self._last = image

    def hold(self, seconds: float) -> None:
        """Let the last image stand until ``seconds`` since the first."""
        if self._last is not None:
            for _ in range(self.count, round(seconds * self.rate)):
                self._write(self._last)

    def _write(self, image: npt.NDArray[np.uint8]) -> None:
        with quiet_opencv():
            self._writer.write(image)
        self.count += 1

    def _open(self, size: tuple[int, ...]) -> None:
        with contextlib.ExitStack() as stack:
            partial = stack.enter_context(atomic_path(self.path))
            codec = cv2.VideoWriter_fourcc(*CODECS[self.path.suffix.lower()])  # pyright: ignore[reportAttributeAccessIssue]
            with quiet_opencv():
                writer = cv2.VideoWriter(str(partial), codec, self.rate, size)
            if not writer.isOpened():
                raise InputError(f"{self.path} cannot be written: this OpenCV cannot make such a film")
            stack.callback(self._finish, partial)
            self._file, self._writer = stack.pop_all(), writer

    def _finish(self, partial: Path) -> None:
        """Close the film. OpenCV reports no failure, so raise OSError or InputError unless all of it is in the file."""
        with quiet_opencv():
            self._writer.release()
            _check_end(partial)
            written, is_whole = _frames_in(partial)
        if written != self.count or not is_whole:
            raise InputError(
                f"{self.path} cannot be written: {written} of its {self.count} frames reached the disk. Is it full?"
            )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Finish the film, also after an error, which is then the one that is raised."""
        if self._writer is not None:
            with contextlib.suppress(InputError) if kind else contextlib.nullcontext():
                self._file.close()


def _check_end(path: Path) -> None:
    """Raise OSError if the disk takes no byte more than is in a file: the file may have been cut off."""
    with path.open("r+b", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        file.write(b"\0")
        file.truncate(size)
        os.fsync(file.fileno())


def _frames_in(path: Path) -> tuple[int, bool]:
    """Return how many frames are in a film, without decoding them, and whether its file states a number of them.

    OpenCV writes that number last.
    """
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_FORMAT, -1])  # packets as they are
    if not capture.isOpened():
        capture = cv2.VideoCapture(str(path))
    count = 0
    while capture.grab():
        count += 1
    return count, capture.get(cv2.CAP_PROP_FRAME_COUNT) > 0
