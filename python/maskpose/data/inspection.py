"""What is in a database, and whether it can be right: figures, pictures, damage, the same picture twice."""

import io
import json
import math
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from maskpose import boxes, geometry
from maskpose.data.batches import BatchSource, array_shapes
from maskpose.data.settings import DataSettings
from maskpose.errors import InputError
from maskpose.extras import install_command
from maskpose.io.printable import plot_label
from maskpose.io.progress import progress_bar
from maskpose.keypoints import KEYPOINT_NAMES
from maskpose.model.variants import IGNORE_LABEL, KEYPOINTS
from maskpose.visualization import drawing
from maskpose.visualization.plots import new_figure

NEAR = 0.1  # of the hand's size that a visible keypoint may lie outside the mask
DOUBTFUL = 0.25  # share of a sample's visible keypoints further out, from which its mask is called doubtful
ALIKE = 4  # bits of 64 by which the perceptual hashes of the same picture differ at most
NAMED = 20  # samples that a list names
TILE, COLUMNS = (200, 200), 8
MAP_ALPHA = 0.5


@dataclass
class Findings:
    """What ``inspect`` found; lists hold samples' names."""

    count: int = 0
    visible: np.ndarray = field(default_factory=lambda: np.zeros(KEYPOINTS, int))  # samples that show each keypoint
    sizes: list = field(default_factory=list)  # (width, height) of each photograph
    spans: list = field(default_factory=list)  # of each hand, in units of its photograph's larger side
    sources: dict = field(default_factory=dict)
    sides: dict = field(default_factory=dict)
    masks: int = 0
    mask_shares: list = field(default_factory=list)  # part of the photograph that is hand, where a mask shows one
    unknown_shares: list = field(default_factory=list)  # part of the photograph that may be hand or not, if any may
    without_hand: int = 0  # images that are known to show no hand; they are in none of the lists below
    outside: list = field(default_factory=list)  # a visible keypoint is outside the photograph
    few: list = field(default_factory=list)  # fewer than two visible keypoints: no size to score by
    empty: list = field(default_factory=list)  # a mask without a hand or an unknown pixel, but visible keypoints
    overlapping: list = field(default_factory=list)  # unknown pixels that the mask says are hand
    doubtful: list = field(default_factory=list)  # a mask that many visible keypoints are not in
    damaged: list = field(default_factory=list)  # "name: what is wrong"
    hashes: list = field(default_factory=list)  # (name, 64 bits as int); two samples may have one name


def inspect(reader, hashes=True):
    """Findings of a Reader; every picture and mask is decoded. hashes: find pictures' hashes, too."""
    if hashes:
        _imagehash()  # or each sample would be called damaged
    found = Findings()
    for index in progress_bar(range(len(reader)), desc=str(reader.path), unit="image"):
        try:
            _look(reader[index], found, hashes)
        except InputError as error:
            found.damaged.append(f"record {index}: {error}")
    return found


def _look(sample, found, hashes):
    image, mask, unknown = sample.decode_image(), sample.decode_mask(), sample.decode_unknown()
    found.count += 1
    found.visible += sample.visible
    found.sizes.append((sample.width, sample.height))
    for counts, key in ((found.sources, sample.origin), (found.sides, sample.side)):
        counts[key] = counts.get(key, 0) + 1
    found.masks += mask is not None
    if hashes:
        found.hashes.append((sample.name, perceptual_hash(image)))
    if unknown is not None and unknown.any():
        found.unknown_shares.append(float((unknown > 0).mean()))
        if mask is not None and (mask & unknown).any():
            found.overlapping.append(sample.name)
    if sample.without_hand:
        found.without_hand += 1
    else:
        _look_at_hand(sample, mask, unknown, found)


def _look_at_hand(sample, mask, unknown, found):
    """Take down what there is to say of the labels of a sample with a hand; mask, unknown: (h, w) uint8 or None."""
    points = sample.keypoints[sample.visible]
    size = boxes.span(sample.keypoints, sample.visible)
    if len(points) < 2:
        found.few.append(sample.name)
    else:
        found.spans.append(size / max(sample.width, sample.height))
    if not geometry.inside(points, sample.width, sample.height).all():
        found.outside.append(sample.name)
    if mask is None:
        return
    perhaps = mask if unknown is None else mask | unknown
    if mask.any():
        found.mask_shares.append(float((mask > 0).mean()))
    if not perhaps.any():
        found.empty.append(sample.name)
    elif len(points) and outside_mask(perhaps, points, NEAR * size).mean() >= DOUBTFUL:
        found.doubtful.append(sample.name)


