"""Curves of training runs: losses, validation scores, learning rate and speed over the iterations, run beside run.

One run has a colour for each loss; of several, each has one colour for all it draws, and a loss has a line style.
"""

import itertools
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from maskpose.errors import InputError
from maskpose.io.printable import plot_label
from maskpose.training import definitions
from maskpose.training.loss_log import part_name, read_losses
from maskpose.visualization.plots import new_figure, save_figure

TOTAL = "total"
SUFFIXES = (".png", ".svg", ".pdf")
# total, then the parts in the network's order; dash patterns in line widths
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
    """One run to draw."""

    label: str
    rows: list  # of read_losses
    weights: dict  # {loss: its weight in the total}; 1 where it is not named

    def column(self, name, smooth=1):
        """(iterations, values), float64 of one length: the rows that have the column, as a moving mean."""
        rows = [row for row in self.rows if name in row]
        values = np.array([row[name] for row in rows])
        return np.array([row["iteration"] for row in rows]), moving_mean(values, smooth)

    def losses(self):
        """Names of the columns of losses, the total first."""
        names = dict.fromkeys(name for row in self.rows for name in row)
        return [name for name in names if name == TOTAL or "_loss" in name]


def read_run(path, label=None):
    """The Curves of a run's folder, or of its losses.csv; label: the path's own where None.

    Weights of the losses are those of the train.prototxt beside it, 1 where there is none. Raises InputError where
    there are no losses.
    """
    path = Path(path)
    file = path / "losses.csv" if path.is_dir() else path
    if not file.is_file():
        raise InputError(f"{path} is neither a run's folder nor a losses.csv")
    rows = read_losses(file)
    if not rows:
        raise InputError(f"{file} has no losses to draw")
    return Curves(label or str(path), rows, definitions.loss_weights(file.parent))


def read_runs(paths, labels=None):
    """Curves of several runs. labels: one a run; None: the paths, from where they differ.

    Raises InputError as read_run does, or where there are more or fewer labels than runs.
    """
    if labels and len(labels) != len(paths):
        raise InputError(f"{len(labels)} labels for {len(paths)} runs: give one a run")
    return [read_run(path, label) for path, label in zip(paths, labels or short_names(paths))]


def short_names(paths):
    """Paths without losses.csv and without the folders that all of them are in."""
    folders = [Path(path).parent if Path(path).name == "losses.csv" else Path(path) for path in paths]
    common = os.path.commonpath([os.path.abspath(folder.parent) for folder in folders])
    return [os.path.relpath(folder, common) for folder in folders]


def moving_mean(values, count):
    """(n,) mean of each value and the ``count`` - 1 before it, fewer at the start; NaN is left out, and stays NaN."""
    if count == 1:
        return values
    known = ~np.isnan(values)
    sums = np.cumsum(np.concatenate([np.zeros(count), np.where(known, values, 0.0)]))
    counts = np.cumsum(np.concatenate([np.zeros(count), known]))
    with np.errstate(invalid="ignore"):
        means = (sums[count:] - sums[:-count]) / (counts[count:] - counts[:-count])
    return np.where(known, means, np.nan)


def draw(runs, path, parts=None, smooth=1, title=None):
    """Draw Curves into a picture, PNG, SVG or PDF by its suffix; arguments as in ``figure``."""
    check_suffix(path)
    save_figure(figure(runs, parts, smooth, title), path, dpi=110)


def check_suffix(path):
    """Raise InputError for a picture's path that is neither PNG, SVG nor PDF."""
    if Path(path).suffix not in SUFFIXES:
        raise InputError(f"{path}: a picture's name must end in {', '.join(SUFFIXES)}")


