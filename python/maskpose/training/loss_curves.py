"""Curves of training runs over the iterations: losses, validation scores, learning rate and speed.

If there is one run, each loss has a colour. If there are several, each run has a colour, and each loss a line style.
"""

import itertools
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from maskpose.errors import InputError
from maskpose.io.paths import PathLike
from maskpose.training import definitions
from maskpose.training.loss_log import part_name, read_losses
from maskpose.visualization.plots import new_figure, plot_label, save_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TOTAL = "total"
SUFFIXES = (".png", ".svg", ".pdf")
# of the total, then of the losses in the network's order; dash patterns in line widths
LINE_STYLES = (
    "-",
    (0, (4, 1.5)),
    (0, (1, 1)),
    (0, (4, 1.5, 1, 1.5)),
    (0, (8, 2)),
    (0, (1, 3)),
    (0, (6, 2, 1, 2, 1, 2)),
)
PANELS = {
    "learning_rate": "learning rate",
    "images_per_second": "images/s",
    "waiting_share": "waiting for data",
}
SCORES = {"val_pck": "PCK@0.2", "val_mask_iou": "mask IoU"}


@dataclass
class Curves:
    """One run to plot."""

    label: str
    rows: list[dict[str, float]]  # as read_losses returns them
    weights: Mapping[str, float]  # {loss: its weight in the total}; 1 if it is not named

    def column(self, name: str, smooth: int = 1) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Return (iterations, moving mean over ``smooth`` rows), each (n,), of the n rows that have the column."""
        rows = [row for row in self.rows if name in row]
        values = np.array([row[name] for row in rows])
        return np.array([row["iteration"] for row in rows]), moving_mean(values, smooth)

    def losses(self) -> list[str]:
        """Return the names of the columns of losses, the total first."""
        names = dict.fromkeys(name for row in self.rows for name in row)
        return [name for name in names if name == TOTAL or "_loss" in name]


def read_run(path: PathLike, label: str | None = None) -> Curves:
    """Return the curves of a run. The train.prototxt beside losses.csv says the losses' weights; without it they are 1.

    Args:
        path: of the run's folder, or of its losses.csv.
        label: None: the path.

    Raises:
        InputError: there are no losses.
    """
    path = Path(path)
    file = path / "losses.csv" if path.is_dir() else path
    if not file.is_file():
        raise InputError(f"{path} is neither a run's folder nor a losses.csv")
    rows = read_losses(file)
    if not rows:
        raise InputError(f"{file} has no losses to plot")
    return Curves(label or str(path), rows, definitions.read_loss_weights(file.parent))


def read_runs(paths: Sequence[PathLike], labels: Sequence[str] | None = None) -> list[Curves]:
    """Return the curves of several runs.

    Args:
        paths: as in ``read_run``.
        labels: one for each run; None: ``short_names`` of the paths.

    Raises:
        InputError: as ``read_run``, or there are more or fewer labels than runs.
    """
    if labels and len(labels) != len(paths):
        raise InputError(f"{len(labels)} labels for {len(paths)} runs: give one for each run")
    return [read_run(path, label) for path, label in zip(paths, labels or short_names(paths))]


def short_names(paths: Sequence[PathLike]) -> list[str]:
    """Return the paths without losses.csv and without the folders that all of them share."""
    folders = [Path(path).parent if Path(path).name == "losses.csv" else Path(path) for path in paths]
    common = os.path.commonpath([os.path.abspath(folder.parent) for folder in folders])
    return [os.path.relpath(folder, common) for folder in folders]


def moving_mean(values: npt.NDArray[np.float64], count: int) -> npt.NDArray[np.float64]:
    """Return the mean of each of (n,) values and the ``count`` - 1 before it, (n,).

    At the start the means are over fewer values. NaN stays NaN, and counts in no mean.
    """
    if count == 1:
        return values
    known = ~np.isnan(values)
    sums = np.cumsum(np.concatenate([np.zeros(count), np.where(known, values, 0.0)]))
    counts = np.cumsum(np.concatenate([np.zeros(count), known]))
    with np.errstate(invalid="ignore"):
        means = (sums[count:] - sums[:-count]) / (counts[count:] - counts[:-count])
    return np.where(known, means, np.nan)


def plot(
    runs: Sequence[Curves],
    path: PathLike,
    parts: Sequence[str] | None = None,
    smooth: int = 1,
    title: str | None = None,
) -> None:
    """Plot the curves of runs into a file, PNG, SVG or PDF by its suffix; arguments as in ``figure``."""
    check_suffix(path)
    save_figure(figure(runs, parts, smooth, title), Path(path), dpi=110)


def check_suffix(path: PathLike) -> None:
    """Raise InputError if a plot's path ends neither in .png, .svg nor .pdf."""
    if Path(path).suffix not in SUFFIXES:
        raise InputError(f"{path}: the name of a plot must end in {', '.join(SUFFIXES)}")


