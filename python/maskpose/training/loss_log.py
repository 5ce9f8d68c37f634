"""The record of a training run, losses.csv: written row by row, cut back where a run resumes, read again."""

import contextlib
import csv
import time
from pathlib import Path

from maskpose.errors import InputError
from maskpose.io.files import GrowingFile, read_text, write_text
from maskpose.io.text import split_lines

VALIDATION = ("val_pck", "val_mask_iou")


class LossLog:
    """losses.csv: a row holds means over the iterations since the row before.

    Columns: iteration; total, the weighted sum; each loss unweighted, of which ``heatmap_loss_stage<t+1>`` is of
    the paper's sub-stage S^t; learning_rate, of the row's last iteration; images_per_second; waiting_share, of the
    time, spent waiting for data; and the scores on the validation database, val_pck and val_mask_iou, empty where
    none were measured. Shares and scores are 0 to 1.
    """

    def __init__(self, path, weights, first, batch_size):
        """weights: {loss: its weight in the total}; rows of ``path`` after iteration ``first`` are cut off.

        A row that was written before a column came to be has that cell empty. Raises InputError where ``path`` is
        no losses.csv.
        """
        self.path = Path(path)
        self.weights = weights
        self._batch_size = batch_size
        self._columns = ["iteration", "total", *weights, "learning_rate", "images_per_second", "waiting_share"]
        self._columns += VALIDATION
        self._kept = [row for row in read_losses(path) if row["iteration"] <= first] if first else []
        self.newest_scores = {}  # the last that were measured, by column
        for row in self._kept:
            self._remember(row)
        self._reset(0.0)

    def __enter__(self):
        rows = [self._columns, *map(self._cells, self._kept)]
        write_text(self.path, "".join(",".join(row) + "\n" for row in rows))
        self._file = GrowingFile(self.path)
        return self

    def __exit__(self, *exception):
        self._file.__exit__(*exception)

    def add(self, losses, waited):
        """Take one iteration's ``losses`` ({name: value}); ``waited``: seconds waited for data so far."""
        self._waited = waited
        self._count += 1
        for name in self.weights:
            self._sums[name] += losses[name]

    @contextlib.contextmanager
    def paused(self):
        """Within it, time counts neither in images_per_second nor in waiting_share."""
        began = time.monotonic()
        yield
        self._started += time.monotonic() - began

    def write(self, iteration, learning_rate, scores=()):
        """Write a row of the iterations added since the last; give it as {column: value}.

        scores: {column of VALIDATION: value}, what was measured of them.
        """
        elapsed = time.monotonic() - self._started
        means = {name: total / self._count for name, total in self._sums.items()}
        row = {
            "iteration": iteration,
            "total": sum(self.weights[name] * mean for name, mean in means.items()),
            **means,
            "learning_rate": learning_rate,
            "images_per_second": self._count * self._batch_size / elapsed,
            "waiting_share": (self._waited - self._waited_before) / elapsed,
            **dict(scores),
        }
        self._file.write(",".join(self._cells(row)) + "\n")
        self._remember(row)
        self._reset(self._waited)
        return row

    def line(self, row):
        """A row for a progress bar: its losses are weighted, so that they add up; then the newest scores."""
        parts = " ".join(f"{part_name(name, weight)} {weight * row[name]:.4g}" for name, weight in self.weights.items())
        speed = f"{row['images_per_second']:.1f} images/s, waiting {100 * row['waiting_share']:.0f} %"
        names = {"val_pck": "val PCK", "val_mask_iou": "val IoU"}
        scores = "".join(f", {names[column]} {value:.3f}" for column, value in self.newest_scores.items())
        return f"loss {row['total']:.5g} ({parts}) {speed}{scores}"

    def _cells(self, row):
        first, *rest = self._columns
        return [f"{row[first]:.0f}", *(f"{row[column]:.6g}" if column in row else "" for column in rest)]

    def _remember(self, row):
        self.newest_scores.update({column: row[column] for column in VALIDATION if column in row})

    def _reset(self, waited):
        self._started = time.monotonic()
        self._waited = self._waited_before = waited
        self._count = 0
        self._sums = dict.fromkeys(self.weights, 0.0)


def part_name(loss, weight=1.0):
    """A loss's name, with its weight where that is not 1, as curves and progress lines show it."""
    name = loss.replace("heatmap_loss_", "").replace("_loss", "")
    return name if weight == 1 else f"{name} ×{weight:g}"


def read_losses(path):
    """The rows of a losses.csv as {column: float}, without the cells that are empty; [] where there is no such file.

    Raises InputError where it is another file.
    """
    path = Path(path)
    if not path.is_file():
        return []
    complaint = f"{path} is not a losses.csv of the trainer"
    try:
        lines = split_lines(read_text(path))
    except InputError as error:
        raise InputError(f"{complaint}: {error}") from None
    if lines and not lines[-1].endswith("\n"):
        lines.pop()  # torn by a kill
    try:
        rows = [{key: float(cell) for key, cell in row.items() if cell != ""} for row in csv.DictReader(lines)]
    except (TypeError, ValueError, csv.Error):
        raise InputError(complaint) from None
    if not all("iteration" in row for row in rows):
        raise InputError(complaint)
    return rows