def outside_mask(mask, points, distance):
    """(n,) bool: which ``points`` (n, 2) are further than ``distance`` pixels from all of a mask's (h, w) pixels."""
    away = cv2.distanceTransform((mask == 0).astype(np.uint8), cv2.DIST_L2, 5)
    height, width = mask.shape
    x, y = np.clip(np.rint(points), 0, (width - 1, height - 1)).astype(int).T
    return away[y, x] > distance


def perceptual_hash(image):
    """64 bits, as an int, that hardly change when a picture (h, w, 3) uint8 BGR is resized or encoded anew: its pHash.

    Raises InputError where ImageHash is missing.
    """
    bits = _imagehash().phash(Image.fromarray(image[:, :, ::-1])).hash
    return int("".join("1" if bit else "0" for bit in bits.ravel()), 2)


def _imagehash():
    """The package. Raises InputError if it is missing."""
    try:
        import imagehash
    except ImportError:
        raise InputError(
            "finding pictures that are there twice needs ImageHash: " + install_command("imagehash")
        ) from None
    return imagehash


def find_duplicates(first, second=None):
    """[(name, name, bits apart)] of pictures whose hashes differ by ALIKE bits at most, nearest first.

    first, second: [(name, hash)] of two sets; without the second, within the first.
    """
    names, a = _hashes(first)
    others, b = _hashes(first if second is None else second)
    found = []
    for i, one in enumerate(a):
        apart = _bits(b ^ one)
        for j in np.flatnonzero(apart <= ALIKE):
            if second is not None or j > i:
                found.append((names[i], others[j], int(apart[j])))
    return sorted(found, key=lambda pair: pair[2])


def _hashes(pairs):
    """([name], hashes uint64) of [(name, hash)]."""
    return [name for name, _ in pairs], np.array([value for _, value in pairs], np.uint64)


def _bits(numbers):
    """How many bits of each uint64 are set."""
    return np.unpackbits(numbers.view(np.uint8).reshape(len(numbers), 8), axis=1).sum(axis=1)


def format_findings(findings):
    """Lines for people about Findings."""
    widths, heights = np.array(findings.sizes).T if findings.sizes else (np.zeros(1), np.zeros(1))
    lines = [
        f"samples      {findings.count}, {findings.masks} with a mask",
        f"origins      {_counts(findings.sources)}",
        f"sides        {_counts(findings.sides)}",
        f"width        {_range(widths)} pixels",
        f"height       {_range(heights)} pixels",
        f"hand's size  {_range(findings.spans, 2)} of the photograph's larger side",
        f"mask         {_range(findings.mask_shares, 2)} of the photograph",
        "visible      " + ", ".join(f"{name} {n}" for name, n in zip(KEYPOINT_NAMES, findings.visible)),
        f"without a hand: {findings.without_hand}",
        f"unknown pixels: in {len(findings.unknown_shares)} samples, share {_range(findings.unknown_shares, 3)}",
    ]
    for text, names in (
        ("damaged", findings.damaged), ("fewer than two visible keypoints", findings.few),
        ("visible keypoints outside the photograph", findings.outside), ("mask without a hand", findings.empty),
        ("unknown pixels that the mask calls hand, and so count as hand", findings.overlapping),
        (f"mask without a quarter of its keypoints, by more than {NEAR} of the hand", findings.doubtful),
    ):  # fmt: skip
        lines.append(f"{text}: {len(names)}{named(names)}")
    return "\n".join(lines)


def _counts(counts):
    return ", ".join(f"{name or '(not known)'} {n}" for name, n in sorted(counts.items()))


def _range(values, digits=0):
    if not len(values):
        return "-"
    low, middle, high = np.quantile(values, (0, 0.5, 1))
    return f"{low:.{digits}f} to {high:.{digits}f}, median {middle:.{digits}f}"


