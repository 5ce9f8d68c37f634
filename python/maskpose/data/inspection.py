"""What is in a database, and whether it can be right: statistics, contact sheets, damage, duplicate images."""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from maskpose import boxes, geometry
from maskpose.data.batches import BatchSource, array_shapes
from maskpose.data.database import Reader
from maskpose.data.sample import Sample
from maskpose.data.settings import DataSettings
from maskpose.errors import InputError
from maskpose.io.left_out import in_brackets
from maskpose.io.paths import PathLike
from maskpose.io.progress import progress_bar
from maskpose.keypoints import KEYPOINT_NAMES
from maskpose.model.variants import IGNORE_LABEL, NUM_KEYPOINTS, Variant
from maskpose.visualization import drawing, sheets
from maskpose.visualization.plots import new_figure, plot_label, png_bytes

NEAR = 0.1  # of the hand's size: how far a visible keypoint may lie outside the mask
DOUBTFUL = 0.25  # share of a sample's visible keypoints further out, from which on its mask is doubtful
ALIKE = 4  # bits of 64 that the perceptual hashes of two copies of an image differ by, at most
TILE, COLUMNS = (200, 200), 8  # of a sheet: (width, height) in pixels, and the most columns
MAP_ALPHA = 0.5


@dataclass
class Findings:
    """What ``inspect`` finds. Lists of strings hold samples' names; sizes are in pixels."""

    count: int = 0
    visible: npt.NDArray[np.int_] = field(
        default_factory=lambda: np.zeros(NUM_KEYPOINTS, int)
    )  # samples, of each keypoint
    sizes: list[tuple[int, int]] = field(default_factory=list)  # (width, height) of each image
    spans: list[float] = field(default_factory=list)  # size of each hand, in units of its image's larger side
    origins: dict[str, int] = field(default_factory=dict)  # samples of each
    sides: dict[str, int] = field(default_factory=dict)  # samples of each
    masks: int = 0
    mask_shares: list[float] = field(default_factory=list)  # share of the image that is hand, if a mask shows one
    unknown_shares: list[float] = field(default_factory=list)  # share of the image that is unknown, if any is
    without_hand: int = 0  # images that are known to show no hand; they are in none of the lists below
    outside: list[str] = field(default_factory=list)  # a visible keypoint lies outside the image
    few: list[str] = field(default_factory=list)  # fewer than two visible keypoints: no size to score by
    empty: list[str] = field(default_factory=list)  # visible keypoints, but a mask without a hand or unknown pixel
    overlapping: list[str] = field(default_factory=list)  # the mask says that unknown pixels are hand
    doubtful: list[str] = field(default_factory=list)  # many visible keypoints lie outside the mask
    damaged: list[str] = field(default_factory=list)  # "name: what is wrong"
    hashes: list[tuple[str, int]] = field(default_factory=list)  # (name, 64 bits); two samples may have one name


def inspect(reader: Reader, hashes: bool = True) -> Findings:
    """Decode every image and mask of a database, and return what is found.

    Args:
        reader: of the database.
        hashes: whether the images' hashes are found, too.
    """
    findings = Findings()
    for index in progress_bar(range(len(reader)), desc=str(reader.path), unit="image"):
        try:
            _inspect_sample(reader[index], findings, hashes)
        except InputError as error:
            findings.damaged.append(f"sample {index}: {error}")
    return findings


def _inspect_sample(sample: Sample, findings: Findings, hashes: bool) -> None:
    image, mask, unknown = sample.decode_image(), sample.decode_mask(), sample.decode_unknown()
    findings.count += 1
    findings.visible += sample.visible
    findings.sizes.append((sample.width, sample.height))
    for counts, key in ((findings.origins, sample.origin), (findings.sides, sample.side)):
        counts[key] = counts.get(key, 0) + 1
    findings.masks += mask is not None
    if hashes:
        findings.hashes.append((sample.name, perceptual_hash(image)))
    if unknown is not None and unknown.any():
        findings.unknown_shares.append(float((unknown > 0).mean()))
        if mask is not None and (mask & unknown).any():
            findings.overlapping.append(sample.name)
    if sample.without_hand:
        findings.without_hand += 1
    else:
        _inspect_hand(sample, mask, unknown, findings)


def _inspect_hand(
    sample: Sample, mask: npt.NDArray[np.uint8] | None, unknown: npt.NDArray[np.uint8] | None, findings: Findings
) -> None:
    """Inspect the labels of a sample with a hand.

    Args:
        sample: with a hand.
        mask: its mask, (h, w).
        unknown: its unknown pixels, (h, w).
        findings: receives what is found.
    """
    points = sample.keypoints[sample.visible]
    size = boxes.span(sample.keypoints, sample.visible)
    if len(points) < 2:
        findings.few.append(sample.name)
    else:
        findings.spans.append(size / max(sample.width, sample.height))
    if not geometry.inside(points, sample.width, sample.height).all():
        findings.outside.append(sample.name)
    if mask is None:
        return
    perhaps = mask if unknown is None else mask | unknown
    if mask.any():
        findings.mask_shares.append(float((mask > 0).mean()))
    if not perhaps.any():
        findings.empty.append(sample.name)
    elif len(points) and outside_mask(perhaps, points, NEAR * size).mean() >= DOUBTFUL:
        findings.doubtful.append(sample.name)


