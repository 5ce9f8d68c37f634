"""Progress of long work: a bar that moves on a terminal, now and then a line in a log file."""

import sys
import time
from collections.abc import Iterable

from tqdm import tqdm

SECONDS_BETWEEN_LINES = 10.0


def progress_bar(iterable: Iterable | None = None, **options) -> tqdm:
    """A tqdm on stderr, of ``options`` as tqdm takes them.

    If stderr is no terminal, it writes a line every SECONDS_BETWEEN_LINES at most, and one at the end, unless
    ``leave`` is False.
    """
    if sys.stderr.isatty():
        return tqdm(iterable, dynamic_ncols=True, **options)
    return _Lines(iterable, **options | {"mininterval": 0, "miniters": 1})


class _Lines(tqdm):
    """A tqdm that writes whole lines, each when it is due."""

    _due = None  # by time.monotonic(); None: nothing was to be written yet
    _written = None  # the count of the line written last

    def display(self, msg=None, pos=None):
        """Write a line if one is due."""
        now = time.monotonic()
        if self._due is not None and now >= self._due:
            self._write_line()
        if self._due is None or now >= self._due:
            self._due = now + SECONDS_BETWEEN_LINES

    def clear(self, nolock=False):
        """Do nothing: a line stays."""

    def close(self):
        """Write the last line."""
        if not getattr(self, "disable", True):
            self.disable = True
            self._decr_instances(self)
            if self.leave is not False and self._written != self.n:
                self._write_line()

    def _write_line(self):
        self.fp.write(f"{self}\n")
        self.fp.flush()
        self._written = self.n
