"""Entries of files that are left out, so that one that is broken does not cost the others."""

import contextlib
import sys
from collections.abc import Iterator

from tqdm import tqdm

from maskpose.errors import InputError

MOST_NAMED = 20  # entries that are told one by one


class LeftOut:
    """The problems of entries that were left out; ``strict``: the first problem ends the work instead.

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
        """Around the reading of one entry: an InputError leaves it out. Raises that InputError if ``strict``."""
        try:
            yield
        except InputError as problem:
            self.add(problem)

    def add(self, problem: InputError) -> None:
        """Note why an entry is left out. Raises ``problem`` if ``strict``."""
        if self.strict:
            raise problem
        self.problems.append(str(problem))

    def report(self) -> None:
        """Print the first MOST_NAMED problems on stderr, each once, and how many more there are."""
        problems = list(dict.fromkeys(self.problems))
        for problem in problems[:MOST_NAMED]:
            tqdm.write(f"left out: {problem}", file=sys.stderr)
        if (more := len(problems) - MOST_NAMED) > 0:
            tqdm.write(f"left out: {more} more", file=sys.stderr)


STRICT = LeftOut(strict=True)
