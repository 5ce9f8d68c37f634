"""Rendered hands as a split of a data set in OneHand10K's own layout, written by several processes, resumable."""

import contextlib
import functools
import json
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import cv2

from maskpose.data.datasets.onehand10k import SPLITS, parse_line
from maskpose.errors import InputError, WorkerError
from maskpose.geometry import inside
from maskpose.io.files import (  # fmt: skip
    GrowingFile,
    make_folder,
    read_json,
    read_lines,
    read_text,
    remove_partials,
    write_bytes,
    write_text,
)
from maskpose.io.images import decode_gray, read_color, write_image
from maskpose.io.locks import FileLock
from maskpose.io.paths import PathLike
from maskpose.io.values import json_object
from maskpose.synth.arrays import Image, Span
from maskpose.synth.labels import label_line
from maskpose.synth.pictures import background_pictures, rooms
from maskpose.synth.placement import TURNED
from maskpose.synth.render import DECOYS, Studio
from maskpose.training.launcher import die_with_parent
from maskpose.visualization.drawing import overlay
from maskpose.visualization.sheets import contact_sheet

VERSION = 5  # of the pictures that a seed gives; a folder begun with another is not gone on with
ROOMS = "rooms"
LATER = {"turned": TURNED, "span": None, "empty": 0}  # settings that folders of earlier versions do not name
SETTINGS, BEGUN, LOCK = "rendered.json", "begun.txt", ".lock"
CHUNK = 8
SMALLEST = 32  # pixels of a picture's longer side
SMALLEST_SPAN = 0.03  # of a picture's longer side: of a smaller hand nothing is to be seen
SHEET_COLUMNS, SHEET_TILE = 10, (192, 192)


def write_rendered(
    folder: PathLike,
    count: int,
    seed: int,
    split: str = "Train",
    size: int = 256,
    photographs: bool | str = True,
    hidden: bool = False,
    realism: int = DECOYS,
    turned: float = TURNED,
    workers: int | None = None,
    progress: Callable[..., Iterable[tuple[int, str]]] = lambda items, total: items,
    span: Span | None = None,
    empty: float = 0,
) -> int:
    """Write images 0 to ``count`` - 1 of a seed as a split in OneHand10K's layout; return how many the split then has.

    It consists of ``folder``/``split``/source/<n>.jpg, mask/<n>.png and, when all are there, label_joint.txt. Image n
    depends on n, seed, split, size, photographs, hidden, realism, turned, span and empty alone. So a call that was
    interrupted can be resumed, and a larger ``count`` adds images.

    Args:
        folder: of the data set.
        count: number of images.
        seed: of the images.
        split: "Train" or "Test".
        size: pixels of the longer side.
        photographs: whether photographs of packages serve as backgrounds, or ROOMS: those of rooms alone.
        hidden: whether to label keypoints that something covers, too.
        realism: one of maskpose.synth.render's steps.
        turned: share of hands in any orientation.
        workers: processes; None: one for each processor.
        progress: wraps the iteration over the images that are rendered, as tqdm with its ``total``.
        span: (low, high) of a hand's size in shares of the longer side; None: the usual ones.
        empty: share of images without a hand.

    Raises:
        InputError: the split, size or span is wrong, the folder holds something else, another process writes it, it
            vanishes, or the mesh or the photographs cannot be fetched.
        WorkerError: a process was killed.
    """
    if split not in SPLITS:
        raise InputError(f'the split must be "Train" or "Test", not {split!r}')
    if size < SMALLEST:
        raise InputError(f"a picture's longer side must have {SMALLEST} pixels or more, not {size}")
    if span is not None and not SMALLEST_SPAN <= span[0] <= span[1] <= 1:
        raise InputError(f"the span must be two shares from {SMALLEST_SPAN} to 1, the lower one first, not {span}")
    root = Path(folder) / split
    settings = {"version": VERSION, "seed": seed, "split": split, "size": size, "photographs": photographs}
    settings |= {"hidden": hidden, "realism": realism, "turned": turned}
    settings |= {"span": None if span is None else list(span), "empty": empty}
    make_folder(root)
    with FileLock(root / LOCK, root) as lock:
        begin(root, settings)
        lines = finished_lines(root)
        missing = [n for n in range(count) if n not in lines]
        if missing and (root / "label_joint.txt").exists():
            os.replace(root / "label_joint.txt", root / BEGUN)
        with GrowingFile(root / BEGUN) as log:
            for number, line in progress(_rendered_lines(root, settings, missing, workers), total=len(missing)):
                lock.check()
                lines[number] = line
                log.write(f"{line}\n")
        write_text(root / "label_joint.txt", "".join(f"{lines[n]}\n" for n in sorted(lines)))
        (root / BEGUN).unlink(missing_ok=True)
    return len(lines)


