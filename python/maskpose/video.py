"""Frames of a camera, a film or numbered pictures, one after the other; and films written."""

import contextlib
import os
import re
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from maskpose import drawing, inputs
from maskpose.errors import InputError
from maskpose.files import written_beside
from maskpose.images import read_color

USUAL_RATE = 30.0  # frames a second of what does not say
CODECS = {".mp4": "mp4v", ".avi": "MJPG", ".mkv": "mp4v"}


@dataclass(frozen=True)
class Frame:
    """One frame: its number from 0, its time in seconds since the first, its picture, and its file where it has one."""

    number: int
    seconds: float
    image: np.ndarray  # (h, w, 3) uint8 BGR
    file: Path | None = None


class Frames:
    """The frames of a source, to be iterated over once; ``dropped`` counts those that came too fast to be taken."""

    def __init__(self, source, paced=False):
        """source: a camera's number, a film, a folder of pictures, or numbered pictures as ``images/%05d.jpg``, which
        may begin with any number and leave some out; paced: a film runs at its own rate, as a camera always does, and
        what is not taken in time is dropped. Pictures run at USUAL_RATE; one that cannot be read is said on stderr and
        left out. Raises InputError where the source cannot be opened.
        """
        self.source, self.dropped = str(source), 0
        self.is_camera = self.source.isdecimal()
        self._paced = paced or self.is_camera
        self.files = [] if self.is_camera else _files(self.source)
        self._pictures = self._file = None
        if not self.is_camera and not Path(self.source).is_file():
            self._pictures, self.rate, self.count = iter(self.files), USUAL_RATE, len(self.files)
            return
        with _quiet_opencv():
            self._capture = cv2.VideoCapture(int(self.source) if self.is_camera else self.source)
        if not self._capture.isOpened():
            kind = "camera" if self.is_camera else "film"
            raise InputError(f"{self.source}: this {kind} cannot be opened")
        self.rate = self._capture.get(cv2.CAP_PROP_FPS) or USUAL_RATE
        count = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self.count = None if self.is_camera or count <= 0 else int(count)

    def __iter__(self):
        with contextlib.closing(self._newest() if self._paced else self._every()) as frames:
            yield from frames

    def close(self):
        """Let go of the source."""
        if self._pictures is None:
            self._capture.release()

    def _every(self):
        number = 0
        while (image := self._read()) is not None:
            yield Frame(number, number / self.rate, image, self._file)
            number += 1

    def _newest(self):
        """Frames as they come; whoever is slow gets the newest."""
        slot, ready, ended = [], threading.Condition(), threading.Event()

        def read():
            started, number = None, 0
            while not ended.is_set() and (image := self._read()) is not None:
                started = started or time.perf_counter()
                if not self.is_camera:
                    time.sleep(max(0.0, started + number / self.rate - time.perf_counter()))
                seconds = time.perf_counter() - started if self.is_camera else number / self.rate
                with ready:
                    self.dropped += len(slot)
                    slot[:] = [Frame(number, seconds, image, self._file)]
                    ready.notify()
                number += 1
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
                        return
                    frame = slot.pop()
                yield frame
        finally:
            ended.set()
            reader.join()

    def _read(self):
        """The next picture, or None."""
        if self._pictures is None:
            there, image = self._capture.read()
            return image if there else None
        for path in self._pictures:
            self._file = path
            try:
                return read_color(path)
            except InputError as error:
                tqdm.write(f"left out: {error}", file=sys.stderr)
        return None


def _files(source):
    """[Path]: a film itself, or the pictures of a folder or a pattern such as ``images/%05d.jpg``, in their order.

    Raises InputError where there are none.
    """
    path = Path(source)
    if path.is_file():
        return [path]
    if path.is_dir():
        return [one.path for one in inputs.photographs([path])]
    before, number, after = re.fullmatch(r"(.*?)(%0?\d*d)?([^%]*)", path.name, re.DOTALL).groups()
    if number is None:
        raise InputError(f"{source}: no such film (cameras are numbers, pictures a folder or as images/%05d.jpg)")
    called = re.compile(re.escape(before) + r"(\d+)" + re.escape(after))
    there = path.parent.iterdir() if path.parent.is_dir() else ()
    fitting = [(int(match[1]), one) for one in there if (match := called.fullmatch(one.name))]
    found = [one for n, one in sorted(fitting) if before + number % n + after == one.name]
    if not found:
        raise InputError(f"{source}: no picture is called so")
    return found


@contextlib.contextmanager
def _quiet_opencv():
    """OpenCV's warnings and FFmpeg's off: of a source that does not open, InputError says so in one line."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    before = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(before)


class Film:
    """A film being written beside its name, and renamed when it is whole; as a context manager."""

    def __init__(self, path, rate):
        """path: with one of CODECS' suffixes; rate: frames a second. Raises InputError for another suffix."""
        self.path, self.rate = Path(path), rate
        if self.path.suffix.lower() not in CODECS:
            raise InputError(f"{path}: a film's name ends in {', '.join(CODECS)}")
        self.count = 0  # frames written
        self._writer = self._last = None

    def __enter__(self):
        return self

    def write(self, image, seconds=None):
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
        for picture in [self._last] * (number - self.count) + [image] * (number >= self.count):
            self._writer.write(picture)
            self.count += 1
        self._last = image

    def _open(self, size):
        with contextlib.ExitStack() as stack:
            partial = stack.enter_context(written_beside(self.path))
            codec = cv2.VideoWriter_fourcc(*CODECS[self.path.suffix.lower()])
            writer = cv2.VideoWriter(str(partial), codec, self.rate, size)
            if not writer.isOpened():
                raise InputError(f"{self.path} cannot be written: this OpenCV cannot make such a film")
            stack.callback(writer.release)
            self._file, self._writer = stack.pop_all(), writer

    def __exit__(self, kind, error, traceback):
        """What was written by then is a film, also where something else went wrong, which is then what is raised."""
        if self._writer is not None:
            with contextlib.suppress(InputError) if kind else contextlib.nullcontext():
                self._file.close()
