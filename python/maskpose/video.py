"""Frames of a camera, a film or numbered pictures, one after the other; and films written."""

import contextlib
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from maskpose.errors import InputError
from maskpose.files import make_folder

USUAL_RATE = 30.0  # frames a second of what does not say
CODECS = {".mp4": "mp4v", ".avi": "MJPG", ".mkv": "mp4v"}


@dataclass(frozen=True)
class Frame:
    """One frame: its number in the source from 0, its time in seconds since the first, and its picture."""

    number: int
    seconds: float
    image: np.ndarray  # (h, w, 3) uint8 BGR


class Frames:
    """The frames of a source, to be iterated over once; ``dropped`` counts those that came too fast to be taken."""

    def __init__(self, source, paced=False):
        """source: a camera's number, a film, or pictures as ``images/%05d.jpg``; paced: a film runs at its own rate, as
        a camera always does, and what is not taken in time is dropped. Raises InputError where it cannot be opened.
        """
        self.source, self.dropped = str(source), 0
        self.is_camera = self.source.isdecimal()
        self._paced = paced or self.is_camera
        if not self.is_camera and "%" not in self.source and not Path(self.source).is_file():
            raise InputError(f"{self.source}: no such film (cameras are numbers, pictures are as images/%05d.jpg)")
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
        self._capture.release()

    def _every(self):
        number = 0
        while (image := self._read()) is not None:
            yield Frame(number, number / self.rate, image)
            number += 1

    def _newest(self):
        """Frames as they come; whoever is slow gets the newest."""
        slot, ready, ended = [], threading.Condition(), threading.Event()

        def read():
            started, number = time.perf_counter(), 0
            while not ended.is_set() and (image := self._read()) is not None:
                if not self.is_camera:
                    time.sleep(max(0.0, started + number / self.rate - time.perf_counter()))
                seconds = time.perf_counter() - started if self.is_camera else number / self.rate
                with ready:
                    self.dropped += len(slot)
                    slot[:] = [Frame(number, seconds, image)]
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
        there, image = self._capture.read()
        return image if there else None


class Film:
    """A film being written beside its name, and renamed when it is whole; as a context manager."""

    def __init__(self, path, rate):
        """path: with one of CODECS' suffixes; rate: frames a second. Raises InputError for another suffix."""
        self.path, self.rate = Path(path), rate
        if self.path.suffix.lower() not in CODECS:
            raise InputError(f"{path}: a film's name ends in {', '.join(CODECS)}")
        self._partial = self.path.with_name(f".partial-{self.path.name}")
        self._writer = None

    def __enter__(self):
        return self

    def write(self, image):
        """Add a frame (h, w, 3) uint8 BGR, all of one size. Raises InputError where it cannot be written."""
        if self._writer is None:
            make_folder(self.path.parent)
            codec = cv2.VideoWriter_fourcc(*CODECS[self.path.suffix.lower()])
            self._writer = cv2.VideoWriter(str(self._partial), codec, self.rate, image.shape[1::-1])
            if not self._writer.isOpened():
                raise InputError(f"{self.path} cannot be written")
        self._writer.write(image)

    def __exit__(self, kind, error, traceback):
        """What was written by then is a film, also where something else went wrong."""
        if self._writer is not None:
            self._writer.release()
            self._partial.replace(self.path)
