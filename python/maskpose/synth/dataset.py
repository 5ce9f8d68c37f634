"""Rendered hands as a split of a data set in OneHand10K's own layout, written by several processes, resumable."""

import contextlib
import functools
import json
import multiprocessing
import os
import signal
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import cv2

from maskpose.datasets.onehand10k import SPLITS, parse_line
from maskpose.drawing import contact_sheet, overlay
from maskpose.errors import InputError, WorkerError
from maskpose.files import Lines, make_folder, read_json, read_lines, read_text, write_text, written_beside
from maskpose.geometry import inside
from maskpose.images import decode_gray, read_color, write_image
from maskpose.io.values import record
from maskpose.synth.labels import label_line
from maskpose.synth.pictures import background_pictures
from maskpose.synth.placement import TURNED
from maskpose.synth.render import DECOYS, Studio

VERSION = 5  # of the pictures that a seed gives; a folder begun with another is not gone on with
SETTINGS, BEGUN = "rendered.json", "begun.txt"
CHUNK = 8
SMALLEST = 32  # pixels of a picture's longer side
SHEET_COLUMNS, SHEET_TILE = 10, (192, 192)


def write_rendered(
    folder, count, seed, split="Train", size=256, photographs=True, hidden=False, realism=DECOYS,
    turned=TURNED, workers=None, progress=lambda items, total: items,
):  # fmt: skip
    """Write pictures 0 to ``count`` - 1 of ``seed`` as a split in OneHand10K's layout; give how many it then has.

    Makes ``folder``/``split``/source/<n>.jpg, mask/<n>.png and, when all are there, label_joint.txt. ``size`` is
    the longer side in pixels; ``photographs``: whether photographs of packages serve as backgrounds; ``hidden``: label
    the keypoints that something covers, too; ``realism``: one of maskpose.synth.render's steps; ``turned``: the share
    of hands turned anyhow. A picture depends on seed, split, these five and n alone; so a call that was cut short goes
    on where it was, and a larger ``count`` adds pictures. ``progress`` is put round the iteration over pictures still
    to be rendered, as tqdm with its ``total``. Raises InputError for another split, a size that is too
    small, a folder that holds something else, and where the mesh or the photographs cannot be fetched; WorkerError
    where a process was killed.
    """
    if split not in SPLITS:
        raise InputError(f'the split must be "Train" or "Test", not {split!r}')
    if size < SMALLEST:
        raise InputError(f"a picture's longer side must have {SMALLEST} pixels or more, not {size}")
    root = Path(folder) / split
    settings = {"version": VERSION, "seed": seed, "split": split, "size": size, "photographs": photographs}
    settings |= {"hidden": hidden, "realism": realism, "turned": turned}
    begin(root, settings)
    lines = finished_lines(root)
    missing = [n for n in range(count) if n not in lines]
    if missing and (root / "label_joint.txt").exists():
        os.replace(root / "label_joint.txt", root / BEGUN)
    with Lines(root / BEGUN) as log:
        for number, line in progress(_rendered_lines(root, settings, missing, workers), total=len(missing)):
            lines[number] = line
            log.write(f"{line}\n")
    write_text(root / "label_joint.txt", "".join(f"{lines[n]}\n" for n in sorted(lines)))
    (root / BEGUN).unlink()
    return len(lines)


def begin(root, settings):
    """Make a split's folders, or see that they were begun with the same settings. Raises InputError."""
    path = root / SETTINGS
    if path.exists():
        if (found := {"turned": TURNED} | record(read_json(path), path)) != settings:
            other = ", ".join(f"{name} {found.get(name)}" for name in settings if found.get(name) != settings[name])
            raise InputError(f"{root} was begun with other settings ({other}): choose another folder")
        return
    if root.is_dir() and any(root.iterdir()):
        raise InputError(f"{root} holds files that are not this program's: choose another folder")
    for part in ("source", "mask"):
        make_folder(root / part)
    write_text(path, json.dumps(settings))


def finished_lines(root):
    """{n: label line} of the pictures that are there; a line that was cut short does not count."""
    lines = {}
    for name in ("label_joint.txt", BEGUN):
        if (root / name).exists():
            for line in read_text(root / name).splitlines(keepends=True):
                with contextlib.suppress(InputError):
                    if line.endswith("\n") and parse_line(line.strip()):
                        lines[int(line.partition(".")[0])] = line.strip()
    return lines


def sheet(root, count=60):
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
    _studio(settings["photographs"], settings["realism"], settings["turned"])  # fetched once, before the workers start
    chunks = [numbers[i : i + CHUNK] for i in range(0, len(numbers), CHUNK)]
    # spawned: a fork of a process that has threads, as of OpenMP, may wait for ever
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(workers, len(chunks)), context, initializer=_start)
    try:
        for done in as_completed([pool.submit(_write, root, settings, chunk) for chunk in chunks]):
            yield from done.result()
    except BrokenProcessPool:
        raise WorkerError("a process that rendered was killed; the same command goes on") from None
    finally:
        pool.shutdown(cancel_futures=True)


def _start():
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the main process ends us
    cv2.setNumThreads(1)


@functools.cache
def _studio(photographs, realism, turned):
    """The Studio of this process."""
    return Studio(background_pictures() if photographs else (), realism, turned)


def _write(root, settings, numbers):
    """Render and write some pictures; give [(n, label line)]."""
    lines, studio = [], _studio(settings["photographs"], settings["realism"], settings["turned"])
    for number in numbers:
        rendered = studio.render((settings["seed"], int(settings["split"] == "Test")), number, settings["size"])
        with written_beside(root / "source" / f"{number}.jpg") as partial:
            partial.write_bytes(rendered.jpeg)
        write_image(root / "mask" / f"{number}.png", rendered.mask)
        size = rendered.mask.shape[::-1]
        labelled = inside(rendered.keypoints, *size) if settings["hidden"] else rendered.visible
        lines.append((number, label_line(f"{number}.jpg", size, rendered.keypoints, labelled)))
    return lines

