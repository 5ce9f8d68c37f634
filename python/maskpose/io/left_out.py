"""Entries of files that are left out, so that a broken entry does not cost the others."""

import contextlib
import sys
from collections.abc import Iterator, Sequence

from tqdm import tqdm

from maskpose.errors import InputError

MOST_NAMED = 20  # entries that are named one by one


class LeftOut:
    """The problems of the entries that were left out; or, if ``strict``, the first problem ends the work.

    >>> left_out, numbers = LeftOut(), []
    >>> for value in ("1", "one", "2"):
    ...     with left_out.entry():
    ...         if not value.isdigit():
    ...             raise InputError(f"{value!r} is no number")
    ...         numbers.append(int(value))
    >>> numbers, left_out.problems
    ([1, 2], ["'one' is no number"])
    """

    def __init__(self, strict: bool = False):
        self.strict = strict
        self.problems: list[str] = []

    @contextlib.contextmanager
    def entry(self) -> Iterator[None]:
        """Read one entry within it: an InputError leaves the entry out, or ends the work if ``strict``."""
        try:
            yield
        except InputError as problem:
            self.add(problem)

    def add(self, problem: InputError) -> None:
        """Keep why an entry is left out. Raises ``problem`` if ``strict``."""
        if self.strict:
            raise problem
        self.problems.append(str(problem))

    def report(self) -> None:
        """Print the first MOST_NAMED problems on stderr, each once, and how many more there are."""
        problems = list(dict.fromkeys(self.problems))
        for problem in problems[:MOST_NAMED]:
            report_left_out(problem)
        if (more := len(problems) - MOST_NAMED) > 0:
            report_left_out(f"{more} more")


STRICT = LeftOut(strict=True)


def report_left_out(problem: object) -> None:
    """Print on stderr, above a progress bar, what is left out and why."""
    tqdm.write(f"left out: {problem}", file=sys.stderr)


def in_brackets(names: Sequence[str]) -> str:
    """Return the first MOST_NAMED names in brackets, after a space; "" if there are none."""
    if not names:
        return ""
    return f" ({', '.join(names[:MOST_NAMED])}{', …' if len(names) > MOST_NAMED else ''})"
