"""A database from a data set's parts: read by several threads, written in order, gone on with after a stop.

A reader of ``maskpose.datasets`` lists a data set's items, and makes the samples of one item: ``read(item)`` gives a
list of maskpose.records.Sample, or raises InputError.
"""

import hashlib
import itertools
import os
import sys
from collections import deque
from concurrent.futures import ThreadPoolExecutor

from tqdm import tqdm

from maskpose.database import Writer, manifest
from maskpose.errors import InputError

AHEAD = 8  # items a thread that are read before their turn


def build_items(path, items, read, strict=False, about=None, workers=None):
    """Write the samples of ``items``, in their order, into the database ``path``; give (manifest, problems).

    items: a list, whose elements' repr says which they are; read: as above, called in threads; strict: stop at the
    first item that cannot be read, else it is told on stderr and left out; about: for the manifest. A build that was
    stopped (Ctrl-C, a kill, a full disk) is gone on with by the same call. Raises InputError where ``path`` exists or
    is being written, for the first problem with ``strict``, and where no sample could be read.
    """
    plan = hashlib.sha256("\n".join(map(repr, items)).encode()).hexdigest()
    about = {**(about or {}), "plan": plan}
    with Writer(path, about, plan) as writer:
        if writer.position:
            print(f"{path}: going on after {writer.position} of {len(items)}", file=sys.stderr)
        problems = list(writer.problems)
        rest = itertools.islice(items, writer.position, None)
        bar = tqdm(total=len(items), initial=writer.position, desc=str(path), unit="item", dynamic_ncols=True)
        with bar:
            for position, (samples, problem) in enumerate(_in_order(read, rest, workers), start=writer.position + 1):
                if problem:
                    if strict:
                        raise InputError(problem)
                    problems.append(problem)
                    tqdm.write(f"left out: {problem}", file=sys.stderr)
                for sample in samples:
                    writer.put(sample)
                writer.mark(position, problems)
                bar.update()
        if not writer.count:
            raise InputError(f"{path}: no usable sample to write")
    return manifest(path), problems


def _in_order(read, items, workers):
    """Yield (samples, None or the problem) of each item, read ahead by threads: decoding releases Python's lock."""
    workers = workers or len(os.sched_getaffinity(0))
    pool = ThreadPoolExecutor(workers)
    try:
        begun = deque()
        for item in items:
            begun.append(pool.submit(_attempt, read, item))
            if len(begun) >= AHEAD * workers:
                yield begun.popleft().result()
        while begun:
            yield begun.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _attempt(read, item):
    try:
        return read(item), None
    except InputError as error:
        return [], str(error)
