"""The record of a training run, losses.csv. It is written row by row, and cut back when the run resumes."""

import contextlib
import csv
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType

from maskpose.errors import InputError
from maskpose.io.files import GrowingFile, read_text, write_text
from maskpose.io.paths import PathLike
from maskpose.io.text import split_lines

VALIDATION = ("val_pck", "val_mask_iou")


class LossLog:
    """losses.csv, open for new rows within a ``with`` block. A row holds means over the iterations since the last one.

    Its columns are

    - iteration,
    - total, the weighted sum of the losses,
    - each loss, unweighted; ``heatmap_loss_stage<t+1>`` is that of the paper's sub-stage S^t,
    - learning_rate of the row's last iteration,
    - images_per_second,
    - waiting_share, the share of the time that was spent waiting for data, 0 to 1,
    - val_pck and val_mask_iou, the scores on the validation database, 0 to 1; empty if they were not measured.
    """

    def __init__(self, path: PathLike, weights: Mapping[str, float], first: int, batch_size: int):
        """Read the rows that stay. If an earlier version wrote them, the cells of newer columns are empty.

        Args:
            path: of the losses.csv; rows after iteration ``first`` are cut off.
            weights: {loss: its weight in the total}.
            first: iteration that the run resumes from; 0: a new run.
            batch_size: images of an iteration.

        Raises:
            InputError: ``path`` is another file.
        """
        self.path = Path(path)
        self.weights = weights
        self._batch_size = batch_size
        self._columns = ["iteration", "total", *weights, "learning_rate", "images_per_second", "waiting_share"]
        self._columns += VALIDATION
        self._kept = [row for row in read_losses(path) if row["iteration"] <= first] if first else []
        self.newest_scores: dict[str, float] = {}  # the last measured value of each column of VALIDATION
        for row in self._kept:
            self._remember(row)
        self._reset(0.0)

    def __enter__(self) -> "LossLog":
        rows = [self._columns, *map(self._cells, self._kept)]
        write_text(self.path, "".join(",".join(row) + "\n" for row in rows))
        self._file = GrowingFile(self.path)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.__exit__(kind, error, traceback)

    def add(self, losses: Mapping[str, float], waited: float) -> None:
        """Add one iteration.

        Args:
            losses: {name: value}.
            waited: seconds that the whole run has waited for data until now.
        """
        self._waited = waited
        self._count += 1
        for name in self.weights:
            self._sums[name] += losses[name]

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Within it, time does not count in images_per_second and waiting_share."""
        began = time.monotonic()
        yield
        self._started += time.monotonic() - began

    def write(
        self, iteration: int, learning_rate: float, scores: Mapping[str, float] | None = None
    ) -> dict[str, float]:
        """Write a row of the iterations that were added since the one before.

        Args:
            iteration: number of the last of them.
            learning_rate: of the last of them.
            scores: {column of VALIDATION: value} of those that were measured.

        Returns:
            {column: value} of the row.
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
            **(scores or {}),
        }
        self._file.write(",".join(self._cells(row)) + "\n")
        self._remember(row)
        self._reset(self._waited)
        return row

    def line(self, row: Mapping[str, float]) -> str:
        """Return a row for a progress bar: the losses are weighted, so that they add up; then the newest scores."""
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


def part_name(loss: str, weight: float = 1.0) -> str:
    """Return a loss's name as curves and progress bars show it, with its weight if that is not 1."""
    name = loss.replace("heatmap_loss_", "").replace("_loss", "")
    return name if weight == 1 else f"{name} ×{weight:g}"


def read_losses(path: PathLike) -> list[dict[str, float]]:
    """Return the rows of a losses.csv as {column: value}, without empty cells; [] if there is no such file.

    Raises InputError if it is another file.
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
        lines.pop()  # a kill interrupted its writing
    try:
        rows = [{key: float(cell) for key, cell in row.items() if cell != ""} for row in csv.DictReader(lines)]
    except (TypeError, ValueError, csv.Error):
        raise InputError(complaint) from None
    if not all("iteration" in row for row in rows):
        raise InputError(complaint)
    return rows
