"""From image files to files of results: read, predicted in batches, written; by one process or by several ranks."""

import hashlib
import json
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from maskpose.errors import InputError
from maskpose.inference import writers
from maskpose.inference.hand import Hand
from maskpose.inference.image_paths import ImageFile
from maskpose.inference.job import Job, result_settings, weights_files
from maskpose.inference.predictor import Predictor
from maskpose.io import images
from maskpose.io.files import (
    OutputFolder,
    check_writable,
    drop_absent_names,
    note_names,
    noted_names,
    read_bytes,
    refuse_clashes,
    refuse_foreign,
)
from maskpose.io.progress import progress_bar
from maskpose.model.variants import Variant

MAX_PRINTED = 20  # images up to which each one's result is printed
FAILED, DONE, SKIPPED = 0, 1, 2  # what became of an image


class Group(Protocol):
    """The ranks that share the images, as maskpose.training.distributed has them."""

    rank: int
    size: int

    def mean(self, values: Any) -> Any:
        """Return the mean of each value over the ranks, which all wait for one another."""


def predict_files(predictor: Predictor, files: Sequence[ImageFile], job: Job, group: Group) -> tuple[int, int]:
    """Predict image files and write their results. An image that cannot be read is reported on stderr and left out.

    Args:
        predictor: finds the hands.
        files: the images.
        job: what is written, and where.
        group: the ranks; each takes every n-th image.

    Returns:
        How many images are done and how many could not be read, over all ranks.

    Raises:
        InputError: the folder cannot be written; or a result would overwrite a file that this run reads, that it
            writes for another image, or that no earlier run wrote. These are found before anything is written.
    """
    folder = Path(job.folder)
    planned = planned_files(files, job, predictor.variant)
    names = [name for name, _ in planned]
    if group.rank == 0:
        read = [*(file.path for file in files), *weights_files(predictor)]
        refuse_clashes([(folder / name, maker) for name, maker in planned], read)
        refuse_foreign(folder, names)
        check_writable(folder)
    group.mean([0])  # a barrier: no rank writes before these checks
    mine = slice(group.rank, None, group.size)
    statuses = np.full(len(files), FAILED)
    statuses[mine] = _FileRun(predictor, files[mine], job, names).run(show_progress=group.rank == 0)
    statuses = np.rint(group.mean(statuses) * group.size)  # a sum, since every rank has FAILED (0) for the others'
    if group.rank == 0:
        if skipped := (statuses == SKIPPED).sum():
            print(f"{skipped} of {len(files)} images were done before: skipped")
        done = [file for file, status in zip(files, statuses) if status != FAILED]
        if done:
            note_names(folder, names)
            for name in writers.write_tables(folder, done, job.formats):
                print(f"written: {folder / name}")
        drop_absent_names(folder)
    return int((statuses != FAILED).sum()), int((statuses == FAILED).sum())


def planned_files(files: Sequence[ImageFile], job: Job, variant: Variant) -> list[tuple[str, str]]:
    """Return every file that a run may write: (its name below the folder, what it is written for)."""
    formats = writers.available_formats(variant, job.formats)
    names = [(name, str(file.path)) for file in files for name in writers.file_names(file.key, formats, job.hands)]
    return names + [(name, "the table of all") for name in writers.table_names(formats)]


class _FileRun:
    """One rank's images: read, predicted, written."""

    def __init__(self, predictor: Predictor, files: Sequence[ImageFile], job: Job, names: Sequence[str]):
        """Prepare a run; ``names`` are of all files that any rank may write."""
        self._predictor, self._files, self._job, self._names = predictor, files, job, names
        self._formats = writers.available_formats(predictor.variant, job.formats)
        self._settings = json.dumps(result_settings(predictor, job), sort_keys=True).encode()
        self._folder = OutputFolder(job.folder)
        self._statuses = [FAILED] * len(files)
        self._ours: set[str] | None = None  # names of files in the folder that earlier runs and this one may write

    def run(self, show_progress: bool) -> list[int]:
        """Predict the images and write their results; return FAILED, DONE or SKIPPED for each."""
        disable = len(self._files) < 2 or not show_progress
        with progress_bar(total=len(self._files), unit="image", disable=disable) as bar:
            waiting: deque[tuple[int, npt.NDArray[np.uint8], str]] = deque()  # images in the predictor's batch
            for hands in _predict(self._predictor, self._read_images(waiting, bar), self._job.hands):
                self._write(*waiting.popleft(), hands)
                bar.update()
        return self._statuses

    def _read_images(self, waiting: deque, bar: Any) -> Iterator[npt.NDArray[np.uint8]]:
        """Yield the images to be predicted, and append each one's (number, image, fingerprint) to ``waiting``."""
        for number, file in enumerate(self._files):
            try:
                writers.check_names(file, self._formats, self._job.hands)
                data = read_bytes(file.path)
                fingerprint = hashlib.sha256(self._settings + data).hexdigest()[:16]
                if self._job.resume and writers.is_done(self._job.folder, file.key, self._formats, fingerprint):
                    self._statuses[number] = SKIPPED
                    bar.update()
                    continue
                image = images.decode_color(data, str(file.path))
            except InputError as error:
                tqdm.write(f"error: {error}", file=sys.stderr)
                bar.update()
                continue
            waiting.append((number, image, fingerprint))
            yield image

    def _write(self, number: int, image: npt.NDArray[np.uint8], fingerprint: str, hands: Sequence[Hand]) -> None:
        file, job = self._files[number], self._job
        if self._ours is None:
            note_names(job.folder, self._names)
            self._folder.check()
            self._ours = noted_names(job.folder)
        writers.remove_stale(job.folder, file.key, fingerprint, self._ours)
        writers.write_hands(job.folder, file, image, hands, job.threshold, self._formats, job.side, fingerprint)
        self._folder.check()
        self._statuses[number] = DONE
        if len(self._files) <= MAX_PRINTED:
            tqdm.write(writers.summary_line(file.name, hands, job.threshold))


def _predict(predictor: Predictor, images: Iterable[npt.NDArray[np.uint8]], count: int) -> Iterator[Sequence[Hand]]:
    """Yield the hands of each image, at most ``count``."""
    if count > 1:
        yield from (predictor.predict_hands(image, count) for image in images)
    else:
        yield from ([hand] for hand in predictor.predict_many(images))
