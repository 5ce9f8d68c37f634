"""Which samples of a database: divided at random, chosen by a list or by origin. recombining writes them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from fnmatch import fnmatch
from typing import NamedTuple

import numpy as np

from maskpose.data.database import Reader
from maskpose.errors import InputError
from maskpose.io.files import write_text
from maskpose.io.paths import PathLike


class Entry(NamedTuple):
    """A sample's number in its database, and what it says of itself."""

    index: int
    name: str
    origin: str
    group: str

    def __repr__(self) -> str:
        """As earlier versions had it: by the items' repr, a build that was stopped is known again."""
        return f"Entry(index={self.index!r}, name={self.name!r}, source={self.origin!r}, group={self.group!r})"


def list_entries(reader: Reader) -> list[Entry]:
    """Return the entries of all samples of a database.

    Raises:
        InputError: the database is damaged: what is made from it would pass for whole.
    """
    reader.refuse_damaged()
    return [Entry(n, sample.name, sample.origin, sample.group) for n, sample in enumerate(reader)]


def split(entries: Sequence[Entry], shares: Sequence[float], seed: int, by_group: bool = True) -> list[list[Entry]]:
    """Divide entries at random; each part keeps their order.

    Args:
        entries: of a database.
        shares: of the parts, above 0, 1 together. The last part takes what rounding leaves.
        seed: of the division.
        by_group: whether samples of one group stay together. A sample that names no group is a group of its own.

    Raises:
        InputError: the shares are none, or there are too few groups for them.
    """
    if abs(sum(shares) - 1) > 1e-6 or min(shares) <= 0:
        raise InputError(f"shares must be above 0 and 1 together, not {', '.join(map(str, shares))}")
    groups: dict[tuple[str, ...], list[Entry]] = {}
    for entry in entries:
        key = (entry.origin, entry.group) if by_group and entry.group else (entry.origin, "", entry.name)
        groups.setdefault(key, []).append(entry)
    keys = sorted(groups)
    order = [groups[keys[i]] for i in np.random.default_rng(seed).permutation(len(keys))]
    ends = np.cumsum(shares) * len(entries)
    parts: list[list[Entry]] = [[] for _ in shares]
    taken = 0
    for members in order:
        middle = taken + len(members) / 2
        part = min(int(np.searchsorted(ends, middle, side="right")), len(shares) - 1)
        parts[part] += members
        taken += len(members)
    if not all(parts):
        raise InputError(f"too few groups ({len(groups)}) for these shares")
    return list(map(sorted, parts))


def select_named(entries: Sequence[Entry], patterns: Iterable[str]) -> list[Entry]:
    """Return the entries that a list names.

    Args:
        entries: of a database.
        patterns: names, or patterns such as ``evening_*``. If samples of several origins have a name, it is written
            ``origin/name``.

    Raises:
        InputError: a pattern fits no sample, or a name fits several.
    """
    by_name: dict[str, list[Entry]] = {}
    for entry in entries:
        for name in (entry.name, f"{entry.origin}/{entry.name}"):
            by_name.setdefault(name, []).append(entry)
    chosen: set[Entry] = set()
    for pattern in patterns:
        fitting = by_name.get(pattern) or [entry for entry in entries if fnmatch(entry.name, pattern)]
        if not fitting:
            raise InputError(f"no sample is called {pattern}")
        if pattern in by_name and len(fitting) > 1:
            origins = " and of ".join(entry.origin or "no origin" for entry in fitting[:2])
            raise InputError(f"{pattern} may be that of {origins}: write origin/name")
        chosen.update(fitting)
    return sorted(chosen)


def select_origins(entries: Sequence[Entry], origins: Sequence[str]) -> list[Entry]:
    """Return the entries that have one of ``origins``. Raises InputError for an origin that no entry has."""
    known = {entry.origin for entry in entries}
    if missing := [origin for origin in origins if origin not in known]:
        choices = ", ".join(sorted(known - {""})) or "none: its samples name none"
        raise InputError(f"no sample has the origin {missing[0]}; the origins are {choices}")
    return [entry for entry in entries if entry.origin in origins]


def write_list(part: Iterable[Entry], path: PathLike, entries: Iterable[Entry] = ()) -> None:
    """Write the names of samples, a line each, as ``select_named`` reads them.

    Args:
        part: the entries that are named.
        path: of the text file.
        entries: all of the database; a name that several of them have is written with its origin.
    """
    uses = Counter(entry.name for entry in entries)
    names = (f"{entry.origin}/{entry.name}" if uses[entry.name] > 1 else entry.name for entry in part)
    write_text(path, "".join(f"{name}\n" for name in names))
