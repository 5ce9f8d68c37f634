"""The record of a training run: its losses as CSV, and their picture."""

import csv
import time
from pathlib import Path

from maskpose.errors import InputError
from maskpose.files import write_text, written_beside


class LossLog:
    """losses.csv: a row holds means over the iterations since the row before.

    Columns: iteration, total (the weighted sum), each loss unweighted, images_per_second, and
    waiting_share (of the time, spent waiting for data; 0 to 1). ``heatmap_loss_stage<t+1>`` is of the
    paper's sub-stage S^t.
    """

    def __init__(self, path, weights, first, batch_size):
        """weights: {loss: its weight in the total}; rows of ``path`` after iteration ``first`` are cut off."""
        self.path = Path(path)
        self.weights = weights
        self.written = first
        self._batch_size = batch_size
        self._columns = ["iteration", "total", *weights, "images_per_second", "waiting_share"]
        self._kept = [row for row in read_losses(path) if row["iteration"] <= first] if first else []
        self._reset(0.0)

    def __enter__(self):
        rows = [self._columns]
        rows += [[f"{row[column]:.6g}" if column in row else "" for column in self._columns] for row in self._kept]
        write_text(self.path, "".join(",".join(row) + "\n" for row in rows))
        self._file = self.path.open("a", newline="")
        return self

    def __exit__(self, *exception):
        self._file.close()

    def add(self, losses, waited):
        """Take one iteration's ``losses`` ({name: value}); ``waited``: seconds waited for data so far."""
        self._waited = waited
        self._count += 1
        for name in self.weights:
            self._sums[name] += losses[name]

    def write(self, iteration):
        """Write a row; give it as one line for a progress bar, in which the losses are weighted."""
        elapsed = time.monotonic() - self._started
        means = {name: total / self._count for name, total in self._sums.items()}
        total = sum(self.weights[name] * mean for name, mean in means.items())
        rate = self._count * self._batch_size / elapsed
        waiting = (self._waited - self._waited_before) / elapsed
        values = [total, *means.values(), rate, waiting]
        csv.writer(self._file).writerow([iteration, *(f"{value:.6g}" for value in values)])
        self._file.flush()
        self.written = iteration
        self._reset(self._waited)
        parts = " ".join(
            f"{part_name(name, self.weights[name])} {self.weights[name] * mean:.4g}" for name, mean in means.items()
        )
        return f"loss {total:.5g} ({parts}) {rate:.1f} images/s, waiting {100 * waiting:.0f} %"

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
    """The rows of a losses.csv as dicts of floats; [] where there is no such file."""
    path = Path(path)
    if not path.is_file():
        return []
    lines = path.read_text().splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines.pop()  # torn by a kill
    try:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(lines)]
    except (TypeError, ValueError):
        raise InputError(f"{path} is not a losses.csv of the trainer") from None


def plot_losses(csv_path, png_path, weights=None):
    """Draw the loss curves of a losses.csv, logarithmic, the total first; zeros, as of no masks, leave gaps.

    weights: {loss: what it is multiplied by}, the weights in the total; 1 where it is not named.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = read_losses(csv_path)
    if not rows:
        raise InputError(f"{csv_path} has no losses to draw")
    figure = Figure(figsize=(8, 5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    iterations = [row["iteration"] for row in rows]
    for name in rows[0]:
        weight = (weights or {}).get(name, 1.0)
        values = [weight * row[name] for row in rows]
        if (name == "total" or "_loss" in name) and max(values) > 0:
            width = 1.8 if name == "total" else 0.9
            values = [value if value > 0 else float("nan") for value in values]
            axes.plot(iterations, values, linewidth=width, label=part_name(name, weight))
    axes.set(xlabel="iteration", ylabel="loss")
    axes.grid(alpha=0.3)
    if axes.lines:
        axes.set_yscale("log")
        axes.legend(ncols=2)
    with written_beside(png_path) as partial:
        figure.savefig(partial, dpi=110)
