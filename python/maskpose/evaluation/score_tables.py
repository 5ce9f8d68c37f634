"""Scores for people: the table, the lines of joints and fingers, and PCK's curves.

``tables`` is {way of predicting: what maskpose.evaluation.scoring.scores_by_origin or …_by_size gave}.
"""

import itertools

import numpy as np

from maskpose.evaluation import scoring
from maskpose.io.files import remove, write_text
from maskpose.io.printable import plot_label, printable
from maskpose.io.tables import csv_text
from maskpose.visualization.plots import new_figure, save_figure


def table_text(tables, at=0.2, by="origin"):
    """A row for each part and way, the part's ways below one another; ``at``: PCK's threshold in the heading; ``by``:
    which parts they are. The column of false hands is there if there are images without a hand."""
    origins = _origins(tables)
    empty = any(row["without_hand"] for _, _, row in _rows(tables, origins))
    width = max(10, *(len(printable(way)) + 2 for way in tables))
    header = f"{'of':<16}{'way':<{width}}{'images':>7}{f'PCK@{at:g} (95 %)':>25}{'AUC':>7}{'px mean':>9}{'median':>8}"
    header += f"{'missed':>8}{'found (95 %)':>25}" + (f"{'false hands (95 %)':>25}" if empty else "")
    lines = [header + f"{'masks':>7}{'IoU (95 %)':>25}{'AP50':>7}{'AP75':>7}{'AP80':>7}{'50:95':>7}"]
    for origin, way, row in _rows(tables, origins):
        lines.append(
            f"{printable(origin):<16}{printable(way):<{width}}"
            f"{row['images']:>7}{_with_interval(row['pck']):>25}{_text(row['auc'], 3):>7}"
            f"{_text(row['epe_mean'], 1):>9}{_text(row['epe_median'], 1):>8}{row['missed']:>8}"
            f"{_with_interval(row['found']):>25}"
            + (f"{_with_interval(row['claimed']):>25}" if empty else "")
            + f"{row['masks']:>7}{_with_interval(row['mask_iou']):>25}"
            + "".join(f"{_text(ap, 3):>7}" for ap in row["ap"].values())
        )
    if len(origins) > 1 and by == "origin":
        lines.append('"all" mixes them: photographs and labels differ, so read each for itself')
    return "\n".join([*lines, *mask_notes(tables)])


def mask_notes(tables):
    """[what is to be said of the masks that IoU and AP are of], a sentence each."""
    rows = [table["all"] for table in tables.values()]
    masks, unknown, empty = (max(row[name] for row in rows) for name in ("masks", "masks_with_unknown", "without_hand"))
    notes = []
    if unknown:
        notes.append(f"unknown pixels, of {unknown} of {masks} masks, count neither in intersection nor in union")
    if empty and masks:
        notes.append(f"IoU and AP leave out the {empty} images without a hand")
    return notes


def per_joint_text(tables, at=0.2):
    """A line of PCK per finger and one per joint for each part and way; "" where nothing has a pose."""
    return "\n".join(
        f"PCK@{at:g} per {what}, {printable(origin)}, {printable(way)}: "
        + "  ".join(f"{name} {_text(figure, 2)}" for name, figure in row[f"pck_per_{what}"].items())
        for origin, way, row in _rows(tables, _origins(tables))
        for what in ("finger", "joint")
        if row["pck"]["value"] is not None
    )


def write_curves(tables, folder):
    """Write PCK's curves as pck.csv and, with their 95 % intervals, as pck.png; give the names of the files.

    Where nothing has a pose there are none, and those of an earlier call are removed.
    """
    files = ["pck.csv", "pck.png"]
    scored = {(origin, way): row for way, table in tables.items() for origin, row in table.items()}
    curves = {key: row["curve"] for key, row in scored.items() if row["pck"]["value"] is not None}
    if not curves:
        for name in files:
            remove(folder / name)
        return []
    thresholds = next(iter(curves.values()))["thresholds"]
    rows = ([f"{t:.2f}", *(curve["value"][i] for curve in curves.values())] for i, t in enumerate(thresholds))
    write_text(folder / "pck.csv", csv_text([["threshold", *map(", ".join, curves)], *rows]))
    figure = new_figure(9, 5)
    axes = figure.add_subplot()
    colours = {origin: f"C{i}" for i, origin in enumerate(dict.fromkeys(origin for origin, _ in curves))}
    styles = dict(zip(tables, itertools.cycle(["-", "--", ":", "-."])))
    for (origin, way), curve in curves.items():
        colour = colours[origin] if len(colours) > 1 else f"C{list(tables).index(way)}"
        axes.plot(thresholds, curve["value"], label=plot_label(f"{origin}, {way}"), color=colour, linestyle=styles[way])
        axes.fill_between(thresholds, curve["low"], curve["high"], color=colour, alpha=0.1, linewidth=0)
    axes.set(xlabel="normalised distance", ylabel="PCK", xlim=(0, thresholds[-1]), ylim=(0, 1))
    axes.grid(alpha=0.3)
    figure.legend(loc="outside right upper", fontsize="small")
    save_figure(figure, folder / "pck.png", dpi=110)
    return files


def _origins(tables):
    """The parts of all ways, in the order in which they come."""
    return list(dict.fromkeys(origin for table in tables.values() for origin in table))


def _rows(tables, origins):
    """Yield (part, way, its scores)."""
    for origin in origins:
        for way, table in tables.items():
            if origin in table:
                yield origin, way, table[origin]


def write_found(results, thresholds, folder):
    """Draw the share of hands found against that of images without a hand in which one is claimed, as found.png.

    Args:
        results: {name: Results}. Those without hands, without such images or without scores have no curve.
        thresholds: {name: threshold of Hand.score that is marked on the curve}; may lack names.
        folder: to write into; where there is no curve, a file of an earlier call is removed.

    Returns:
        ["found.png"], or [] if nothing has a curve.
    """
    curves = {name: scoring.found_against_false(one) for name, one in results.items()}
    curves = {name: curve for name, curve in curves.items() if curve is not None}
    path = folder / "found.png"
    if not curves:
        remove(path)
        return []
    figure = new_figure(6, 4.5)
    axes = figure.add_subplot()
    for number, (name, (at, found, claimed)) in enumerate(curves.items()):
        axes.plot(claimed, found, label=plot_label(name), color=f"C{number}", marker=".", markersize=3)
        if name in thresholds:
            place = int(np.argmin(np.abs(at - thresholds[name])))
            axes.plot(claimed[place], found[place], "o", color=f"C{number}", fillstyle="none", markersize=10)
            axes.annotate(f"score {thresholds[name]:g}", (claimed[place], found[place]), (12, -12),
                          textcoords="offset points", fontsize="small")  # fmt: skip
    axes.set(xlabel="images without a hand in which one is claimed", ylabel="hands found", xlim=(-0.02, 1.02),
             ylim=(0, 1.02))  # fmt: skip
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right", fontsize="small")
    save_figure(figure, path)
    return [path.name]


def _text(figure, digits):
    return "-" if figure["value"] is None else f"{figure['value']:.{digits}f}"


def _with_interval(figure):
    if figure["value"] is None:
        return "-"
    return f"{figure['value']:.3f} ({figure['low']:.3f}-{figure['high']:.3f})"
