"""Scores for people: the table, the lines of keypoints and fingers, and the curves.

``tables`` are by title, such as a mode or a program: what maskpose.evaluation.scores.scores_by_origin or scores_by_size
returned, scores by group.
"""

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from maskpose.errors import printable
from maskpose.evaluation.detection import detection_curve
from maskpose.io.files import remove, write_text
from maskpose.io.tables import csv_text
from maskpose.visualization.plots import new_figure, plot_label, save_figure

if TYPE_CHECKING:
    from maskpose.evaluation.results import Results

Tables: TypeAlias = Mapping[str, Mapping[str, dict[str, Any]]]


def table_text(tables: Tables, at: float = 0.2, by: str = "origin") -> str:
    """Return the table: a row per group and title, the rows of a group below one another.

    The column of false hands is there if there are images without a hand.

    Args:
        tables: by title.
        at: the PCK threshold, for the heading.
        by: what the groups are, one of maskpose.evaluation.scores.GROUPINGS.
    """
    groups = _groups(tables)
    without_hand = any(row["without_hand"] for _, _, row in _rows(tables))
    width = max(10, *(len(printable(title)) + 2 for title in tables))
    header = f"{'of':<16}{'by':<{width}}{'images':>7}{f'PCK@{at:g} (95 %)':>25}{'AUC':>7}{'px mean':>9}{'median':>8}"
    header += f"{'missed':>8}{'found (95 %)':>25}" + (f"{'false hands (95 %)':>25}" if without_hand else "")
    lines = [header + f"{'masks':>7}{'IoU (95 %)':>25}{'AP50':>7}{'AP75':>7}{'AP80':>7}{'50:95':>7}"]
    for group, title, row in _rows(tables):
        lines.append(
            f"{printable(group):<16}{printable(title):<{width}}"
            f"{row['images']:>7}{_with_interval(row['pck']):>25}{_value(row['auc'], 3):>7}"
            f"{_value(row['epe_mean'], 1):>9}{_value(row['epe_median'], 1):>8}{row['missed']:>8}"
            f"{_with_interval(row['found']):>25}"
            + (f"{_with_interval(row['claimed']):>25}" if without_hand else "")
            + f"{row['masks']:>7}{_with_interval(row['mask_iou']):>25}"
            + "".join(f"{_value(ap, 3):>7}" for ap in row["ap"].values())
        )
    if len(groups) > 1 and by == "origin":
        lines.append('"all" mixes them: images and labels differ, so read each for itself')
    return "\n".join([*lines, *mask_notes(tables)])


def mask_notes(tables: Tables) -> list[str]:
    """Return what readers of IoU and AP should know about the masks, a sentence each."""
    rows = [table["all"] for table in tables.values()]
    masks, unknown, without_hand = (
        max(row[name] for row in rows) for name in ("masks", "masks_with_unknown", "without_hand")
    )
    notes = []
    if unknown:
        notes.append(f"unknown pixels, of {unknown} of {masks} masks, count neither in intersection nor in union")
    if without_hand and masks:
        notes.append(f"IoU and AP leave out the {without_hand} images without a hand")
    return notes


def per_keypoint_text(tables: Tables, at: float = 0.2) -> str:
    """Return a line of PCK per finger and a line per keypoint for each group and title; "" if no table has a PCK.

    Args:
        tables: by title.
        at: the PCK threshold, for the headings.
    """
    return "\n".join(
        f"PCK@{at:g} per {what}, {printable(group)}, {printable(title)}: "
        + "  ".join(f"{name} {_value(score, 2)}" for name, score in row[key].items())
        for group, title, row in _rows(tables)
        for what, key in (("finger", "pck_per_finger"), ("keypoint", "pck_per_joint"))
        if row["pck"]["value"] is not None
    )


