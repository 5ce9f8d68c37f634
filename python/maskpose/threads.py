"""How many threads compute, and how they wait for each other, so that other programs' work costs little.

Threads that share a layer wait for the slowest of them. If another program uses one of their processors, threads that
wait for long without sleeping use up their own time on the other processors.
"""

import contextlib
import ctypes
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

SPINS = 3000  # turns of GNU OpenMP's waiting before a thread sleeps; chosen where a turn took 11 ns
INTERVAL = 0.2  # seconds over which other processes' work is measured; the kernel counts it in steps of 0.01
STALE = 1.0  # seconds: a measurement over a longer time says too little about now
RISE, FALL = 0.5, 0.7  # processors by which other work must rise, or fall, before the number changes
TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


@contextlib.contextmanager
def short_waits() -> Iterator[None]:
    """Let the threads of a library that loads GNU OpenMP, and is imported within it, soon sleep when they wait.

    OpenMP reads the environment once, as it is loaded. GOMP_SPINCOUNT or OMP_WAIT_POLICY stay in force if the user has
    set them. Afterwards the environment is as before, so that processes that this one starts choose for themselves.
    """
    theirs = {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"} & set(os.environ)
    if not theirs:
        os.environ["GOMP_SPINCOUNT"] = str(SPINS)
    try:
        yield
    finally:
        if not theirs:
            os.environ.pop("GOMP_SPINCOUNT", None)


class OpenMp:
    """The number of threads of the GNU OpenMP that this process has loaded."""

    def __init__(self):
        """Find the library. Raises OSError if there is no GNU OpenMP."""
        self._library = ctypes.CDLL("libgomp.so.1")

    @property
    def threads(self) -> int:
        """How many threads the calling thread's next parallel region has at most."""
        return self._library.omp_get_max_threads()

    @contextlib.contextmanager
    def limited(self, number: int) -> Iterator[None]:
        """Give the calling thread's parallel regions within it ``number`` threads."""
        before = self.threads
        self._library.omp_set_num_threads(number)
        try:
            yield
        finally:
            self._library.omp_set_num_threads(before)


class ThreadCount:
    """The number of threads that suits the other work on this machine, to be called before each pass of a network.

    It is one thread fewer for each processor that other processes keep busy, but at least half of all threads.
    """

    def __init__(
        self,
        most: int,
        processors: int | None = None,
        competing: Callable[[], float] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ):
        """Begin to measure.

        Args:
            most: the number of threads if nothing else runs.
            processors: how many the machine has. None: os.cpu_count().
            competing: returns the seconds of processor time that other processes have used until now. None: those that
                ``competing_seconds`` finds in /proc/stat; if that cannot be read, all calls return ``most``.
            clock: returns seconds.
        """
        self.most = most
        self._processors = processors or os.cpu_count() or most
        self._competing, self._clock = competing or _competing_now, clock
        self._taken = 0  # processors that others have, a whole number
        self._since = self._read()

    def __call__(self) -> int:
        """Return the number of threads, 1 to ``most``. It changes after INTERVAL of other work at the earliest."""
        now = self._clock()
        if self._since and now - self._since[0] >= INTERVAL:
            before, self._since = self._since, self._read()
            elapsed = now - before[0]
            if self._since and elapsed <= STALE:
                busy = (self._since[1] - before[1]) / elapsed
                if busy - self._taken > RISE or self._taken - busy > FALL:
                    self._taken = round(busy)
            else:
                self._taken = 0
        return max(min(self.most, self._processors - self._taken), (self.most + 1) // 2)

    def _read(self) -> tuple[float, float] | None:
        try:
            return self._clock(), self._competing()
        except (OSError, ValueError, IndexError):
            return None


def competing_seconds(stat: str, own: float) -> float:
    """Return the seconds of processor time that other processes have used.

    Processes of lower priority count too: Linux leaves such a process alone on its processor, and lets the threads of a
    layer take turns on the next one.

    Args:
        stat: the text of /proc/stat.
        own: the seconds that this process has used.

    Raises:
        ValueError, IndexError: the text has another form.
    """
    name, user, niced, system, _idle, _wait, irq, softirq, *_ = stat.split("\n", 1)[0].split()
    if name != "cpu":
        raise ValueError("/proc/stat does not begin with all processors")
    return sum(map(int, (user, niced, system, irq, softirq))) / TICKS - own


def _competing_now() -> float:
    return competing_seconds(Path("/proc/stat").read_text(), time.process_time())
