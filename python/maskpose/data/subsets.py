"""Databases out of databases: several made one, one divided, samples chosen by a list. Records stay as they are."""

from collections import Counter
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

import numpy as np

from maskpose.data.build import build_items
from maskpose.data.database import Reader
from maskpose.errors import InputError
from maskpose.io.files import write_text


class Entry(NamedTuple):
    """A sample's place in its database, and what it says of itself."""

    index: int
    name: str
    origin: str
    group: str


def list_entries(reader):
    """[Entry] of all samples of a maskpose.data.database.Reader, the pictures left aside.

    Raises InputError for a database that is damaged: what is made of it would pass for whole.
    """
    reader.refuse_damaged()
    return [Entry(n, sample.name, sample.origin, sample.group) for n, sample in enumerate(reader)]


def merge(paths, path, about=None):
    """Write the samples of the databases ``paths`` into ``path``, one after the other; give its manifest.

    Raises InputError where a name of one origin comes from two of them: the same photograph would count twice.
    """
    if len({Path(one).resolve() for one in paths}) < len(paths):
        raise InputError(f"{path}: one of the databases to merge is named twice")
    readers = [Reader(one) for one in paths]
    items, seen = [], {}
    for number, reader in enumerate(readers):
        for entry in list_entries(reader):
            if (other := seen.setdefault((entry.origin, entry.name), number)) != number:
                origin = entry.origin or "no origin"
                raise InputError(f"{entry.name} of {origin} is in {paths[other]} and in {paths[number]}; if these are "
                                 "different photographs, make one of them again with --origin NAME")  # fmt: skip
            items.append((number, entry))
    return _copy(readers, items, path, {"merged": list(map(str, paths)), **(about or {})})


def split(entries, shares, seed, by_group=True):
    """[[Entry]] a part: ``entries`` divided at random in these shares, which sum to 1; their order stays.

    by_group: samples of one group stay together; those that name no group are groups of their own. The last part takes
    what rounding leaves. Raises InputError for shares that cannot be.
    """
    if abs(sum(shares) - 1) > 1e-6 or min(shares) <= 0:
        raise InputError(f"shares must be above 0 and 1 together, not {', '.join(map(str, shares))}")
    groups = {}
    for entry in entries:
        key = (entry.origin, entry.group) if by_group and entry.group else (entry.origin, "", entry.name)
        groups.setdefault(key, []).append(entry)
    keys = sorted(groups)
    order = [groups[keys[i]] for i in np.random.default_rng(seed).permutation(len(keys))]
    ends = np.cumsum(shares) * len(entries)
    parts, taken = [[] for _ in shares], 0
    for members in order:
        middle = taken + len(members) / 2
        part = min(int(np.searchsorted(ends, middle, side="right")), len(shares) - 1)
        parts[part] += members
        taken += len(members)
    if not all(parts):
        raise InputError(f"too few groups ({len(groups)}) for these shares")
    return list(map(sorted, parts))


def select_named(entries, patterns):
    """Those of ``entries`` that a list names: names, or patterns such as ``evening_*``, a line each.

    A name that samples of several origins have is written ``origin/name``. Raises InputError for a line that fits no
    sample, and for a name that fits several.
    """
    by_name = {}
    for entry in entries:
        for name in (entry.name, f"{entry.origin}/{entry.name}"):
            by_name.setdefault(name, []).append(entry)
    chosen = set()
    for pattern in patterns:
        fitting = by_name.get(pattern) or [entry for entry in entries if fnmatch(entry.name, pattern)]
        if not fitting:
            raise InputError(f"no sample is called {pattern}")
        if pattern in by_name and len(fitting) > 1:
            origins = " and of ".join(entry.origin or "no origin" for entry in fitting[:2])
            raise InputError(f"{pattern} may be that of {origins}: write origin/name")
        chosen.update(fitting)
    return sorted(chosen)


def select_origins(entries, origins):
    """Those of ``entries`` whose origin is one of ``origins``. Raises InputError for one that no sample has."""
    there = {entry.origin for entry in entries}
    if missing := [origin for origin in origins if origin not in there]:
        known = ", ".join(sorted(there - {""})) or "none: its samples name none"
        raise InputError(f"no sample is of the origin {missing[0]}; those there are: {known}")
    return [entry for entry in entries if entry.origin in origins]


def extract(reader, entries, path, about=None):
    """Write the samples of ``entries`` of a Reader into the database ``path``; give its manifest."""
    items = [(0, entry) for entry in entries]
    return _copy([reader], items, path, {"taken_from": str(reader.path), **(about or {})})


def write_list(part, path, entries=()):
    """Write the names of the samples of ``part``, a line each, for ``named``: with their origins, where other samples
    of ``entries``, the database's, are called so, too."""
    uses = Counter(entry.name for entry in entries)
    names = (f"{entry.origin}/{entry.name}" if uses[entry.name] > 1 else entry.name for entry in part)
    write_text(Path(path), "".join(f"{name}\n" for name in names))


def _copy(readers, items, path, about):
    def read(item):
        number, entry = item
        return [readers[number][entry.index]]

    manifest, _ = build_items(path, items, read, strict=True, about=about)
    return manifest
