"""How far people's versions of the same keypoints lie apart."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from maskpose.annotation import labels
from maskpose.annotation.labelme_files import UNUSABLE
from maskpose.annotation.labels import Label
from maskpose.evaluation import metrics
from maskpose.keypoints import KEYPOINT_NAMES
from maskpose.visualization.plots import new_figure, png_bytes

MIN_VERSIONS = 2  # of a keypoint: one alone has no spread


@dataclass
class Spread:
    """Distances of versions from their mean, one list per keypoint.

    A keypoint of an image counts if two people or more call it visible. The centre is the mean of their positions. Each
    of these people gives one distance from it: in ``pixels``, and in ``relative`` divided by the larger side of the box
    of the image's centres.

    The annotator's version is the label as handed in. The version of a person who checked is the label as taken, with
    the person's corrections. A person who corrects nothing counts as agreeing, and has seen the label: independent
    annotators would lie further apart.
    """

    pixels: list[list[float]]
    relative: list[list[float]]
    disputed: npt.NDArray[np.int_]  # (21,) images in which some call the keypoint visible and others do not
    images: int  # that two people or more have a version of


def measure_spread(images: Iterable[Mapping[str, Label]]) -> Spread:
    """Return the Spread of images, each of which is {person: label}."""
    pixels: list[list[float]] = [[] for _ in KEYPOINT_NAMES]
    relative: list[list[float]] = [[] for _ in KEYPOINT_NAMES]
    disputed, count = np.zeros(len(KEYPOINT_NAMES), int), 0
    for versions in images:
        usable = [label for label in versions.values() if UNUSABLE not in label]
        if len(usable) < MIN_VERSIONS:
            continue
        count += 1
        keypoints, visible = map(np.stack, zip(*map(labels.keypoint_arrays, usable)))
        votes = visible.sum(axis=0)
        disputed += (votes > 0) & (votes < len(usable))
        several = votes >= MIN_VERSIONS
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


def format_spread(spread: Spread) -> str:
    """Return lines for people: mean and median of each keypoint's distances, and of all together."""
    lines = [
        f"{spread.images} images with two versions or more; distance from the versions' mean",
        f"{'keypoint':<10} {'distances':>9} {'mean':>8} {'median':>8} {'mean':>8} {'median':>8} {'disputed':>9}",
        f"{'':<10} {'':>9} {'pixels':>8} {'pixels':>8} {'of box':>8} {'of box':>8}",
    ]
    rows: list[tuple[str, list[float], list[float], int]] = [
        *zip(KEYPOINT_NAMES, spread.pixels, spread.relative, spread.disputed.tolist())
    ]
    pixels_of_all, relative_of_all = (
        list(itertools.chain.from_iterable(lists)) for lists in (spread.pixels, spread.relative)
    )
    rows.append(("all", pixels_of_all, relative_of_all, int(spread.disputed.sum())))
    for name, pixels, relative, disputed in rows:
        numbers = " ".join([*_mean_and_median(pixels, 2), *_mean_and_median(relative, 4)])
        lines.append(f"{name:<10} {len(pixels):>9} {numbers} {disputed:>9}")
    return "\n".join(lines)


def plot_spread(spread: Spread) -> bytes:
    """Return the bytes of a PNG: each keypoint's relative distances, their mean as a bar and their median as a dot."""
    figure = new_figure(9, 4)
    axes = figure.subplots()
    places = range(len(KEYPOINT_NAMES))
    axes.bar(places, [float(np.mean(values)) if values else 0.0 for values in spread.relative], label="mean")
    axes.plot(places, [np.median(values) if values else 0 for values in spread.relative], "ko", label="median")
    title = f"How far people's versions of a keypoint lie apart: {spread.images} photographs"
    axes.set(title=title, ylabel="distance from the mean, of the box", xticks=places)
    names = [f"{name} ({len(values)})" for name, values in zip(KEYPOINT_NAMES, spread.relative)]
    axes.set_xticklabels(names, rotation=60, ha="right")
    axes.set_xlabel("keypoint (distances)")
    axes.legend()
    return png_bytes(figure)


def _mean_and_median(values: Sequence[float], digits: int) -> list[str]:
    if not values:
        return ["-".rjust(8)] * 2
    return [f"{function(values):8.{digits}f}" for function in (np.mean, np.median)]