def begin(root: Path, settings: dict[str, Any]) -> None:
    """Make a split's folders, or see that they were begun with the same settings. Raises InputError.

    The caller holds the split's lock: what a call that was killed was writing is removed.
    """
    path = root / SETTINGS
    if path.exists():
        if (found := LATER | json_object(read_json(path), path)) != settings:
            other = ", ".join(f"{name} {found.get(name)}" for name in settings if found.get(name) != settings[name])
            raise InputError(f"{root} was begun with other settings ({other}): choose another folder")
        for folder in (root, root / "source", root / "mask"):
            remove_partials(folder)
        return
    if any(path.name != LOCK for path in root.iterdir()):
        raise InputError(f"{root} holds files that are not this program's: choose another folder")
    for part in ("source", "mask"):
        make_folder(root / part)
    write_text(path, json.dumps(settings))


def finished_lines(root: Path) -> dict[int, str]:
    """{n: label line} of the pictures that are there; a line that was cut short does not count."""
    lines = {}
    for name in ("label_joint.txt", BEGUN):
        if (root / name).exists():
            for line in read_text(root / name).splitlines(keepends=True):
                with contextlib.suppress(InputError):
                    if line.endswith("\n") and parse_line(line.strip()):
                        lines[int(line.partition(".")[0])] = line.strip()
    return lines


def sheet(root: PathLike, count: int = 60) -> Image:
    """A contact sheet of a written split's first pictures: every second with its mask and keypoints drawn over it."""
    tiles = []
    for number, line in enumerate(read_lines(Path(root) / "label_joint.txt")[:count]):
        name, _, _, keypoints, visible = parse_line(line)
        picture = read_color(Path(root) / "source" / name)
        if number % 2:
            mask_path = Path(root) / "mask" / f"{Path(name).stem}.png"
            mask = decode_gray(mask_path.read_bytes(), mask_path.name)
            picture = overlay(picture, keypoints, visible.astype(float), 0.5, mask)
        tiles.append(picture)
    return contact_sheet(tiles, SHEET_COLUMNS, SHEET_TILE)


def _rendered_lines(root, settings, numbers, workers):
    """Yield (n, label line) as pictures come to be written."""
    workers = workers or len(os.sched_getaffinity(0))
    if not numbers:
        return
    _studio_for(settings)  # fetched once, before the workers start
    chunks = [numbers[i : i + CHUNK] for i in range(0, len(numbers), CHUNK)]
    # spawned: a fork of a process that has threads, as of OpenMP, may wait for ever
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(workers, len(chunks)), context, initializer=_start, initargs=(os.getpid(),))
    try:
        for done in as_completed([pool.submit(_write, root, settings, chunk) for chunk in chunks]):
            yield from done.result()
    except BrokenProcessPool:
        raise WorkerError("a process that rendered was killed; the same command goes on") from None
    finally:
        pool.shutdown(cancel_futures=True)


def _start(parent):
    """Begin a worker of the process ``parent``, which may be killed at any moment: its workers end with it.

    Multiprocessing's own tracker then removes their semaphores.
    """
    die_with_parent()
    if os.getppid() != parent:
        sys.exit()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the main process ends us
    cv2.setNumThreads(1)


@functools.cache
def _studio(photographs, realism, turned, span, empty):
    """The Studio of this process."""
    pictures = rooms() if photographs == ROOMS else background_pictures() if photographs else ()
    return Studio(pictures, realism, turned, span, empty)


def _studio_for(settings):
    span = settings["span"] and tuple(settings["span"])
    return _studio(settings["photographs"], settings["realism"], settings["turned"], span, settings["empty"])


def _write(root, settings, numbers):
    """Render and write some pictures; give [(n, label line)]."""
    lines, studio = [], _studio_for(settings)
    for number in numbers:
        if not (root / SETTINGS).is_file():
            raise InputError(f"{root} was removed or replaced while it was written")
        rendered = studio.render((settings["seed"], int(settings["split"] == "Test")), number, settings["size"])
        write_bytes(root / "source" / f"{number}.jpg", rendered.jpeg)
        write_image(root / "mask" / f"{number}.png", rendered.mask)
        size = rendered.mask.shape[::-1]
        labelled = inside(rendered.keypoints, *size) if settings["hidden"] else rendered.visible
        lines.append((number, label_line(f"{number}.jpg", size, rendered.keypoints, labelled)))
    return lines
