"""PCK's curves of Fig. 9 and 10: as PNG, SVG and the numbers as CSV."""

from dataclasses import dataclass

import numpy as np

from maskpose.evaluation import metrics, scoring
from maskpose.io.files import write_text
from maskpose.io.tables import csv_text
from maskpose.keypoints import FINGERS
from maskpose.reproduction import paper
from maskpose.reproduction.estimates import draw, estimate
from maskpose.visualization.drawing import FINGER_COLOURS
from maskpose.visualization.plots import new_figure, save_figure

ALL = "all keypoints"
SINGLE = {"wrist": 0, **{f"{finger} tip": joints[-1] for finger, joints in FINGERS.items()}}  # keypoints drawn alone
COLUMNS = 3
PANEL_INCHES = 4.2, 3.4
DARKER = 0.8  # of the fingers' colours, which are made for photographs


@dataclass
class Line:
    """A curve of a panel."""

    label: str
    values: np.ndarray  # (T,) PCK at scoring.CURVE
    colour: object = None
    style: str = "-"
    low: np.ndarray | None = None  # (T,) of its interval
    high: np.ndarray | None = None


def figure9(models, small):
    """{panel: [Line]} of Fig. 9: all keypoints, the wrist and the fingers' tips; EA dashed, EB solid.

    models: {network or name: [Results on EB, one a seed]}; small: names of the photographs of EA.
    """
    panels = {ALL: []} | {name: [] for name in SINGLE}
    colours = _colours(models)
    for name, seeds in models.items():
        for photographs, style in (("EB", "-"), ("EA", "--")):
            chosen = seeds if photographs == "EB" else [only(one, small) for one in seeds]
            about = {"label": f"{paper.TITLES.get(name, name)}, {photographs}", "colour": colours[name], "style": style}
            whole = estimate([draw(one) for one in chosen], "curve")
            panels[ALL].append(Line(values=whole.value, low=whole.low, high=whole.high, **about))
            joints = joint_curves(chosen)
            for panel, joint in SINGLE.items():
                panels[panel].append(Line(values=joints[:, joint], **about))
    return panels


def figure10(sets):
    """{panel: [Line]} of Fig. 10: all keypoints of every set, then each set's fingers; the first network solid.

    sets: {set: {network: [maskpose.evaluation.evaluate.Results, one a seed]}}.
    """
    panels = {ALL: []} | {name: [] for name in sets}
    for number, (name, models) in enumerate(sets.items()):
        for (network, seeds), style in zip(models.items(), ("-", "--", ":", "-.")):
            title = paper.TITLES[network]
            whole = estimate([draw(one) for one in seeds], "curve")
            colour = list(paper.COLOURS.values())[number]
            panels[ALL].append(Line(f"{name}, {title}", whole.value, colour, style, whole.low, whole.high))
            fingers = metrics.mean_over_fingers(joint_curves(seeds))
            for finger, values in zip(FINGERS, fingers.T):
                panels[name].append(Line(f"{finger}, {title}", values, finger_colour(finger), style))
    return panels


def only(results, names):
    """The photographs of ``names`` of a maskpose.evaluation.evaluate.Results."""
    return results.subset(np.isin(results.names, list(names)))


def joint_curves(seeds):
    """(T, 21) PCK of each joint at scoring.CURVE, the mean over seeds' maskpose.evaluation.evaluate.Results."""
    curves = []
    for results in seeds:
        counts = scoring.counting(results, scoring.PROTOCOLS["paper"])
        errors = metrics.normalised_errors(results.predicted, results.truth, counts, scoring.sizes(results))
        curves.append(metrics.pck(errors, scoring.CURVE))
    return np.mean(curves, axis=0)


def finger_colour(finger):
    """matplotlib's of a finger: the paper's of Fig. 11, a little darker."""
    return tuple(DARKER * value / 255 for value in FINGER_COLOURS[finger][::-1])


def write(panels, path):
    """Write {panel: [Line]} as ``path``.png, .svg and .csv."""
    heading = [f"{panel}: {line.label}" for panel, lines in panels.items() for line in lines]
    values = np.column_stack([line.values for lines in panels.values() for line in lines])
    rows = [[f"{at:.2f}", *("" if np.isnan(v) else f"{v:.4f}" for v in row)] for at, row in zip(scoring.CURVE, values)]
    write_text(path.with_suffix(".csv"), csv_text([["threshold", *heading], *rows]))

    count = -(-len(panels) // COLUMNS)
    figure = new_figure(COLUMNS * PANEL_INCHES[0], count * PANEL_INCHES[1])
    axes = figure.subplots(count, COLUMNS, squeeze=False).ravel()
    for ax in axes[len(panels) :]:
        ax.remove()
    for ax, (panel, lines) in zip(axes, panels.items()):
        for line in lines:
            ax.plot(scoring.CURVE, line.values, color=line.colour, linestyle=line.style, label=line.label)
            if line.low is not None:
                ax.fill_between(scoring.CURVE, line.low, line.high, color=line.colour, alpha=0.1, linewidth=0)
        ax.set(title=panel, xlabel="normalised distance", ylabel="PCK", xlim=(0, scoring.CURVE[-1]), ylim=(0, 1))
        ax.grid(alpha=0.3)
        if [line.label for line in lines] != [line.label for line in panels[ALL]] or panel == ALL:
            ax.legend(fontsize=6)
    for suffix in (".png", ".svg"):
        save_figure(figure, path.with_suffix(suffix))


def _colours(models):
    """{name: colour}: the networks' own, others in order."""
    others = [name for name in models if name not in paper.COLOURS]
    return paper.COLOURS | {
        name: paper.OTHER_COLOURS[number % len(paper.OTHER_COLOURS)] for number, name in enumerate(others)
    }