def figure(runs, parts=None, smooth=1, title=None):
    """A matplotlib Figure of the runs' curves, with a panel for each kind of column that any of them has.

    parts: names of the losses to draw, as ``part_name`` gives them, or ["all"]; None: all of one run, of several the
    total, the mask's and the last sub-stage's. Losses are multiplied by their weights; zeros, as of no masks, leave
    gaps. smooth: rows that losses and speed are averaged over; the total itself is drawn pale behind its mean. Raises
    InputError for a part that no run has.
    """
    from matplotlib import colormaps
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    losses = chosen_losses(runs, parts)
    panels = [name for name in PANELS if any(name in row for run in runs for row in run.rows)]
    scores = [name for name in SCORES if any(name in row for run in runs for row in run.rows)]
    width, height = (12, 6.5) if panels else (8, 5)  # inches
    chart = new_figure(width, height, layout=None)
    axes = _lay_out(chart, panels, bool(scores))
    colours = [f"C{i}" for i in range(len(runs))]
    if len(runs) > 10:  # as many as there are of those
        colours = list(map(tuple, colormaps["turbo"](np.linspace(0, 1, len(runs)))))

    _draw_losses(axes["loss"], runs, losses, smooth, colours)
    for name in panels:
        for run, colour in zip(runs, colours):
            axes[name].plot(*run.column(name, 1 if name == "learning_rate" else smooth), color=colour, linewidth=1.2)
        axes[name].set(ylabel=PANELS[name])
    if "learning_rate" in axes:
        axes["learning_rate"].ticklabel_format(axis="y", scilimits=(-2, 3))
    if "images_per_second" in axes:
        axes["images_per_second"].set_ylim(bottom=0)
    if "waiting_share" in axes:
        axes["waiting_share"].set_ylim(0, max(0.1, axes["waiting_share"].get_ylim()[1]))
        axes["waiting_share"].yaxis.set_major_formatter(PercentFormatter(1, decimals=None))
    if scores:
        _draw_scores(axes["scores"], runs, scores, colours)
    axes["loss"].xaxis.set_major_locator(MaxNLocator(8, steps=[1, 2, 5, 10], integer=True))  # of all: they share it
    axes["loss"].margins(x=0.02)
    for panel in axes.values():
        panel.grid(alpha=0.3)
        lowest = panel.get_subplotspec().is_last_row()
        panel.tick_params(labelbottom=lowest)
        if lowest:
            panel.set_xlabel("iteration")
    below = 0.6
    if len(runs) > 1:
        handles = [axes["loss"].plot([], [], color=colour, linewidth=2)[0] for colour in colours]
        longest = max(len(run.label) for run in runs)
        columns = min(len(runs), max(1, 130 // (longest + 8)))
        names = [plot_label(run.label) for run in runs]
        chart.legend(handles, names, loc="lower center", ncols=columns, fontsize="medium")
        below += 0.25 + 0.22 * -(-len(runs) // columns)
    if title:
        chart.suptitle(plot_label(title), y=1 - 0.12 / height, verticalalignment="top")
    # by hand, as matplotlib's own layout takes as long as all the rest
    above = 0.55 if title else 0.35
    chart.subplots_adjust(0.75 / width, below / height, 1 - 0.2 / width, 1 - above / height, wspace=0.19, hspace=0.5)
    return chart


def chosen_losses(runs, parts=None):
    """Columns of the losses that ``parts`` names, or where it is None those that ``figure`` says, the total first."""
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


def _lay_out(chart, panels, scores):
    """{panel: Axes} over one x axis: losses, and scores below them, at the left, ``panels`` at the right."""
    rows = 6  # a number that 1, 2 and 3 divide
    left = ["loss"] * 4 + ["scores"] * 2 if scores else ["loss"] * rows
    right = [name for name in panels for _ in range(rows // len(panels))]
    grid = [list(row) for row in (zip(left, right) if panels else zip(left))]
    return chart.subplot_mosaic(grid, sharex=True, width_ratios=[3, 2] if panels else None)


def _draw_losses(axes, runs, losses, smooth, colours):
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


def _draw_scores(axes, runs, scores, colours):
    for run, colour in zip(runs, colours):
        for name in scores:
            style = {"val_pck": "o-", "val_mask_iou": "s--"}[name]
            axes.plot(*run.column(name), style, color=colour, linewidth=1.2, markersize=3, label=SCORES[name])
    axes.set(ylabel="validation")
    _add_legend(axes, len(runs) > 1)


def _add_legend(axes, grey, **options):
    """A legend with each label once; grey: in that colour, as each run has its own."""
    lines = {line.get_label(): line for line in axes.lines if not line.get_label().startswith("_")}
    legend = axes.legend(lines.values(), lines.keys(), fontsize="small", **options)
    for handle in legend.legend_handles if grey else []:
        handle.set_color("0.3")
