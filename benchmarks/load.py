"""How much of its speed each engine, and training, keeps beside busy processes, and what that costs without them.

A busy process is an endless loop of this Python, at the same niceness, on whatever processor the system gives it. Each
row's program is a process of its own, ``python -m benchmarks.load ROW FOLDER``, that measures whenever it
reads a line: with no busy process, with one, and with two, in turn, ROUNDS times.
"""

import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import ROUNDS, Row
from benchmarks.engine import caffe_step
from benchmarks.predict import MEDIAPIPE, open_mediapipe, open_ours, write_photographs
from maskpose.errors import InputError
from maskpose.model.variants import get_variant

SECONDS = 2  # of measuring, at least two steps
SETTLE = 0.6  # seconds that busy processes, or their end, are there before: what adapts has adapted
NEIGHBOURS = (0, 1, 2)
VARIANT = "compact/mask_pose"
BATCH = 8  # of training
UNITS = {"train_compact": "steps/s"}  # others: frames/s
OPENMP = ("caffe", "train_compact")  # beside themselves as GNU OpenMP waits by default, too
DEFAULT_WAITING = {"GOMP_SPINCOUNT": "300000"}  # GNU OpenMP's own number
ROWS = ("caffe", "openvino", "onnxruntime", "opencv", "train_compact", "mediapipe")


def run(names=()):
    """Yield Rows of frames/s from JPEG to keypoints in one look, and of training steps/s on constant data.

    ``<name>_beside_1`` and ``<name>_beside_2``: beside so many busy processes, peer: alone. ``<name>_waiting``: alone,
    peer: alone with GNU OpenMP's own way of waiting. MediaPipe is among them where ``make mediapipe`` has been.

    Args:
        names: which of ROWS; none: all whose packages are installed.

    Raises:
        InputError: a package is missing of a row that was named, or a program ends early.
    """
    from maskpose.inference.engines import ENGINES, missing_packages

    there = {name for name in ENGINES if not missing_packages(name)} | {"train_compact"}
    there |= {"mediapipe"} if MEDIAPIPE.exists() else set()
    if missing := [name for name in names if name not in there]:
        raise InputError(f"{missing[0]} cannot be measured: it is not installed")
    with tempfile.TemporaryDirectory(prefix="maskpose-load-") as folder:
        write_photographs(folder)
        for name in ROWS:
            if name in names or (not names and name in there):
                yield from measure(name, folder)


def measure(name, folder):
    """The Rows of one of ROWS, on what ``write_photographs`` wrote to a folder."""
    unit = UNITS.get(name, "frames/s")
    seen = {number: [] for number in NEIGHBOURS}
    otherwise = []
    with contextlib.ExitStack() as programs:
        program = programs.enter_context(Program(name, folder))
        other = programs.enter_context(Program(name, folder, DEFAULT_WAITING)) if name in OPENMP else None
        for _ in range(ROUNDS):
            for number in NEIGHBOURS:
                seen[number].append(beside(number, program))
            if other:
                otherwise.append(beside(0, other))
    alone, *rates = (statistics.median(seen[number]) for number in NEIGHBOURS)
    for number, rate in zip(NEIGHBOURS[1:], rates):
        yield Row(f"{name}_beside_{number}", unit, rate, alone, "peer: alone")
    if otherwise:
        yield Row(f"{name}_waiting", unit, alone, statistics.median(otherwise), "peer: GNU OpenMP's own waiting")


def beside(number, program):
    """The rate of a Program beside ``number`` busy processes."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(number)]
    try:
        return program.rate()
    finally:
        for process in busy:
            process.kill()
            process.wait()


class Program:
    """A process that measures one of ROWS when asked; it ends with the ``with`` block."""

    def __init__(self, name, folder, environment=()):
        """environment: variables besides this process' own."""
        python = str(MEDIAPIPE) if name == "mediapipe" else sys.executable
        self._name = name
        self._process = subprocess.Popen(
            [python, "-m", "benchmarks.load", name, str(folder)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **dict(environment)},
        )  # fmt: skip
        self._answer()  # it is ready

    def rate(self):
        """Steps a second over SECONDS. Raises InputError where the process has ended."""
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return float(self._answer())

    def _answer(self):
        if not (line := self._process.stdout.readline()):
            raise InputError(f"{self._name} could not be measured: its process ended")
        return line

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.communicate()


def step_of(name, folder):
    """A callable that does one step of one of ROWS: a photograph, or an iteration of training."""
    if name == "train_compact":
        return caffe_step("train", get_variant(VARIANT), BATCH)
    predict = open_mediapipe() if name == "mediapipe" else open_ours(name, VARIANT, refine=False)[0]
    files = [path.read_bytes() for path in sorted(Path(folder).glob("*.jpg"))]
    count = iter(range(sys.maxsize))
    return lambda: predict(files[next(count) % len(files)])


def steps_in(step, seconds):
    """Steps a second over so many seconds, at least two steps."""
    count, started = 0, time.perf_counter()
    while count < 2 or time.perf_counter() < started + seconds:
        step()
        count += 1
    return count / (time.perf_counter() - started)


def main():
    """Entry of a measuring process."""
    step = step_of(*sys.argv[1:])
    steps_in(step, 0)
    print("ready", flush=True)
    for _ in sys.stdin:
        steps_in(step, SETTLE)
        print(steps_in(step, SECONDS), flush=True)


if __name__ == "__main__":
    main()