def figure(
    runs: Sequence[Curves], parts: Sequence[str] | None = None, smooth: int = 1, title: str | None = None
) -> "Figure":
    """Return the curves of runs as a matplotlib figure, with a panel for each kind of column that any of them has.

    Losses are multiplied by their weights. Zeros, as of samples without a mask, leave gaps.

    Args:
        runs: what to plot.
        parts: names of losses, as ``part_name`` returns them, or ["all"]; None: all losses of one run, or the total,
            the mask's and the last sub-stage's of several.
        smooth: rows that losses and speed are averaged over. The total itself is plotted pale behind its mean.
        title: above the panels.

    Raises:
        InputError: no run has a loss of ``parts``.
    """
    losses = chosen_losses(runs, parts)
    panels, scores = (_columns_that_exist(names, runs) for names in (PANELS, SCORES))
    width, height = (12, 6.5) if panels else (8, 5)  # inches
    chart = new_figure(width, height, layout=None)
    axes = _lay_out(chart, panels, bool(scores))
    colours = _run_colours(len(runs))
    _plot_losses(axes["loss"], runs, losses, smooth, colours)
    for name in panels:
        _plot_panel(axes[name], name, runs, smooth, colours)
    if scores:
        _plot_scores(axes["scores"], runs, scores, colours)
    _format_iterations(axes)
    legend_rows = _add_run_legend(chart, axes["loss"], runs, colours) if len(runs) > 1 else 0
    if title:
        chart.suptitle(plot_label(title), y=1 - 0.12 / height, verticalalignment="top")
    above, below = 0.55 if title else 0.35, 0.6 + (0.25 + 0.22 * legend_rows if legend_rows else 0)  # inches
    # margins by hand: matplotlib's own layout takes as long as everything else
    chart.subplots_adjust(0.75 / width, below / height, 1 - 0.2 / width, 1 - above / height, wspace=0.19, hspace=0.5)
    return chart


def chosen_losses(runs: Sequence[Curves], parts: Sequence[str] | None = None) -> list[str]:
    """Return the columns of the losses that ``parts`` selects, as in ``figure``, the total first."""
    columns = list(dict.fromkeys(itertools.chain.from_iterable(run.losses() for run in runs)))
    names = {part_name(column): column for column in columns}
    if parts is None and len(runs) > 1:
        stages = [column for column in columns if "stage" in column]
        return [column for column in columns if column not in stages[:-1]]
    if parts in (None, ["all"]):
        return columns
    for part in parts:
        if part not in names:
            raise InputError(f"no run has a loss {part!r}: there are {', '.join(names)}")
    return [column for name, column in names.items() if name in parts]


def _columns_that_exist(names, runs):
    """Those of ``names`` that are a column of any run."""
    return [name for name in names if any(name in row for run in runs for row in run.rows)]


def _run_colours(count):
    """A matplotlib colour for each of ``count`` runs."""
    if count <= 10:  # as many as the colour cycle has
        return [f"C{i}" for i in range(count)]
    from matplotlib import colormaps

    return list(map(tuple, colormaps["turbo"](np.linspace(0, 1, count))))


