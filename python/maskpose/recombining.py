"""Databases out of databases: several made one, one divided, samples chosen by a list. Records stay as they are."""

from fnmatch import fnmatch
from pathlib import Path

import numpy as np

from maskpose.building import build_items
from maskpose.database import Reader
from maskpose.errors import InputError
from maskpose.files import write_text


def listing(reader):
    """[(index, name, source, group)] of a maskpose.database.Reader, the pictures left aside."""
    return [(n, sample.name, sample.source, sample.group) for n, sample in enumerate(reader)]


def merge(paths, path, about=None):
    """Write the samples of the databases ``paths`` into ``path``, one after the other; give its manifest.

    Raises InputError where a name of one origin comes from two of them: the same photograph would count twice.
    """
    readers = [Reader(one) for one in paths]
    items, seen = [], {}
    for number, reader in enumerate(readers):
        for index, name, source, _ in listing(reader):
            if (other := seen.setdefault((source, name), number)) != number:
                raise InputError(f"{name} of {source or 'no origin'} is in {paths[other]} and in {paths[number]}")
            items.append((number, index, name))
    return _copy(readers, items, path, {"merged": list(map(str, paths)), **(about or {})})


def split(reader, shares, seed, by_group=True):
    """[sorted indices] a part: the samples of a Reader divided at random in these shares, which sum to 1.

    by_group: samples of one group stay together; those that name no group are groups of their own. The last part takes
    what rounding leaves.
    """
    if abs(sum(shares) - 1) > 1e-6 or min(shares) <= 0:
        raise InputError(f"shares must be above 0 and 1 together, not {', '.join(map(str, shares))}")
    groups = {}
    for index, name, source, group in listing(reader):
        key = (source, group) if by_group and group else (source, "", name)
        groups.setdefault(key, []).append(index)
    keys = sorted(groups)
    order = [groups[keys[i]] for i in np.random.default_rng(seed).permutation(len(keys))]
    ends = np.cumsum(shares) * len(reader)
    parts, taken = [[] for _ in shares], 0
    for members in order:
        middle = taken + len(members) / 2
        part = min(int(np.searchsorted(ends, middle, side="right")), len(shares) - 1)
        parts[part] += members
        taken += len(members)
    if not all(parts):
        raise InputError(f"{reader.path} has too few groups ({len(groups)}) for these shares")
    return list(map(sorted, parts))


def named(reader, patterns):
    """Sorted indices of the samples that a list names: names, or patterns such as ``evening_*``, a line each.

    Raises InputError for one that fits no sample.
    """
    names = [name for _, name, _, _ in listing(reader)]
    places = {}
    for index, name in enumerate(names):
        places.setdefault(name, []).append(index)
    chosen = set()
    for pattern in patterns:
        fitting = places.get(pattern) or [n for n, name in enumerate(names) if fnmatch(name, pattern)]
        if not fitting:
            raise InputError(f"{reader.path} has no sample called {pattern}")
        chosen.update(fitting)
    return sorted(chosen)


def extract(reader, indices, path, about=None):
    """Write the samples of ``indices`` of a Reader into the database ``path``; give its manifest."""
    names = {index: name for index, name, _, _ in listing(reader)}
    items = [(0, index, names[index]) for index in indices]
    return _copy([reader], items, path, {"taken_from": str(reader.path), **(about or {})})


def write_list(reader, indices, path):
    """Write the names of samples, a line each, for ``named``."""
    names = {index: name for index, name, _, _ in listing(reader)}
    write_text(Path(path), "".join(f"{names[index]}\n" for index in indices))


def _copy(readers, items, path, about):
    manifest, _ = build_items(path, items, lambda item: [readers[item[0]][item[1]]], strict=True, about=about)
    return manifest