def outside_mask(
    mask: npt.NDArray[Any], points: npt.NDArray[np.floating[Any]], distance: float
) -> npt.NDArray[np.bool_]:
    """Return which points lie further than ``distance`` from all of a mask's pixels.

    Args:
        mask: (h, w), not 0 on the hand.
        points: (n, 2), pixels.
        distance: pixels.

    Returns:
        (n,) bool.
    """
    away = cv2.distanceTransform((mask == 0).astype(np.uint8), cv2.DIST_L2, 5)
    height, width = mask.shape
    x, y = np.clip(np.rint(points), 0, (width - 1, height - 1)).astype(int).T
    return away[y, x] > distance


def perceptual_hash(image: npt.NDArray[np.uint8]) -> int:
    """Return an image's pHash: 64 bits that hardly change if the image is resized or encoded anew.

    Args:
        image: (h, w, 3) uint8 BGR.

    Raises:
        InputError: ImageHash is not installed.
    """
    try:
        import imagehash
    except ImportError:
        raise InputError("finding duplicate images needs ImageHash: pip install ImageHash") from None
    bits = imagehash.phash(Image.fromarray(image[:, :, ::-1])).hash
    return int("".join("1" if bit else "0" for bit in bits.ravel()), 2)


def find_duplicates(
    first: Sequence[tuple[str, int]], second: Sequence[tuple[str, int]] | None = None
) -> list[tuple[str, str, int]]:
    """Return (name, name, bits apart) of images whose hashes differ by ALIKE bits at most, nearest first.

    Args:
        first: (name, hash) of a set's images.
        second: of another set; None: duplicates within the first set are found.
    """
    names, hashes = _as_arrays(first)
    other_names, other_hashes = _as_arrays(first if second is None else second)
    pairs = []
    for i, bits in enumerate(hashes):
        apart = _count_bits(other_hashes ^ bits)
        for j in np.flatnonzero(apart <= ALIKE):
            if second is not None or j > i:
                pairs.append((names[i], other_names[j], int(apart[j])))
    return sorted(pairs, key=lambda pair: pair[2])


def _as_arrays(pairs: Sequence[tuple[str, int]]) -> tuple[list[str], npt.NDArray[np.uint64]]:
    """Return the names and hashes of (name, hash) pairs."""
    return [name for name, _ in pairs], np.array([value for _, value in pairs], np.uint64)


def _count_bits(numbers: npt.NDArray[np.uint64]) -> npt.NDArray[Any]:
    """Return how many bits of each number are set."""
    return np.unpackbits(numbers.view(np.uint8).reshape(len(numbers), 8), axis=1).sum(axis=1)


def format_findings(findings: Findings) -> str:
    """Return findings as lines for people."""
    widths, heights = np.array(findings.sizes).T if findings.sizes else (np.zeros(1), np.zeros(1))
    lines = [
        f"samples      {findings.count}, {findings.masks} with a mask",
        f"origins      {_counts(findings.origins)}",
        f"sides        {_counts(findings.sides)}",
        f"width        {_range(widths)} pixels",
        f"height       {_range(heights)} pixels",
        f"hand's size  {_range(findings.spans, 2)} of the image's larger side",
        f"mask         {_range(findings.mask_shares, 2)} of the image",
        "visible      " + ", ".join(f"{name} {n}" for name, n in zip(KEYPOINT_NAMES, findings.visible)),
        f"without a hand: {findings.without_hand}",
        f"unknown pixels: in {len(findings.unknown_shares)} samples, share {_range(findings.unknown_shares, 3)}",
    ]
    for text, names in (
        ("damaged", findings.damaged), ("fewer than two visible keypoints", findings.few),
        ("visible keypoints outside the image", findings.outside), ("mask without a hand", findings.empty),
        ("unknown pixels that the mask calls hand, and so count as hand", findings.overlapping),
        (f"a quarter of the keypoints outside the mask by more than {NEAR} of the hand", findings.doubtful),
    ):  # fmt: skip
        lines.append(f"{text}: {len(names)}{in_brackets(names)}")
    return "\n".join(lines)


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name or '(not known)'} {n}" for name, n in sorted(counts.items()))


def _range(values: Sequence[float] | npt.NDArray[Any], digits: int = 0) -> str:
    if not len(values):
        return "-"
    low, middle, high = np.quantile(values, (0, 0.5, 1))
    return f"{low:.{digits}f} to {high:.{digits}f}, median {middle:.{digits}f}"