def named(names):
    """The first NAMED of some names in brackets, after a space; "" if there are none."""
    if not names:
        return ""
    return f" ({', '.join(names[:NAMED])}{', …' if len(names) > NAMED else ''})"


def evenly_spaced(count, wanted):
    """Indices of ``wanted`` of ``count``, evenly spread."""
    return np.unique(np.linspace(0, count - 1, min(count, wanted)).astype(int)).tolist()


def raw_sheet(reader, indices):
    """A contact sheet of samples as they are, with visible keypoints, mask and unknown pixels, and their names."""
    tiles, names = [], []
    for index in indices:
        sample = reader[index]
        tiles.append(drawing.labelled(sample.decode_image(), sample))
        names.append(Path(sample.name).name)
    return drawing.contact_sheet(tiles, _columns(tiles), TILE, names)


def trained_sheet(path, indices, variant, epoch=0, **settings):
    """A contact sheet of samples as the data layer gives them to a variant: augmented, with mask label and heatmaps.

    settings: of DataSettings that differ from the variant's; which database, outputs and how many
    images are the sheet's own. Raises InputError for settings that are none.
    """
    outputs = ("image", *(("mask",) if variant.mask else ()), *(("heatmaps",) if variant.pose else ()))
    given = {"input_size": variant.input_size, "sigma": variant.sigma, "background": variant.background, **settings}
    given |= {"db": str(path), "outputs": outputs, "batch_size": 1, "rank": 0, "ranks": 1, "workers": 0}
    settings = DataSettings.from_json(json.dumps(given), "--data")
    source = BatchSource(settings)
    arrays = {name: np.empty(shape[1:], np.float32) for name, shape in array_shapes(settings).items()}
    tiles, names = [], []
    for index in indices:
        source.fill_sample(0, epoch, index, arrays)
        tiles.append(as_trained(**arrays))
        names.append(Path(source.readers[0][index].name).name)
    source.close()
    return drawing.contact_sheet(tiles, _columns(tiles), TILE, names)


def _columns(tiles):
    """Of a sheet of few pictures: about twice as many as it has rows, at most COLUMNS."""
    return min(COLUMNS, math.ceil(math.sqrt(2 * len(tiles))))


def as_trained(image, mask=None, heatmaps=None):
    """(m, m, 3) uint8: a network's input (3, m, m) with its mask label (1, m/8, m/8) and heatmaps (22, m/8, m/8).

    Cells that the mask's loss ignores are hatched, unless it ignores all of them: then no mask is known.
    """
    picture = np.clip((image.transpose(1, 2, 0) + 0.5) * 256, 0, 255).astype(np.uint8)
    side = picture.shape[0]
    if mask is not None and (mask != IGNORE_LABEL).any():
        label = cv2.resize(mask[0], (side, side), interpolation=cv2.INTER_NEAREST)
        picture = drawing.tint_mask(drawing.hatch_unknown(picture, label == IGNORE_LABEL), label == 1)
    if heatmaps is not None:
        joints = cv2.resize(heatmaps[:KEYPOINTS].max(axis=0), (side, side), interpolation=cv2.INTER_LINEAR)
        light = (255 * np.clip(joints, 0, 1))[..., None] * np.array([0.2, 0.9, 1.0])
        picture = np.clip(picture + MAP_ALPHA * light, 0, 255).astype(np.uint8)
    return picture


def histogram_sheet(findings, title=""):
    """PNG bytes: how large hands are in their photographs, and how often each keypoint is visible."""
    figure = new_figure(11, 4)
    left, right = figure.subplots(1, 2, width_ratios=(1, 2))
    figure.suptitle(plot_label(f"{title}: {findings.count} samples".removeprefix(": ")))
    left.hist(findings.spans, bins=np.linspace(0, 1.2, 25), rwidth=0.9)
    left.yaxis.get_major_locator().set_params(integer=True)
    left.set(xlabel="hand, of the photograph's larger side", ylabel="samples")
    right.bar(range(KEYPOINTS), findings.visible / max(1, findings.count - findings.without_hand))
    right.set(ylabel="visible in, of samples with a hand", ylim=(0, 1), xticks=range(KEYPOINTS))
    right.set_xticklabels(KEYPOINT_NAMES, rotation=60, ha="right")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    return buffer.getvalue()