def _lay_out(chart, panels, scores):
    """{panel: Axes} with one x axis: losses at the left, scores below them, ``panels`` at the right."""
    rows = 6  # divisible by 1, 2 and 3
    left = ["loss"] * 4 + ["scores"] * 2 if scores else ["loss"] * rows
    right = [name for name in panels for _ in range(rows // len(panels))]
    grid = [list(row) for row in (zip(left, right) if panels else zip(left))]
    return chart.subplot_mosaic(grid, sharex=True, width_ratios=[3, 2] if panels else None)


def _plot_losses(axes, runs, losses, smooth, colours):
    from matplotlib import colormaps
    from matplotlib.ticker import LogLocator, NullFormatter

    stages = [column for column in losses if "stage" in column]
    for run, run_colour in zip(runs, colours):
        for column in losses:
            iterations, values = run.column(column)
            weight = run.weights.get(column, 1.0)
            values = np.where(values > 0, weight * values, np.nan)
            if np.isnan(values).all():
                continue
            colour = run_colour
            if len(runs) == 1:
                colour = "black" if column == TOTAL else "C3"
                if column in stages:
                    colour = colormaps["viridis"](0.9 * stages.index(column) / max(1, len(stages) - 1))
            style = {
                "color": colour,
                "linewidth": 1.8 if column == TOTAL else 1.0,
                "linestyle": LINE_STYLES[losses.index(column) % len(LINE_STYLES)] if len(runs) > 1 else "-",
            }
            if smooth > 1 and column == TOTAL:
                axes.plot(iterations, values, **{**style, "linewidth": 0.8, "alpha": 0.3})
            axes.plot(iterations, moving_mean(values, smooth), label=part_name(column, weight), **style)
    axes.set(ylabel="loss" if smooth == 1 else f"loss, mean of {smooth} rows")
    if axes.lines:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(lambda value, position: f"{value:g}")
        axes.yaxis.set_minor_formatter(NullFormatter())
        _add_legend(axes, len(runs) > 1, ncols=2)


def _plot_panel(axes, name, runs, smooth, colours):
    """Plot a column of PANELS."""
    from matplotlib.ticker import PercentFormatter

    for run, colour in zip(runs, colours):
        axes.plot(*run.column(name, 1 if name == "learning_rate" else smooth), color=colour, linewidth=1.2)
    axes.set(ylabel=PANELS[name])
    if name == "learning_rate":
        axes.ticklabel_format(axis="y", scilimits=(-2, 3))
    elif name == "images_per_second":
        axes.set_ylim(bottom=0)
    elif name == "waiting_share":
        axes.set_ylim(0, max(0.1, axes.get_ylim()[1]))
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=None))


def _plot_scores(axes, runs, scores, colours):
    for run, colour in zip(runs, colours):
        for name in scores:
            style = {"val_pck": "o-", "val_mask_iou": "s--"}[name]
            axes.plot(*run.column(name), style, color=colour, linewidth=1.2, markersize=3, label=SCORES[name])
    axes.set(ylabel="validation")
    _add_legend(axes, len(runs) > 1)


def _format_iterations(axes):
    """Grids, and one common axis of iterations that is labelled in the lowest panels."""
    from matplotlib.ticker import MaxNLocator

    axes["loss"].xaxis.set_major_locator(MaxNLocator(8, steps=[1, 2, 5, 10], integer=True))  # all panels share it
    axes["loss"].margins(x=0.02)
    for panel in axes.values():
        panel.grid(alpha=0.3)
        is_lowest = panel.get_subplotspec().is_last_row()
        panel.tick_params(labelbottom=is_lowest)
        if is_lowest:
            panel.set_xlabel("iteration")


def _add_run_legend(chart, axes, runs, colours):
    """Add a legend of the runs' colours below all panels; return how many rows it has."""
    handles = [axes.plot([], [], color=colour, linewidth=2)[0] for colour in colours]
    longest = max(len(run.label) for run in runs)
    columns = min(len(runs), max(1, 130 // (longest + 8)))
    names = [plot_label(run.label) for run in runs]
    chart.legend(handles, names, loc="lower center", ncols=columns, fontsize="medium")
    return -(-len(runs) // columns)


def _add_legend(axes, is_grey, **options):
    """Add a legend of a panel's lines with each label once, in grey if the colours stand for runs."""
    lines = {line.get_label(): line for line in axes.lines if not line.get_label().startswith("_")}
    legend = axes.legend(lines.values(), lines.keys(), fontsize="small", **options)
    for handle in legend.legend_handles if is_grey else []:
        handle.set_color("0.3")