def raw_sheet(reader: Reader, indices: Iterable[int]) -> npt.NDArray[np.uint8]:
    """Return a contact sheet of samples as they are, with keypoints, mask, unknown pixels and names.

    Args:
        reader: of their database.
        indices: of the samples.

    Returns:
        (h, w, 3) uint8 BGR.
    """
    tiles, names = [], []
    for index in indices:
        sample = reader[index]
        tiles.append(drawing.draw_labels(sample.decode_image(), sample))
        names.append(Path(sample.name).name)
    return sheets.contact_sheet(tiles, _columns(tiles), TILE, names)


def trained_sheet(
    path: PathLike, indices: Iterable[int], variant: Variant, epoch: int = 0, **settings: Any
) -> npt.NDArray[np.uint8]:
    """Return a contact sheet of samples as the data layer gives them: augmented, with mask label and heatmaps.

    Args:
        path: of the database.
        indices: of the samples.
        variant: that the data layer works for.
        epoch: which the augmentation follows from.
        settings: of DataSettings that differ from the variant's. The database, the outputs and the number of images are
            the sheet's own.

    Returns:
        (h, w, 3) uint8 BGR.

    Raises:
        InputError: a setting is unknown or wrong.
    """
    outputs = ("image", *(("mask",) if variant.mask else ()), *(("heatmaps",) if variant.pose else ()))
    given = {"input_size": variant.input_size, "sigma": variant.sigma, "background": variant.background, **settings}
    given |= {"db": str(path), "outputs": outputs, "batch_size": 1, "rank": 0, "ranks": 1, "workers": 0}
    checked = DataSettings.from_json(json.dumps(given), "--data")
    source = BatchSource(checked)
    arrays = {name: np.empty(shape[1:], np.float32) for name, shape in array_shapes(checked).items()}
    tiles, names = [], []
    for index in indices:
        source.fill_sample(0, epoch, index, arrays)
        tiles.append(as_trained(**arrays))
        names.append(Path(source.readers[0][index].name).name)
    source.close()
    return sheets.contact_sheet(tiles, _columns(tiles), TILE, names)


def _columns(tiles: Sequence[object]) -> int:
    """Return the columns of a sheet: about twice its rows, at most COLUMNS."""
    return min(COLUMNS, math.ceil(math.sqrt(2 * len(tiles))))


def as_trained(
    image: npt.NDArray[np.float32],
    mask: npt.NDArray[np.float32] | None = None,
    heatmaps: npt.NDArray[np.float32] | None = None,
) -> npt.NDArray[np.uint8]:
    """Return a network's input as an image, with its mask label in blue and its heatmaps in yellow.

    Cells that the mask's loss ignores are hatched, unless it ignores all of them: then no mask is known.

    Args:
        image: (3, m, m), the network's input.
        mask: (1, m/8, m/8), the mask label.
        heatmaps: (22, m/8, m/8).

    Returns:
        (m, m, 3) uint8 BGR.
    """
    shown = np.clip((image.transpose(1, 2, 0) + 0.5) * 256, 0, 255).astype(np.uint8)
    side = shown.shape[0]
    if mask is not None and (mask != IGNORE_LABEL).any():
        label = cv2.resize(mask[0], (side, side), interpolation=cv2.INTER_NEAREST)
        shown = drawing.tint_mask(drawing.hatch_unknown(shown, label == IGNORE_LABEL), label == 1)
    if heatmaps is not None:
        largest = cv2.resize(heatmaps[:NUM_KEYPOINTS].max(axis=0), (side, side), interpolation=cv2.INTER_LINEAR)
        light = (255 * np.clip(largest, 0, 1))[..., None] * np.array([0.2, 0.9, 1.0])
        shown = np.clip(shown + MAP_ALPHA * light, 0, 255).astype(np.uint8)
    return shown


def histogram_sheet(findings: Findings, title: str = "") -> bytes:
    """Return a plot as the bytes of a PNG: how large hands are in their images, and how often keypoints are visible."""
    figure = new_figure(11, 4)
    left, right = figure.subplots(1, 2, width_ratios=(1, 2))
    figure.suptitle(plot_label(f"{title}: {findings.count} samples".removeprefix(": ")))
    left.hist(findings.spans, bins=np.linspace(0, 1.2, 25), rwidth=0.9)
    left.yaxis.get_major_locator().set_params(integer=True)
    left.set(xlabel="hand, of the photograph's larger side", ylabel="samples")
    right.bar(range(NUM_KEYPOINTS), findings.visible / max(1, findings.count - findings.without_hand))
    right.set(ylabel="visible in, of samples with a hand", ylim=(0, 1), xticks=range(NUM_KEYPOINTS))
    right.set_xticklabels(KEYPOINT_NAMES, rotation=60, ha="right")
    return png_bytes(figure)
