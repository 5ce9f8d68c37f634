"""Many photographs to files: read, predicted in batches, written, by one process or several that share them."""

import hashlib
import json
import sys
from collections import deque
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from maskpose.errors import InputError
from maskpose.inference import engines, writers
from maskpose.io import images
from maskpose.io.files import (  # fmt: skip
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

NAMED = 20  # photographs up to which each one's result is printed
LEFT_OUT, DONE, PASSED_OVER = 0, 1, 2  # what became of a photograph


@dataclass(frozen=True)
class Job:
    """What is to be written, and where."""

    folder: Path
    formats: tuple = writers.USUAL
    threshold: float = 0.2  # of confidence
    hands: int = 1  # at most, in a photograph
    side: str = "right"  # which hand OpenPose's files call it
    resume: bool = False  # pass over photographs whose files are there


def run(predictor, photographs, job, group):
    """Predict ``photographs`` and write their files; give how many are done and how many could not be, over all ranks.

    photographs: [Photograph]; group: of maskpose.training.distributed, whose ranks take every n-th photograph
    each. A photograph that cannot be read is said on stderr and left out. Raises InputError for a folder that cannot
    be written, and, before anything is, where a file would be written over that this run reads, that it writes for
    another photograph, or that no earlier run wrote.
    """
    folder = Path(job.folder)
    writes = planned(photographs, job, predictor.variant)
    if group.rank == 0:
        read = [*(one.path for one in photographs), *engines.files_of(predictor.weights_path)]
        refuse_clashes([(folder / name, maker) for name, maker in writes], read)
        refuse_foreign(folder, [name for name, _ in writes])
        check_writable(folder)
    group.mean([0])  # no rank writes before that
    mine = slice(group.rank, None, group.size)
    results = np.full(len(photographs), LEFT_OUT)
    results[mine] = _predict(predictor, photographs[mine], job, [name for name, _ in writes], group.rank == 0)
    results = np.rint(group.mean(results) * group.size)  # every rank has its own, and LEFT_OUT for the others'
    if group.rank == 0:
        if kept := (results == PASSED_OVER).sum():
            print(f"{kept} of {len(photographs)} photographs were done: passed over")
        there = [photographs[n] for n in np.flatnonzero(results)]
        if there:
            note_names(folder, [name for name, _ in writes])
            for name in writers.write_tables(folder, there, job.formats):
                print(f"written: {folder / name}")
        drop_absent_names(folder)
    return int((results != LEFT_OUT).sum()), int((results == LEFT_OUT).sum())


def planned(photographs, job, variant):
    """[(name below the folder, for what)] of every file that a run may write."""
    formats = writers.given_by(variant, job.formats)
    writes = [(name, str(one.path)) for one in photographs for name in writers.names(one.key, formats, job.hands)]
    return writes + [(name, "the table of all") for name in writers.table_names(formats)]


def settings(predictor, job):
    """What the results depend on beside the photograph, as a JSON-able dict."""
    names = ("seed", "levels", "centred", "mirror", "refine", "search", "score_threshold")
    given = {name: getattr(predictor, name) for name in names}
    weights = hashlib.sha256(b"".join(map(read_bytes, engines.files_of(predictor.weights_path)))).hexdigest()
    precision = getattr(predictor.engine, "precision", "fp32")
    way = {"variant": predictor.variant.name, "weights": weights, "precision": precision}
    way |= {"pyramid": predictor.use_pyramid, **given}
    return way | {"threshold": job.threshold, "hands": job.hands, "side": job.side}


def _predict(predictor, photographs, job, names, shown):
    """Predict and write; a list of LEFT_OUT, DONE, PASSED_OVER. names: of all files that any rank may write."""
    made_with = json.dumps(settings(predictor, job), sort_keys=True).encode()
    formats = writers.given_by(predictor.variant, job.formats)
    results, begun, ours = [LEFT_OUT] * len(photographs), deque(), None
    folder = OutputFolder(job.folder)

    def pictures():
        for number, one in enumerate(photographs):
            try:
                writers.check_names(one, formats, job.hands)
                data = read_bytes(one.path)
                fingerprint = hashlib.sha256(made_with + data).hexdigest()[:16]
                if job.resume and writers.is_done(job.folder, one.key, formats, fingerprint):
                    results[number] = PASSED_OVER
                    bar.update()
                    continue
                image = images.decode_color(data, str(one.path))
            except InputError as error:
                tqdm.write(f"error: {error}", file=sys.stderr)
                bar.update()
                continue
            begun.append((number, image, fingerprint))
            yield image

    with progress_bar(total=len(photographs), unit="image", disable=len(photographs) < 2 or not shown) as bar:
        for hands in _hands(predictor, pictures(), job.hands):
            number, image, fingerprint = begun.popleft()
            one = photographs[number]
            if ours is None:
                note_names(job.folder, names)
                folder.check()
                ours = noted_names(job.folder)
            writers.remove_stale(job.folder, one.key, fingerprint, ours)
            writers.write_hands(job.folder, one, image, hands, job.threshold, formats, job.side, fingerprint)
            folder.check()
            results[number] = DONE
            if len(photographs) <= NAMED:
                tqdm.write(writers.summary(one.name, hands, job.threshold))
            bar.update()
    return results


def _hands(predictor, pictures, count):
    """Yield a list of Hands a picture."""
    if count > 1:
        yield from (predictor.predict_hands(picture, count) for picture in pictures)
    else:
        yield from ([hand] for hand in predictor.predict_many(pictures))
