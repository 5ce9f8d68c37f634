"""A database from a data set's parts: read by several threads, written in order, gone on with after a stop.

A reader of ``data.datasets`` lists a data set's items, and makes the samples of one item: ``read(item)`` gives a
list of Sample, or raises InputError. An item may be an InputError itself: an entry that is broken.
"""

import hashlib
import os
import sys
from collections import deque
from concurrent.futures import ThreadPoolExecutor

from tqdm import tqdm

from maskpose.data.database import Writer, read_manifest
from maskpose.errors import InputError
from maskpose.io.progress import progress_bar

TOGETHER = 8  # items that a thread reads in one go: handing them over takes as long as reading a small one
NAMED = 20  # items left out that are told one by one
AHEAD = 2  # such lots a thread that are read before their turn


def build_items(path, items, read, strict=False, about=None, workers=None):
    """Write the samples of ``items``, in their order, into the database ``path``; give (manifest, problems).

    items: a list, whose elements' repr says which they are; read: as above, called in threads; strict: stop at the
    first item that cannot be read, else it is left out, and the first NAMED are told on stderr; about: for the
    manifest. A build that was stopped (Ctrl-C, a kill, a full disk) is gone on with by the same call. Raises InputError
    where ``path`` exists or is being written, for the first problem with ``strict``, and where no sample could be read.
    """
    plan = _digest([about, *items])
    about = {**(about or {}), "plan": plan}
    with Writer(path, about, plan) as writer:
        if writer.position:
            print(f"{path}: going on after {writer.position} of {len(items)}", file=sys.stderr)
        problems = list(writer.problems)
        rest = items[writer.position :]
        bar = progress_bar(total=len(items), initial=writer.position, desc=str(path), unit="item")
        with bar:
            for position, (samples, problem) in enumerate(_in_order(read, rest, workers), start=writer.position + 1):
                if problem:
                    if strict:
                        raise InputError(problem)
                    problems.append(problem)
                    if len(problems) <= NAMED:
                        tqdm.write(f"left out: {problem}", file=sys.stderr)
                for sample, data in samples:
                    writer.put(sample, data)
                writer.mark(position, problems)
                bar.update()
        if not writer.count:
            raise InputError(f"{path}: no usable sample to write")
    return read_manifest(path), problems


def _digest(items):
    total = hashlib.sha256()
    for item in items:
        total.update(f"{item!r}\n".encode())
    return total.hexdigest()


def _in_order(read, items, workers):
    """Yield ([(sample, its record)], None or the problem) of each item, read ahead by threads.

    Reading files, decoding and checksums release Python's lock.
    """
    workers = workers or len(os.sched_getaffinity(0))
    pool = ThreadPoolExecutor(workers)
    try:
        begun = deque()
        for start in range(0, len(items), TOGETHER):
            begun.append(pool.submit(_attempt, read, items[start : start + TOGETHER]))
            if len(begun) >= AHEAD * workers:
                yield from begun.popleft().result()
        while begun:
            yield from begun.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _attempt(read, items):
    found = []
    for item in items:
        try:
            if isinstance(item, InputError):
                raise item
            found.append(([(sample, sample.serialize()) for sample in read(item)], None))
        except InputError as error:
            found.append(([], str(error)))
    return found
