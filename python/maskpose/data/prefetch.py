"""Batches made ahead of time by worker processes, handed over in shared memory.

A thread would not do: Caffe holds Python's lock while it computes. Each worker is a plain child process
that reads slot and batch numbers from its standard input, fills that slot of a memory file shared with the
parent, and answers on its standard output. When the parent ends, however it ends, the pipe closes and the
workers end; when a worker ends, the parent reads the end of its answers and raises.
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
from pathlib import Path

import numpy as np

from maskpose.data.batches import BatchSource, array_shapes
from maskpose.data.settings import DataSettings
from maskpose.errors import InputError, WorkerError, reason

SLOTS_PER_WORKER = 2  # one being filled, one waiting to be read


class Prefetcher:
    """Gives batches ``first``, ``first + 1``, …, made ahead by ``settings.workers`` processes.

    ``waited`` is the time in seconds that ``next`` has spent waiting for workers.
    """

    def __init__(self, settings, first=0):
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
        self._held = None
        self._workers = [start_worker(settings, self._file) for _ in range(settings.workers)]
        for batch in range(first, first + self._slots):
            self._ask(batch)

    def next(self):
        """{output: float32 array} of the next batch; the arrays hold good until the next call.

        Raises InputError where a worker met bad input, WorkerError where one is gone.
        """
        if self._held is not None:
            self._ask(self._held + self._slots)
        started = time.monotonic()
        number = self._batch % len(self._workers)
        answer = self._workers[number].stdout.readline()
        self.waited += time.monotonic() - started
        if not answer:
            status = self._workers[number].wait()
            raise WorkerError(f"data worker {number} ended with status {status}; the training cannot go on")
        answer = json.loads(answer)
        if "error" in answer:
            raise InputError(answer["error"])
        assert answer["batch"] == self._batch
        self._held = self._batch
        self._batch += 1
        return slot_arrays(self._memory, self._layout, self._slot_bytes * (self._held % self._slots))

    def close(self):
        """End the workers and free the memory."""
        for worker in self._workers:
            with contextlib.suppress(BrokenPipeError):  # of one that is gone already
                worker.stdin.close()
        for worker in self._workers:
            worker.stdout.close()
            worker.wait()
        os.close(self._file)

    def _ask(self, batch):
        worker = self._workers[batch % len(self._workers)]
        with contextlib.suppress(BrokenPipeError):  # next() finds the end of its answers and says so
            worker.stdin.write(b"%d %d\n" % (batch % self._slots, batch))
            worker.stdin.flush()


class DirectSource:
    """Prefetcher's interface without processes: each batch is made when asked for."""

    def __init__(self, settings, first=0):
        self.waited = 0.0
        self._source = BatchSource(settings)
        self._arrays = {name: np.empty(shape, np.float32) for name, shape in array_shapes(settings).items()}
        self._batch = first

    def next(self):
        """As Prefetcher.next."""
        started = time.monotonic()
        self._source.fill(self._batch, self._arrays)
        self.waited += time.monotonic() - started
        self._batch += 1
        return self._arrays

    def close(self):
        """Release the database."""
        self._source.close()


def open_batches(settings, first=0):
    """A source of batches from number ``first`` on, with workers or without, as ``settings`` says."""
    return (Prefetcher if settings.workers else DirectSource)(settings, first)


def slot_layout(settings):
    """[(output, shape, offset)] of a slot and its size, bytes; each array starts on a page."""
    layout, offset = [], 0
    for name, shape in array_shapes(settings).items():
        layout.append((name, shape, offset))
        offset += -(-4 * int(np.prod(shape)) // mmap.PAGESIZE) * mmap.PAGESIZE
    return layout, offset


def slot_arrays(memory, layout, start):
    """The float32 arrays of the slot that begins at byte ``start`` of ``memory``."""
    return {
        name: np.frombuffer(memory, np.float32, int(np.prod(shape)), start + offset).reshape(shape)
        for name, shape, offset in layout
    }


def start_worker(settings, memory_file):
    """A worker process that shares the memory file; it sees the modules that this process sees."""
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(path for path in sys.path if path))
    return subprocess.Popen(
        [
            python_executable(),
            "-m",
            "maskpose.data.prefetch",
            str(memory_file),
            json.dumps(dataclasses.asdict(settings)),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        pass_fds=[memory_file],
        env=environment,
    )


def python_executable():
    """This interpreter's program; within the ``caffe`` binary, the program of the Python it was built for."""
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    if sys.executable and Path(sys.executable).name.startswith("python"):
        return sys.executable
    return name


def run_worker(memory_file, settings, requests, answers):
    """A worker's life: fill the slots asked for until the requests end."""
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


def main():
    """Entry of the worker process: ``python -m maskpose.data.prefetch MEMORY_FILE SETTINGS``."""
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
