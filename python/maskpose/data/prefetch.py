"""Batches that worker processes make ahead of time and hand over in shared memory.

Threads would not do: Caffe holds Python's lock while it computes. A worker is a plain child process. It reads the
numbers of a slot and a batch from its standard input, fills that slot of a memory file which it shares with the parent,
and answers on its standard output. If the parent ends, for whatever reason, the pipe closes and the workers end. If a
worker ends, the parent reads the end of its answers and raises.
"""

import contextlib
import dataclasses
import json
import mmap
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from maskpose.data.batches import BatchSource, array_shapes
from maskpose.data.settings import DataSettings
from maskpose.errors import InputError, WorkerError, reason

SLOTS_PER_WORKER = 2  # one being filled, one waiting to be read

Layout = list[tuple[str, tuple[int, ...], int]]  # (output, shape, offset in a slot, bytes)


class Prefetcher:
    """Gives batches ``first``, ``first + 1``, …, made ahead by ``settings.workers`` processes.

    ``waited`` is the time in seconds that ``next`` has waited for workers.
    """

    def __init__(self, settings: DataSettings, first: int = 0):
        """Start the workers. Raises InputError if the memory for the batches cannot be had."""
        self.waited = 0.0
        self._layout, self._slot_bytes = slot_layout(settings)
        self._slots = SLOTS_PER_WORKER * settings.workers
        size = self._slots * self._slot_bytes
        try:
            self._file = os.memfd_create("maskpose-batches")
            os.ftruncate(self._file, size)
            self._memory = mmap.mmap(self._file, size)
        except OSError as error:
            raise InputError(f"{size} bytes of memory for batches cannot be had: {reason(error)}") from None
        self._batch = first
        self._held: int | None = None
        self._workers = [Worker(settings, self._file) for _ in range(settings.workers)]
        for batch in range(first, first + self._slots):
            self._request(batch)

    def next(self) -> dict[str, npt.NDArray[np.float32]]:
        """Return {output: array} of the next batch; the arrays are valid until the next call.

        Raises:
            InputError: a worker met bad input.
            WorkerError: a worker is gone.
        """
        if self._held is not None:
            self._request(self._held + self._slots)
        started = time.monotonic()
        number = self._batch % len(self._workers)
        line = self._workers[number].answers.readline()
        self.waited += time.monotonic() - started
        if not line:
            status = self._workers[number].process.wait()
            raise WorkerError(f"data worker {number} ended with status {status}; the training cannot continue")
        answer = json.loads(line)
        if "error" in answer:
            raise InputError(answer["error"])
        assert answer["batch"] == self._batch
        self._held = self._batch
        self._batch += 1
        return slot_arrays(self._memory, self._layout, self._slot_bytes * (self._held % self._slots))

    @property
    def pids(self) -> list[int]:
        """Numbers of the workers' processes."""
        return [worker.process.pid for worker in self._workers]

    def close(self) -> None:
        """End the workers and free the memory."""
        for worker in self._workers:
            with contextlib.suppress(BrokenPipeError):  # of one that is gone already
                worker.requests.close()
        for worker in self._workers:
            worker.answers.close()
            worker.process.wait()
        os.close(self._file)

    def _request(self, batch: int) -> None:
        worker = self._workers[batch % len(self._workers)]
        with contextlib.suppress(BrokenPipeError):  # next() finds the end of its answers and reports it
            worker.requests.write(b"%d %d\n" % (batch % self._slots, batch))
            worker.requests.flush()


class DirectSource:
    """Has Prefetcher's interface without processes: ``next`` makes each batch."""

    def __init__(self, settings: DataSettings, first: int = 0):
        """Open the databases. Raises InputError if one cannot be used."""
        self.waited = 0.0
        self._source = BatchSource(settings)
        self._arrays = {name: np.empty(shape, np.float32) for name, shape in array_shapes(settings).items()}
        self._batch = first

    def next(self) -> dict[str, npt.NDArray[np.float32]]:
        """Return what Prefetcher.next does."""
        started = time.monotonic()
        self._source.fill(self._batch, self._arrays)
        self.waited += time.monotonic() - started
        self._batch += 1
        return self._arrays

    def close(self) -> None:
        """Release the databases."""
        self._source.close()


def open_batches(settings: DataSettings, first: int = 0) -> Prefetcher | DirectSource:
    """Return a source of batches from number ``first`` on, with as many workers as ``settings`` says, or none."""
    return (Prefetcher if settings.workers else DirectSource)(settings, first)


def slot_layout(settings: DataSettings) -> tuple[Layout, int]:
    """Return the layout of a slot, and its size in bytes. Each array starts on a page."""
    layout, offset = [], 0
    for name, shape in array_shapes(settings).items():
        layout.append((name, shape, offset))
        offset += -(-4 * int(np.prod(shape)) // mmap.PAGESIZE) * mmap.PAGESIZE
    return layout, offset


def slot_arrays(memory: mmap.mmap, layout: Layout, start: int) -> dict[str, npt.NDArray[np.float32]]:
    """Return {output: array} of the slot that begins at byte ``start`` of ``memory``."""
    return {
        name: np.frombuffer(memory, np.float32, int(np.prod(shape)), start + offset).reshape(shape)
        for name, shape, offset in layout
    }


class Worker:
    """A worker process that shares a memory file; it imports the modules that this process sees."""

    def __init__(self, settings: DataSettings, memory_file: int):
        """Start the process.

        Args:
            settings: of the batches.
            memory_file: descriptor of the file that has the slots.
        """
        command = [python_executable(), "-m", "maskpose.data.prefetch"]
        self.process = subprocess.Popen(
            [*command, str(memory_file), json.dumps(dataclasses.asdict(settings))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=[memory_file],
            env=dict(os.environ, PYTHONPATH=os.pathsep.join(path for path in sys.path if path)),
        )
        assert self.process.stdin is not None and self.process.stdout is not None
        self.requests, self.answers = self.process.stdin, self.process.stdout


def python_executable() -> str:
    """Return this interpreter's program; within the ``caffe`` binary, the program of the Python it was built for."""
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    if sys.executable and Path(sys.executable).name.startswith("python"):
        return sys.executable
    return name


def run_worker(memory_file: int, settings: DataSettings, requests: Iterable[bytes], answers: IO[bytes]) -> None:
    """Fill the slots that are requested until the requests end.

    Args:
        memory_file: descriptor of the file that has the slots.
        settings: of the batches.
        requests: lines of the numbers of a slot and a batch.
        answers: receives a line of JSON for each request.
    """
    layout, slot_bytes = slot_layout(settings)
    memory = mmap.mmap(memory_file, SLOTS_PER_WORKER * settings.workers * slot_bytes)
    source = None
    for line in requests:
        slot, batch = map(int, line.split())
        try:
            source = source or BatchSource(settings)
            source.fill(batch, slot_arrays(memory, layout, slot * slot_bytes))
            answer = {"batch": batch}
        except InputError as error:
            answer = {"error": str(error)}
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.flush()


def main() -> None:
    """Run a worker process: ``python -m maskpose.data.prefetch MEMORY_FILE SETTINGS``."""
    import cv2

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the trainer's to handle
    cv2.setNumThreads(1)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not get between the answers
    try:
        run_worker(int(sys.argv[1]), DataSettings.from_json(sys.argv[2]), sys.stdin.buffer, answers)
    except BrokenPipeError:
        os._exit(0)  # the trainer is gone


if __name__ == "__main__":
    main()