def write_curves(tables: Tables, folder: Path) -> list[str]:
    """Write the PCK curves as pck.csv and, with their 95 % intervals, as pck.png; return the files' names.

    If no table has a PCK, the files of an earlier call are removed, and [] is returned.
    """
    files = ["pck.csv", "pck.png"]
    rows = {(group, title): row for title, table in tables.items() for group, row in table.items()}
    curves = {key: row["curve"] for key, row in rows.items() if row["pck"]["value"] is not None}
    if not curves:
        for name in files:
            remove(folder / name)
        return []
    thresholds = next(iter(curves.values()))["thresholds"]
    values = ([f"{t:.2f}", *(curve["value"][i] for curve in curves.values())] for i, t in enumerate(thresholds))
    write_text(folder / "pck.csv", csv_text([["threshold", *map(", ".join, curves)], *values]))
    figure = new_figure(9, 5)
    axes = figure.add_subplot()
    colours = {group: f"C{i}" for i, group in enumerate(dict.fromkeys(group for group, _ in curves))}
    styles = dict(zip(tables, itertools.cycle(["-", "--", ":", "-."])))
    for (group, title), curve in curves.items():
        colour = colours[group] if len(colours) > 1 else f"C{list(tables).index(title)}"
        label = plot_label(f"{group}, {title}")
        axes.plot(thresholds, curve["value"], label=label, color=colour, linestyle=styles[title])
        axes.fill_between(thresholds, curve["low"], curve["high"], color=colour, alpha=0.1, linewidth=0)
    axes.set(xlabel="normalised distance", ylabel="PCK", xlim=(0, thresholds[-1]), ylim=(0, 1))
    axes.grid(alpha=0.3)
    figure.legend(loc="outside right upper", fontsize="small")
    save_figure(figure, folder / "pck.png", dpi=110)
    return files


def write_detection_curves(
    results: Mapping[str, "Results"], thresholds: Mapping[str, float], folder: Path
) -> list[str]:
    """Plot the hands found against the images without a hand in which one is claimed, as found.png.

    Args:
        results: by title. Those without hands, without such images or without scores have no curve.
        thresholds: of Hand.score by title, to be marked on the curves; titles may be missing.
        folder: to write into. If there is no curve, a file of an earlier call is removed.

    Returns:
        ["found.png"], or [] if there is no curve.
    """
    curves = {title: curve for title, one in results.items() if (curve := detection_curve(one)) is not None}
    path = folder / "found.png"
    if not curves:
        remove(path)
        return []
    figure = new_figure(6, 4.5)
    axes = figure.add_subplot()
    for number, (title, (at, found, claimed)) in enumerate(curves.items()):
        axes.plot(claimed, found, label=plot_label(title), color=f"C{number}", marker=".", markersize=3)
        if title in thresholds:
            n = int(np.argmin(np.abs(at - thresholds[title])))
            axes.plot(claimed[n], found[n], "o", color=f"C{number}", fillstyle="none", markersize=10)
            label = f"score {thresholds[title]:g}"
            axes.annotate(label, (claimed[n], found[n]), (12, -12), textcoords="offset points", fontsize="small")
    axes.set(
        xlabel="images without a hand in which one is claimed",
        ylabel="hands found",
        xlim=(-0.02, 1.02),
        ylim=(0, 1.02),
    )
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right", fontsize="small")
    save_figure(figure, path)
    return [path.name]


def _groups(tables: Tables) -> list[str]:
    """Return the groups of all tables, in the order in which they come."""
    return list(dict.fromkeys(group for table in tables.values() for group in table))


def _rows(tables: Tables) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield group, title and scores, group by group."""
    for group in _groups(tables):
        for title, table in tables.items():
            if group in table:
                yield group, title, table[group]


def _value(score: dict[str, float | None], digits: int) -> str:
    return "-" if score["value"] is None else f"{score['value']:.{digits}f}"


def _with_interval(score: dict[str, float | None]) -> str:
    if score["value"] is None:
        return "-"
    return f"{score['value']:.3f} ({score['low']:.3f}-{score['high']:.3f})"
