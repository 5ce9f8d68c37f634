"""Hands in a film or before a camera, frame by frame: shown, drawn into a film, written as lines of JSON."""

import contextlib
import json
import os
import statistics
import time
from collections import deque

import cv2

from maskpose.errors import InputError
from maskpose.stopping import StopRequest

TITLE = "maskpose"
KEYS_TO_END = (ord("q"), 27)  # q, Escape
RECENT = 30  # frames of which the rate is shown
FONT = cv2.FONT_HERSHEY_SIMPLEX


def run(frames, tracker, threshold, film=None, lines=None, window=None, progress=lambda frames, total: frames):
    """Find the hand in every frame; give the figures of ``Figures.summary``. A key or Ctrl-C ends it after a frame.

    frames: FrameSource; tracker: Tracker; threshold: of confidence; film: a
    VideoWriter, in which pictures stand as long as in the source; lines: a Lines or another text
    file, a line of JSON a frame; window: a Window.
    """
    figures = Figures()
    with contextlib.suppress(KeyboardInterrupt), StopRequest() as stop:
        for frame in progress(frames, total=frames.count):
            started = time.perf_counter()
            hand, detected = tracker(frame.image, frame.seconds)
            figures.add(started, detected)
            if lines:
                lines.write(line(frame, hand, detected, threshold, figures.latency) + "\n")
                lines.flush()
            if film or window:
                picture = hand.draw(frame.image, threshold)
                caption(picture, figures.caption(detected, frames.dropped))
                if film:
                    film.write(picture, frame.seconds)
                if window and not window.show(picture):
                    break
            if stop.asked:
                break
        else:
            if film and frames.end is not None:
                film.hold(frames.end)
    return figures.summary(frames.dropped)


def line(frame, hand, detected, threshold, latency):
    """A frame's result as a line of JSON.

    ``hand`` and ``score``: whether there is a hand at all, and how sure that is.
    ``detected``: whether the network looked at this frame, or the hand was carried along; ``found``: how many keypoints
    are above ``threshold``; ``keypoints``: [x, y, confidence] in pixels.
    """
    keypoints = [
        [round(float(x), 2), round(float(y), 2), round(float(confidence), 4)]
        for (x, y), confidence in zip(hand.keypoints, hand.confidences)
    ]
    image = {} if frame.file is None else {"image": str(frame.file)}
    return json.dumps({
        "frame": frame.number, **image, "seconds": round(frame.seconds, 4), "detected": detected,
        "latency_ms": round(1000 * latency, 2), "found": hand.detected(threshold),
        "hand": bool(hand.present), "score": round(float(hand.score), 4), "keypoints": keypoints,
    })  # fmt: skip


def caption(image, text):
    """Write a line of text, light on dark, into the top left of ``image`` (h, w, 3)."""
    scale = max(0.35, min(image.shape[:2]) / 800)
    (width, height), base = cv2.getTextSize(text, FONT, scale, 1)
    cv2.rectangle(image, (0, 0), (width + 8, height + base + 6), (0, 0, 0), -1)
    cv2.putText(image, text, (4, height + 4), FONT, scale, (255, 255, 255), 1, cv2.LINE_AA)


class Figures:
    """Frame rate and latency while it runs."""

    def __init__(self):
        self._ends = deque(maxlen=RECENT + 1)
        self._latencies = {True: [], False: []}
        self._began = time.perf_counter()
        self.latency = 0.0  # seconds from having the last frame to having its hand

    def add(self, started, detected):
        """A frame whose work began at ``started``, of time.perf_counter, is done."""
        now = time.perf_counter()
        self.latency = now - started
        self._latencies[detected].append(self.latency)
        self._ends.append(now)

    @property
    def rate(self):
        """Frames a second, of the last RECENT."""
        span = self._ends[-1] - self._ends[0] if len(self._ends) > 1 else 0
        return (len(self._ends) - 1) / span if span else 0.0

    def caption(self, detected, dropped):
        """What stands on the picture."""
        how = "detected" if detected else "tracked"
        text = f"{self.rate:.1f} frames/s  {1000 * self.latency:.0f} ms {how}"
        return text + (f"  {dropped} dropped" if dropped else "")

    def summary(self, dropped):
        """{"frames", "detected", "dropped", "frames_per_second", "latency_ms", "tracking_ms"}; the last two medians."""
        detected, tracked = self._latencies[True], self._latencies[False]
        count = len(detected) + len(tracked)
        rate = count / (self._ends[-1] - self._began) if count else 0.0
        return {
            "frames": count, "detected": len(detected), "dropped": dropped, "frames_per_second": round(rate, 2),
            "latency_ms": _milliseconds(detected), "tracking_ms": _milliseconds(tracked),
        }  # fmt: skip


def _milliseconds(seconds):
    return round(1000 * statistics.median(seconds), 2) if seconds else None


class Window:
    """A window on the screen. Raises InputError where there is none: OpenCV would abort."""

    def __init__(self):
        if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            raise InputError("there is no screen (DISPLAY is not set): give --out film.mp4 or --json lines.jsonl")
        try:
            cv2.namedWindow(TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO)
        except cv2.error:
            raise InputError("this OpenCV has no windows: give --out film.mp4 or --json lines.jsonl") from None

    def show(self, image):
        """Show a picture; False once the user has closed the window or pressed q or Escape."""
        cv2.imshow(TITLE, image)
        return cv2.waitKey(1) & 0xFF not in KEYS_TO_END and cv2.getWindowProperty(TITLE, cv2.WND_PROP_VISIBLE) >= 1

    def close(self):
        """Close it."""
        cv2.destroyAllWindows()
