"""How far people's versions of the same keypoints lie apart."""

import io
import itertools
from dataclasses import dataclass

import numpy as np

from maskpose.annotation import labels
from maskpose.annotation.labelme_files import UNUSABLE
from maskpose.evaluation import metrics
from maskpose.keypoints import KEYPOINT_NAMES
from maskpose.visualization.plots import new_figure

FEWEST = 2  # versions of a keypoint that have a spread


@dataclass
class Spread:
    """Distances of versions from their mean, a list a keypoint.

    For every photograph and every keypoint that two people or more call visible, the centre is the mean of their
    positions, and each of those people gives one distance from it: in ``pixels``, and in ``relative`` divided by the
    larger side of the box of the photograph's centres. A person's version is the label as handed in: the annotator's
    own, or, of one who checked, the label as taken with the corrections. Whoever corrects nothing counts as agreeing,
    and has seen the label that is checked: independent annotators would lie further apart.
    """

    pixels: list
    relative: list
    disputed: np.ndarray  # (21,) photographs in which some call the keypoint visible and others do not
    photographs: int  # that two people or more have a version of


def measure_spread(photographs):
    """The Spread of [{person: label}], a dict a photograph."""
    pixels, relative = [[] for _ in KEYPOINT_NAMES], [[] for _ in KEYPOINT_NAMES]
    disputed, count = np.zeros(len(KEYPOINT_NAMES), int), 0
    for versions in photographs:
        usable = [label for label in versions.values() if UNUSABLE not in label]
        if len(usable) < FEWEST:
            continue
        count += 1
        keypoints, visible = map(np.stack, zip(*map(labels.keypoint_arrays, usable)))
        seen = visible.sum(axis=0)
        disputed += (seen > 0) & (seen < len(usable))
        several = seen >= FEWEST
        centres = np.zeros(keypoints.shape[1:])
        centres[several] = np.nanmean(keypoints[:, several], axis=0)
        size = metrics.box_size(centres[None], several[None])[0]
        distances = np.linalg.norm(keypoints - centres, axis=2)
        for k in np.flatnonzero(several):
            own = distances[visible[:, k], k]
            pixels[k] += own.tolist()
            if size > 0:
                relative[k] += (own / size).tolist()
    return Spread(pixels, relative, disputed, count)


def format_spread(spread):
    """Lines for people: mean and median of each keypoint's distances, pixels and relative, and of all together."""
    lines = [
        f"{spread.photographs} photographs with two versions or more; distance from the versions' mean",
        f"{'keypoint':<10} {'distances':>9} {'mean':>8} {'median':>8} {'mean':>8} {'median':>8} {'disputed':>9}",
        f"{'':<10} {'':>9} {'pixels':>8} {'pixels':>8} {'of box':>8} {'of box':>8}",
    ]
    rows = [*zip(KEYPOINT_NAMES, spread.pixels, spread.relative, spread.disputed)]
    together = (list(itertools.chain.from_iterable(lists)) for lists in (spread.pixels, spread.relative))
    rows.append(("all", *together, spread.disputed.sum()))
    for name, pixels, relative, disputed in rows:
        figures = " ".join([*_figures(pixels, 2), *_figures(relative, 4)])
        lines.append(f"{name:<10} {len(pixels):>9} {figures} {disputed:>9}")
    return "\n".join(lines)


def plot_spread(spread):
    """PNG bytes: the relative distances of each keypoint, their mean as a bar and their median as a dot."""
    figure = new_figure(9, 4)
    axes = figure.subplots()
    places = range(len(KEYPOINT_NAMES))
    axes.bar(places, [np.mean(one) if one else 0 for one in spread.relative], label="mean")
    axes.plot(places, [np.median(one) if one else 0 for one in spread.relative], "ko", label="median")
    title = f"How far people's versions of a keypoint lie apart: {spread.photographs} photographs"
    axes.set(title=title, ylabel="distance from the mean, of the box", xticks=places)
    names = [f"{name} ({len(one)})" for name, one in zip(KEYPOINT_NAMES, spread.relative)]
    axes.set_xticklabels(names, rotation=60, ha="right")
    axes.set_xlabel("keypoint (distances)")
    axes.legend()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    return buffer.getvalue()


def _figures(values, digits):
    if not values:
        return ["-".rjust(8)] * 2
    return [f"{of(values):8.{digits}f}" for of in (np.mean, np.median)]
