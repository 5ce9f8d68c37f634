"""Several processes of one command on this machine: how they are started and ended, and their messages to each other.

``launch`` runs a command once for each rank. Each of those processes finds its rank, and its links to the others, in
its environment. If one of them ends with an error, all are ended.

mpirun cannot take its place. Training on several GPUs would then need an MPI and mpi4py. And Open MPI kills its ranks a
second after a SIGTERM, when they may not have taken a snapshot yet.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from types import FrameType
from typing import Any

import numpy as np
import numpy.typing as npt

from maskpose.errors import InputError

RANK, SIZE, LINKS = "MASKPOSE_RANK", "MASKPOSE_RANKS", "MASKPOSE_LINKS"
GRACE_SECONDS = 10  # from SIGTERM to SIGKILL, for the other ranks
PR_SET_PDEATHSIG = 1  # prctl's option: send this signal when the parent dies


def launch(size: int, command: Sequence[str] | None = None) -> int:
    """Run a command as several ranks, and wait for them. Ranks do not outlive the caller.

    Ctrl-C reaches every rank from the terminal; SIGTERM is forwarded to them. If a rank fails, the others are ended.

    Args:
        size: number of ranks.
        command: None: this process's own.

    Returns:
        The status to exit with: that of the first rank that failed, or 0.
    """
    command = command or [sys.executable, *sys.orig_argv[1:]]
    pipes = [Pipe() for _ in range(size - 1)]
    links = [[near for near, _ in pipes], *([far] for _, far in pipes)]
    started = []
    with _forwarded_signals(started):
        try:
            for rank in range(size):
                numbers = [link.fileno() for link in links[rank]]
                environment = {RANK: str(rank), SIZE: str(size), LINKS: ",".join(map(str, numbers))}
                started.append(
                    subprocess.Popen(
                        command, env={**os.environ, **environment}, pass_fds=numbers, preexec_fn=die_with_parent
                    )
                )
            for link in (link for links_of_rank in links for link in links_of_rank):
                link.close()  # else no rank would notice the end of another
            return _wait(started)
        finally:
            _end(started)


def is_launched() -> bool:
    """Return whether ``launch`` started this process as a rank."""
    return RANK in os.environ


class Hub:
    """Messages between the ranks that ``launch`` started. Rank 0 has a link to each of the others."""

    def __init__(self):
        self.rank, self.size = int(os.environ[RANK]), int(os.environ[SIZE])
        self._links = [Connection(int(number)) for number in os.environ[LINKS].split(",")]

    def from_first(self, value: Any = None) -> Any:
        """Return the ``value`` of rank 0 on every rank. Raises InputError if another rank has ended."""
        if self.rank:
            return self._receive(self._links[0])
        for link in self._links:
            self._send(link, value)
        return value

    def sum(self, array: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the sum of the ranks' arrays, the same bits on every rank. Raises InputError as ``from_first``."""
        if self.rank:
            self._send(self._links[0], array)
            return self.from_first()
        return self.from_first(np.sum([array, *map(self._receive, self._links)], axis=0))

    @staticmethod
    def _send(link, value):
        try:
            link.send(value)
        except OSError:
            raise InputError("another rank has ended") from None

    @staticmethod
    def _receive(link):
        try:
            return link.recv()
        except (EOFError, OSError):
            raise InputError("another rank has ended") from None


def _wait(processes):
    """Wait until all processes have ended with status 0, or one with another; return that status."""
    while True:
        statuses = [process.poll() for process in processes]
        if failed := [status for status in statuses if status]:
            return failed[0] if failed[0] > 0 else 128 - failed[0]
        if None not in statuses:
            return 0
        time.sleep(0.1)


def _end(processes):
    """End the processes that still run, by SIGTERM and then by SIGKILL."""
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + GRACE_SECONDS
    for process in processes:
        try:
            process.wait(max(0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def _forwarded_signals(processes: Sequence[subprocess.Popen]) -> Iterator[None]:
    """Within it, SIGTERM is forwarded to ``processes``, and Ctrl-C is left to them: the terminal sends it to all."""

    def forward(number: int, frame: FrameType | None) -> None:
        for process in processes:
            process.send_signal(number)

    handlers = {signal.SIGTERM: forward, signal.SIGINT: _ignore}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ignore(number, frame):
    """Do nothing. SIG_IGN would do the same, but the ranks would inherit it."""


def die_with_parent() -> None:
    """Let this process be killed when the thread that started it ends; for Popen's preexec_fn."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
