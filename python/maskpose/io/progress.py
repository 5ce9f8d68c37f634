"""Progress of long work: a bar on a terminal, now and then a line in a log file."""

import sys
import time
from collections.abc import Iterable
from typing import Any

from tqdm import tqdm

SECONDS_BETWEEN_LINES = 10.0


def progress_bar(iterable: Iterable[Any] | None = None, **options: Any) -> "tqdm[Any]":
    """Return a tqdm on stderr.

    If stderr is not a terminal, it writes a line every SECONDS_BETWEEN_LINES at most, and one at the end unless
    ``leave`` is False.

    Args:
        iterable: what the loop goes through; None: the caller calls ``update``.
        options: of tqdm.
    """
    bar: type[tqdm[Any]] = tqdm
    options = {"dynamic_ncols": True, **options}
    if not sys.stderr.isatty():
        numbers_alone = {"dynamic_ncols": False, "ncols": 0}
        bar, options = _LineProgress, {**options, **numbers_alone, "mininterval": 0, "miniters": 1}
    return bar(iterable, **options)


class _LineProgress(tqdm):
    """A tqdm that writes whole lines, each when it is due."""

    _due: float | None = None  # by time.monotonic(); None: nothing was to be written yet
    _written: float | None = None  # the count in the line written last

    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        """Write a line if one is due."""
        now = time.monotonic()
        if self._due is not None and now >= self._due:
            self._write_line()
        if self._due is None or now >= self._due:
            self._due = now + SECONDS_BETWEEN_LINES

    def clear(self, nolock: bool = False) -> None:
        """Do nothing: a line stays."""

    def close(self) -> None:
        """Write the last line."""
        if not getattr(self, "disable", True):
            self.disable = True
            self._decr_instances(self)  # pyright: ignore[reportAttributeAccessIssue]
            if self.leave is not False and self._written != self.n:
                self._write_line()

    def _write_line(self) -> None:
        self.fp.write(f"{self}\n")
        self.fp.flush()
        self._written = self.n
