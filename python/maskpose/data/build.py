"""A database from a data set's items: read by several threads, written in order, continued after a stop.

A reader of ``data.datasets`` lists a data set's items. Its ``read(item)`` returns the list of an item's Samples, or
raises InputError. An item may be an InputError itself: a broken entry.
"""

import hashlib
import os
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from maskpose.data.database import Writer, read_manifest
from maskpose.data.sample import Sample
from maskpose.errors import InputError
from maskpose.io.left_out import MOST_NAMED, report_left_out
from maskpose.io.paths import PathLike
from maskpose.io.progress import progress_bar

ITEMS_AT_ONCE = 8  # that a thread reads in one go: handing a small item over takes as long as reading it
LOTS_AHEAD = 2  # of ITEMS_AT_ONCE that each thread reads before their turn

ReadItem = Callable[[Any], Sequence[Sample]]


def build_items(
    path: PathLike,
    items: Sequence[Any],
    read: ReadItem,
    strict: bool = False,
    about: dict[str, Any] | None = None,
    workers: int | None = None,
    origin: str | None = None,
) -> tuple[dict[str, Any], list[str]]:
    """Write the samples of ``items``, in their order, into the database ``path``.

    If a build is stopped (Ctrl-C, a kill, a full disk), the same call continues it.

    Args:
        path: of the new database.
        items: a data set's; their repr must tell them apart.
        read: returns the samples of an item, or raises InputError. Threads call it.
        strict: whether the first problem ends the build. Otherwise the item is left out, and the first MOST_NAMED
            problems are printed on stderr.
        about: what the manifest holds besides.
        workers: threads; None: one for each processor.
        origin: noted in every sample in place of its own; None: each keeps its own.

    Returns:
        The manifest, and the problems of the items that were left out.

    Raises:
        InputError: ``path`` exists or is being written, no sample can be read, or a problem arises and ``strict``.
    """
    if origin:
        read = _with_origin(read, origin)
    plan = _digest([about, *([origin] if origin else []), *items])
    about = {**(about or {}), "plan": plan}
    with Writer(path, about, plan) as writer:
        if writer.position:
            print(f"{path}: continuing after {writer.position} of {len(items)}", file=sys.stderr)
        problems = list(writer.problems)
        rest = items[writer.position :]
        bar = progress_bar(total=len(items), initial=writer.position, desc=str(path), unit="item")
        with bar:
            for position, (samples, problem) in enumerate(_in_order(read, rest, workers), start=writer.position + 1):
                if problem:
                    if strict:
                        raise InputError(problem)
                    problems.append(problem)
                    if len(problems) <= MOST_NAMED:
                        report_left_out(problem)
                for sample, data in samples:
                    writer.put(sample, data)
                writer.mark(position, problems)
                bar.update()
        if not writer.count:
            raise InputError(f"{path}: no usable sample to write")
    return read_manifest(path), problems


def _with_origin(read: ReadItem, origin: str) -> ReadItem:
    return lambda item: [replace(sample, origin=origin) for sample in read(item)]


def _digest(items: Sequence[Any]) -> str:
    total = hashlib.sha256()
    for item in items:
        total.update(f"{item!r}\n".encode())
    return total.hexdigest()


_Result = tuple[list[tuple[Sample, bytes]], str | None]


def _in_order(read: ReadItem, items: Sequence[Any], workers: int | None) -> Iterator[_Result]:
    """Yield ([(sample, its bytes)], the problem or None) of each item; threads read ahead.

    Reading files, decoding and checksums release Python's lock.
    """
    workers = workers or len(os.sched_getaffinity(0))
    pool = ThreadPoolExecutor(workers)
    try:
        begun = deque()
        for start in range(0, len(items), ITEMS_AT_ONCE):
            begun.append(pool.submit(_read_items, read, items[start : start + ITEMS_AT_ONCE]))
            if len(begun) >= LOTS_AHEAD * workers:
                yield from begun.popleft().result()
        while begun:
            yield from begun.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _read_items(read: ReadItem, items: Sequence[Any]) -> list[_Result]:
    results: list[_Result] = []
    for item in items:
        try:
            if isinstance(item, InputError):
                raise item
            results.append(([(sample, sample.serialize()) for sample in read(item)], None))
        except InputError as error:
            results.append(([], str(error)))
    return results
