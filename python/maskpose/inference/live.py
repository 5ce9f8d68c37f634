"""Hands in a film or before a camera, frame by frame: shown, drawn into a film, written as lines of JSON."""

import contextlib
import json
import os
import statistics
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import cv2
import numpy as np
import numpy.typing as npt

from maskpose.errors import InputError
from maskpose.inference.frame_sources import Frame
from maskpose.inference.hand import Hand
from maskpose.inference.video import FrameSource, VideoWriter
from maskpose.inference.writers import rounded_keypoints
from maskpose.stopping import StopRequest

TITLE = "maskpose"
KEYS_TO_END = (ord("q"), 27)  # q, Escape
RECENT = 30  # frames over which the rate is measured
FONT = cv2.FONT_HERSHEY_SIMPLEX


class LineFile(Protocol):
    """A text file that lines are written to, such as a maskpose.io.files.GrowingFile."""

    def write(self, data: str, /) -> Any:
        """Write lines."""

    def flush(self) -> None:
        """Let others read what was written."""


class Window:
    """A window on the screen."""

    def __init__(self):
        """Open the window. Raises InputError if there is no screen: OpenCV would abort."""
        if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            raise InputError("there is no screen (DISPLAY is not set): give --out film.mp4 or --json lines.jsonl")
        try:
            cv2.namedWindow(TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO)
        except cv2.error:
            raise InputError("this OpenCV has no windows: give --out film.mp4 or --json lines.jsonl") from None

    def show(self, image: npt.NDArray[np.uint8]) -> bool:
        """Show an image (h, w, 3) BGR; return False once the user has closed the window or pressed q or Escape."""
        cv2.imshow(TITLE, image)
        return cv2.waitKey(1) & 0xFF not in KEYS_TO_END and cv2.getWindowProperty(TITLE, cv2.WND_PROP_VISIBLE) >= 1

    def close(self) -> None:
        """Close the window."""
        cv2.destroyAllWindows()


class FrameStatistics:
    """Frame rate and latency of the frames so far."""

    def __init__(self):
        """Start the clock."""
        self._ends: deque[float] = deque(maxlen=RECENT + 1)
        self._latencies: dict[bool, list[float]] = {True: [], False: []}  # by whether the hand was detected
        self._began = time.perf_counter()
        self.latency = 0.0  # seconds from having the last frame to having its hand

    def add(self, started: float, detected: bool) -> None:
        """Count a frame that is done; ``started`` is the time.perf_counter() at which its work began."""
        now = time.perf_counter()
        self.latency = now - started
        self._latencies[detected].append(self.latency)
        self._ends.append(now)

    @property
    def rate(self) -> float:
        """Frames a second, over the last RECENT frames."""
        span = self._ends[-1] - self._ends[0] if len(self._ends) > 1 else 0
        return (len(self._ends) - 1) / span if span else 0.0

    def caption(self, detected: bool, dropped: int) -> str:
        """Return the text for the last frame: rate, latency, how the hand came, frames dropped so far."""
        how = "detected" if detected else "tracked"
        text = f"{self.rate:.1f} frames/s  {1000 * self.latency:.0f} ms {how}"
        return text + (f"  {dropped} dropped" if dropped else "")

    def summary(self, dropped: int) -> dict[str, float | None]:
        """Return the numbers of all frames.

        Args:
            dropped: how many frames came too fast.

        Returns:
            "frames", "detected" and "dropped" are counts; "frames_per_second"; "latency_ms" and "tracking_ms" are
            medians over the frames with a detection and over the others, None if there are none.
        """
        detected, tracked = self._latencies[True], self._latencies[False]
        count = len(detected) + len(tracked)
        rate = count / (self._ends[-1] - self._began) if count else 0.0
        return {
            "frames": count,
            "detected": len(detected),
            "dropped": dropped,
            "frames_per_second": round(rate, 2),
            "latency_ms": _median_ms(detected),
            "tracking_ms": _median_ms(tracked),
        }


def process_frames(
    frames: FrameSource,
    tracker: Callable[[npt.NDArray[np.uint8], float], tuple[Hand, bool]],
    threshold: float,
    film: VideoWriter | None = None,
    lines: LineFile | None = None,
    window: Window | None = None,
    progress: Callable[..., Iterable[Frame]] = lambda frames, total: frames,
) -> dict[str, float | None]:
    """Find the hand in every frame, and show or write it. A key in the window, or Ctrl-C, ends it after a frame.

    Args:
        frames: the source.
        tracker: a maskpose.inference.tracking.Tracker.
        threshold: confidence above which a keypoint is drawn and counted.
        film: the frames with the hand drawn are written to it; each stands as long as in the source.
        lines: a line of JSON per frame is written to it.
        window: the frames with the hand drawn are shown in it.
        progress: wraps the frames, called with them and ``total``, how many there are, or None.

    Returns:
        FrameStatistics.summary of the frames.
    """
    statistics_so_far = FrameStatistics()
    with contextlib.suppress(KeyboardInterrupt), StopRequest() as stop:
        for frame in progress(frames, total=frames.count):
            started = time.perf_counter()
            hand, detected = tracker(frame.image, frame.seconds)
            statistics_so_far.add(started, detected)
            if lines:
                lines.write(frame_line(frame, hand, detected, threshold, statistics_so_far.latency) + "\n")
                lines.flush()
            if film or window:
                image = hand.draw(frame.image, threshold)
                draw_caption(image, statistics_so_far.caption(detected, frames.dropped))
                if film:
                    film.write(image, frame.seconds)
                if window and not window.show(image):
                    break
            if stop.asked:
                break
        else:
            if film and frames.end is not None:
                film.hold(frames.end)
    return statistics_so_far.summary(frames.dropped)


def frame_line(frame: Frame, hand: Hand, detected: bool, threshold: float, latency: float) -> str:
    """Return a frame's result as a line of JSON; docs/prediction.md describes its keys.

    Args:
        frame: the frame.
        hand: its hand.
        detected: whether the network saw this frame; False: the hand was carried along.
        threshold: confidence above which a keypoint is counted under ``found``.
        latency: seconds from having the frame to having its hand.
    """
    image = {} if frame.file is None else {"image": str(frame.file)}
    return json.dumps(
        {
            "frame": frame.number,
            **image,
            "seconds": round(frame.seconds, 4),
            "detected": detected,
            "latency_ms": round(1000 * latency, 2),
            "found": hand.detected(threshold),
            "hand": bool(hand.present),
            "score": round(float(hand.score), 4),
            "keypoints": rounded_keypoints(hand),
        }
    )


def draw_caption(image: npt.NDArray[np.uint8], text: str) -> None:
    """Write a line of text, light on dark, into the top left of ``image`` (h, w, 3)."""
    scale = max(0.35, min(image.shape[:2]) / 800)
    (width, height), base = cv2.getTextSize(text, FONT, scale, 1)
    cv2.rectangle(image, (0, 0), (width + 8, height + base + 6), (0, 0, 0), -1)
    cv2.putText(image, text, (4, height + 4), FONT, scale, (255, 255, 255), 1, cv2.LINE_AA)


def _median_ms(seconds: list[float]) -> float | None:
    return round(1000 * statistics.median(seconds), 2) if seconds else None
