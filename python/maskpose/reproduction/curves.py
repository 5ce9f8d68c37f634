"""PCK curves of Fig. 9 and 10, as PNG, SVG and the numbers as CSV."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from maskpose.evaluation import metrics, protocols
from maskpose.evaluation.results import Results
from maskpose.evaluation.sums import CURVE
from maskpose.io.files import write_text
from maskpose.io.tables import csv_text
from maskpose.keypoints import FINGERS
from maskpose.reproduction import paper
from maskpose.reproduction.estimates import estimate, resample
from maskpose.visualization.drawing import FINGER_COLOURS
from maskpose.visualization.plots import new_figure, save_figure

ALL = "all keypoints"
SINGLE = {"wrist": 0, **{f"{finger} tip": joints[-1] for finger, joints in FINGERS.items()}}  # {panel: its keypoint}
COLUMNS = 3
PANEL_INCHES = 4.2, 3.4
DARKER = 0.8  # times the fingers' colours, which are made to be drawn on images


@dataclass
class Line:
    """A curve of a panel."""

    label: str
    values: npt.NDArray[np.float64]  # (T,) PCK at the thresholds CURVE
    colour: Any = None  # matplotlib's
    style: str = "-"
    low: npt.NDArray[np.float64] | None = None  # (T,) of its interval
    high: npt.NDArray[np.float64] | None = None


def figure9(models: Mapping[str, Sequence[Results]], small: Sequence[str]) -> dict[str, list[Line]]:
    """Return {panel: its lines} of Fig. 9: all keypoints, the wrist and the fingertips; EA dashed, EB solid.

    Args:
        models: {network or other program: [its results on EB, one for each seed]}.
        small: names of the images of EA.
    """
    panels: dict[str, list[Line]] = {ALL: []} | {name: [] for name in SINGLE}
    colours = _colours(models)
    for name, seeds in models.items():
        for set_name, style in (("EB", "-"), ("EA", "--")):
            chosen = seeds if set_name == "EB" else [only(results, small) for results in seeds]
            label, colour = f"{paper.TITLES.get(name, name)}, {set_name}", colours[name]
            whole = estimate([resample(results) for results in chosen], "curve")
            panels[ALL].append(Line(label, whole.value, colour, style, whole.low, whole.high))
            per_keypoint = keypoint_curves(chosen)
            for panel, keypoint in SINGLE.items():
                panels[panel].append(Line(label, per_keypoint[:, keypoint], colour, style))
    return panels


def figure10(sets: Mapping[str, Mapping[str, Sequence[Results]]]) -> dict[str, list[Line]]:
    """Return {panel: its lines} of Fig. 10: all keypoints of every set, then each set's fingers.

    Lines of the first network are solid. sets: {set: {network: [its results, one for each seed]}}.
    """
    panels: dict[str, list[Line]] = {ALL: []} | {name: [] for name in sets}
    for number, (name, models) in enumerate(sets.items()):
        for (network, seeds), style in zip(models.items(), ("-", "--", ":", "-.")):
            title = paper.TITLES[network]
            whole = estimate([resample(results) for results in seeds], "curve")
            colour = list(paper.COLOURS.values())[number]
            panels[ALL].append(Line(f"{name}, {title}", whole.value, colour, style, whole.low, whole.high))
            fingers = metrics.mean_over_fingers(keypoint_curves(seeds))
            for finger, values in zip(FINGERS, fingers.T):
                panels[name].append(Line(f"{finger}, {title}", values, finger_colour(finger), style))
    return panels


def only(results: Results, names: Sequence[str]) -> Results:
    """Return the results of the images with these names."""
    return results.subset(np.isin(results.names, list(names)))


def keypoint_curves(seeds: Sequence[Results]) -> npt.NDArray[np.float64]:
    """Return the PCK of each keypoint at the thresholds CURVE, (T, 21), the mean over the seeds' results."""
    curves = []
    for results in seeds:
        curves.append(metrics.pck(protocols.normalised_errors(results), CURVE))
    return np.mean(curves, axis=0)


def finger_colour(finger: str) -> tuple[float, ...]:
    """Return a finger's colour for matplotlib: the paper's of Fig. 11, a little darker."""
    return tuple(DARKER * value / 255 for value in FINGER_COLOURS[finger][::-1])


def write_panels(panels: Mapping[str, Sequence[Line]], path: Path) -> None:
    """Write {panel: its lines} as ``path``.png, .svg and .csv."""
    heading = [f"{panel}: {line.label}" for panel, lines in panels.items() for line in lines]
    values = np.column_stack([line.values for lines in panels.values() for line in lines])
    rows = [[f"{at:.2f}", *("" if np.isnan(v) else f"{v:.4f}" for v in row)] for at, row in zip(CURVE, values)]
    write_text(path.with_suffix(".csv"), csv_text([["threshold", *heading], *rows]))

    count = -(-len(panels) // COLUMNS)
    figure = new_figure(COLUMNS * PANEL_INCHES[0], count * PANEL_INCHES[1])
    axes = figure.subplots(count, COLUMNS, squeeze=False).ravel()
    for ax in axes[len(panels) :]:
        ax.remove()
    for ax, (panel, lines) in zip(axes, panels.items()):
        for line in lines:
            ax.plot(CURVE, line.values, color=line.colour, linestyle=line.style, label=line.label)
            if line.low is not None:
                ax.fill_between(CURVE, line.low, line.high, color=line.colour, alpha=0.1, linewidth=0)
        ax.set(title=panel, xlabel="normalised distance", ylabel="PCK", xlim=(0, CURVE[-1]), ylim=(0, 1))
        ax.grid(alpha=0.3)
        if [line.label for line in lines] != [line.label for line in panels[ALL]] or panel == ALL:
            ax.legend(fontsize=6)
    for suffix in (".png", ".svg"):
        save_figure(figure, path.with_suffix(suffix))


def _colours(models):
    """{name: colour}: a network has its own, others take theirs in order."""
    others = [name for name in models if name not in paper.COLOURS]
    return paper.COLOURS | {
        name: paper.OTHER_COLOURS[number % len(paper.OTHER_COLOURS)] for number, name in enumerate(others)
    }
