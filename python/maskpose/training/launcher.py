"""Several processes of one command on this machine: starting them, ending them, and what they tell each other.

``launch`` runs a command once a rank. Each of those processes finds its rank, and its links to the others, in its
environment. Whatever ends one of them ends all.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from multiprocessing import Pipe
from multiprocessing.connection import Connection

import numpy as np

from maskpose.errors import InputError

RANK, SIZE, LINKS = "MASKPOSE_RANK", "MASKPOSE_RANKS", "MASKPOSE_LINKS"
GRACE_SECONDS = 10  # between asking the other ranks to end and ending them
PR_SET_PDEATHSIG = 1  # prctl's number for: this signal when the parent dies


def launch(size, command=None):
    """Run ``command`` (this process's own, where None) as ``size`` ranks; give the status to end with.

    That is the status of the first rank to fail, whereupon the others are ended, or 0. Ctrl-C reaches every rank
    from the terminal; SIGTERM is passed on to them. Ranks do not outlive the caller.
    """
    command = command or [sys.executable, *sys.orig_argv[1:]]
    pipes = [Pipe() for _ in range(size - 1)]
    links = [[near for near, _ in pipes], *([far] for _, far in pipes)]
    started = []
    with _passed_on(started):
        try:
            for rank in range(size):
                numbers = [link.fileno() for link in links[rank]]
                environment = {RANK: str(rank), SIZE: str(size), LINKS: ",".join(map(str, numbers))}
                started.append(
                    subprocess.Popen(
                        command, env={**os.environ, **environment}, pass_fds=numbers, preexec_fn=die_with_parent
                    )
                )
            for link in (link for several in links for link in several):
                link.close()  # or nobody would see a rank's end
            return _wait(started)
        finally:
            _end(started)


def launched():
    """Whether this process is a rank that ``launch`` started."""
    return RANK in os.environ


class Hub:
    """Messages between the ranks that ``launch`` started, by way of rank 0."""

    def __init__(self):
        self.rank, self.size = int(os.environ[RANK]), int(os.environ[SIZE])
        self._links = [Connection(int(number)) for number in os.environ[LINKS].split(",")]

    def from_first(self, value=None):
        """Rank 0's ``value``, on every rank. Raises InputError where a rank has ended, as ``sum`` does."""
        if self.rank:
            return self._receive(self._links[0])
        for link in self._links:
            self._send(link, value)
        return value

    def sum(self, array):
        """Sum of the ranks' arrays of one shape, the same bits on every rank."""
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
    """Wait until all have ended with status 0, or one with another, and give that."""
    while True:
        statuses = [process.poll() for process in processes]
        if failed := [status for status in statuses if status]:
            return failed[0] if failed[0] > 0 else 128 - failed[0]
        if None not in statuses:
            return 0
        time.sleep(0.1)


def _end(processes):
    """End those that run still: they are asked first."""
    for process in processes:
        process.terminate()
    end = time.monotonic() + GRACE_SECONDS
    for process in processes:
        try:
            process.wait(max(0, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def _passed_on(processes):
    """Within it, SIGTERM goes to ``processes``, and Ctrl-C, which the terminal sends them, is theirs to answer."""

    def pass_on(number, frame):
        for process in processes:
            process.send_signal(number)

    handlers = {signal.SIGTERM: pass_on, signal.SIGINT: _idle}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _idle(number, frame):
    """Not SIG_IGN: that would be inherited by the ranks."""


def die_with_parent():
    """For Popen's preexec_fn: what is started ends at once when the thread that started it does."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
