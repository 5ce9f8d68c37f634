"""Many photographs to files: read, predicted in batches, written, by one process or several that share them."""

import hashlib
import sys
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from maskpose import images, output
from maskpose.errors import InputError
from maskpose.files import read_bytes

NAMED = 20  # photographs up to which each one's result is printed


@dataclass(frozen=True)
class Job:
    """What is to be written, and where."""

    folder: Path
    formats: tuple = output.USUAL
    threshold: float = 0.2  # of confidence
    hands: int = 1  # at most, in a photograph
    side: str = "right"  # which hand OpenPose's files call it
    resume: bool = False  # pass over photographs whose files are there


def run(predictor, photographs, job, group):
    """Predict ``photographs`` and write their files; give how many are done and how many could not be, over all ranks.

    photographs: [maskpose.inputs.Photograph]; group: of maskpose.parallel, whose ranks take every n-th photograph
    each. A photograph that cannot be read is said on stderr and left out. Raises InputError for a folder that cannot
    be written, or that was begun with other settings.
    """
    made_with = settings(predictor, job)
    if job.resume:
        output.check(job.folder, made_with)
    mine = photographs[group.rank :: group.size]
    left = [one for one in mine if not (job.resume and output.is_done(job.folder, one))]
    kept = len(mine) - len(left)
    if kept:
        print(f"{kept} of {len(mine)} photographs are done: passed over", flush=True)
    bad = _predict(predictor, left, job, made_with, show=group.rank == 0)
    done, bad = (round(value * group.size) for value in group.mean([len(mine) - bad, bad]))
    if group.rank == 0:
        for name in output.write_tables(job.folder, photographs, job.formats):
            print(f"written: {job.folder / name}")
    return done, bad


def settings(predictor, job):
    """What the results depend on, as a JSON-able dict."""
    given = {name: getattr(predictor, name) for name in ("seed", "levels", "centred", "mirror", "refine")}
    weights = hashlib.sha256(read_bytes(predictor.weights_path)).hexdigest()[:16]
    way = {"variant": predictor.variant.name, "weights": weights, "pyramid": predictor.use_pyramid, **given}
    files = sorted({*job.formats, *output.ALWAYS} & set(output.PER_PHOTOGRAPH))
    return way | {"threshold": job.threshold, "hands": job.hands, "side": job.side, "formats": files}


def _predict(predictor, photographs, job, made_with, show):
    """How many of ``photographs`` could not be read."""
    bad, noted, begun = 0, False, deque()

    def pictures():
        nonlocal bad
        for one in photographs:
            try:
                image = images.read_color(one.path)
            except InputError as error:
                tqdm.write(f"error: {error}", file=sys.stderr)
                bad += 1
                bar.update()
                continue
            begun.append((one, image))
            yield image

    with tqdm(total=len(photographs), unit="image", disable=len(photographs) < 2 or not show) as bar:
        for hands in _hands(predictor, pictures(), job.hands):
            one, image = begun.popleft()
            if not noted:
                output.note(job.folder, made_with)
                noted = True
            output.write_hands(job.folder, one, image, hands, job.threshold, job.formats, job.side)
            if len(photographs) <= NAMED:
                tqdm.write(output.summary(one.name, hands, job.threshold))
            bar.update()
    return bad


def _hands(predictor, pictures, count):
    """Yield a list of Hands a picture."""
    if count > 1:
        yield from (predictor.predict_hands(picture, count) for picture in pictures)
    else:
        yield from ([hand] for hand in predictor.predict_many(pictures))
