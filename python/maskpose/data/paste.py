"""Hands with masks pasted onto other backgrounds: new samples whose masks and keypoints are exact.

A sample depends on its seed, its number, the databases and the settings alone.
"""

import functools
import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from maskpose import geometry
from maskpose.codecs.masks import pack_mask
from maskpose.data.backgrounds import forbidden_cells
from maskpose.data.build import build_items
from maskpose.data.compositing import (
    MAX_ENLARGEMENT,
    MAX_TRIES,
    CutOut,
    PasteSettings,
    cut_out,
    paste,
    resize,
    sample_placement,
    sample_shape,
)
from maskpose.data.database import Reader
from maskpose.data.sample import Sample
from maskpose.errors import InputError
from maskpose.inference.image_paths import find_images
from maskpose.io import images
from maskpose.io.files import read_bytes
from maskpose.io.left_out import MOST_NAMED, report_left_out
from maskpose.io.paths import PathLike
from maskpose.io.progress import progress_bar
from maskpose.model.variants import NUM_KEYPOINTS
from maskpose.visualization import drawing, sheets

ORIGIN = "pasted"
MIN_VISIBLE = 8  # keypoints of a hand: with fewer, the box says little about the hand's size
MIN_SPAN = 16  # pixels of a hand: a smaller one is all blur
TRIES = 20  # windows of one image, ever smaller ones
SMALLEST_TEXTURE = 48  # pixels of the larger side of a window that a sleeve or a thing is cut out of
UNREADABLE = "that cannot be read"
SHEET_SAMPLES, SHEET_COLUMNS, SHEET_TILE = 40, 10, (224, 224)


class Hands:
    """The hands of some databases that can be cut out: those with a whole mask and enough visible keypoints.

    ``places`` are their databases' and samples' numbers; ``left_out`` counts the other samples by what they lack.
    """

    def __init__(self, readers: Sequence[Reader]):
        """Look at all samples. Raises InputError if a database is damaged, or none has such a hand."""
        self.readers = readers
        self.places: list[tuple[int, int]] = []
        self.left_out: Counter[str] = Counter()
        for number, reader in enumerate(readers):
            for index, sample in enumerate(_samples(reader)):
                if problem := _why_unusable(sample):
                    self.left_out[problem] += 1
                else:
                    self.places.append((number, index))
        if not self.places:
            why = ", ".join(f"{count} {problem}" for problem, count in self.left_out.items())
            raise InputError(f"{', '.join(str(r.path) for r in readers)}: no hand that can be cut out ({why})")

    def sample(self, rng: np.random.Generator) -> Sample:
        """Return the sample of a random hand."""
        number, index = self.places[rng.integers(len(self.places))]
        return self.readers[number][index]


class Backgrounds:
    """Windows of images that show no hand.

    Samples without a hand serve whole, and so do all images of a folder. Of the other samples, whatever lies apart from
    the hand and from unknown pixels serves. Samples without a mask do not say where that is, and are left out.

    ``whole`` and ``scenes`` hold functions that read the samples, without a hand and with one; ``left_out`` counts the
    other images by what they lack.
    """

    def __init__(self, sources: Sequence[Reader | Path]):
        """Look at all images of databases and folders. Raises InputError if none can serve."""
        self.whole: list[Callable[[], Sample]] = []
        self.scenes: list[Callable[[], Sample]] = []
        self.left_out: Counter[str] = Counter()
        for source in sources:
            if isinstance(source, Reader):
                self._take_database(source)
            else:
                self._take_folder(source)
        if not self.whole and not self.scenes:
            why = ", ".join(f"{count} {problem}" for problem, count in self.left_out.items())
            raise InputError(f"no image can serve as a background ({why or 'there is none'})")

    def _take_database(self, reader: Reader) -> None:
        for index, sample in enumerate(_samples(reader)):
            read = functools.partial(reader.__getitem__, index)
            mask = sample.decode_mask()
            if mask is None:
                self.left_out["without a mask"] += 1
            elif sample.visible.any() or mask.any() or sample.unknown:
                self.scenes.append(read)
            else:
                self.whole.append(read)

    def _take_folder(self, folder: Path) -> None:
        paths = [image.path for image in find_images([folder])]
        for path in progress_bar(paths, desc=f"reading {folder}", unit="image"):
            try:
                _image_without_hand(path)
            except InputError as error:
                self.left_out[UNREADABLE] += 1
                if self.left_out[UNREADABLE] <= MOST_NAMED:
                    report_left_out(error)
            else:
                self.whole.append(functools.partial(_image_without_hand, path))

    def window(self, rng: np.random.Generator, shape: tuple[int, int], smallest: int) -> npt.NDArray[np.uint8]:
        """Return a random window, at times mirrored; if there are images of both kinds, half are of those without hand.

        Args:
            rng: of all that is random.
            shape: (width, height) whose aspect the window has.
            smallest: pixels that its larger side has at least.

        Returns:
            (h, w, 3) uint8 BGR.

        Raises:
            InputError: an image is damaged, or no window is large enough.
        """
        kinds = [kind for kind in (self.whole, self.scenes) if kind]
        if rng.random() < 0.5:
            kinds.reverse()
        for kind in kinds:
            for _ in range(MAX_TRIES):
                sample = kind[rng.integers(len(kind))]()
                box = _free_window(rng, sample, shape, smallest)
                if box is not None:
                    x, y, w, h = box
                    window = sample.decode_image()[y : y + h, x : x + w]
                    return window[:, ::-1] if rng.random() < 0.5 else window
        raise InputError(f"no background holds a window without a hand of {smallest} pixels or more")


def paste_sample(
    hands: Hands, backgrounds: Backgrounds, seed: int, index: int, settings: PasteSettings, origin: str = ORIGIN
) -> Sample:
    """Make one pasted sample.

    Args:
        hands: of which one is pasted.
        backgrounds: of which one is behind it.
        seed: of all samples.
        index: of this one.
        settings: what it is like.
        origin: of the sample.

    Raises:
        InputError: an image is damaged, or the hand fits nowhere.
    """
    rng = np.random.default_rng((seed, index))
    sample = hands.sample(rng)
    hand = _cut_out_of(sample)
    share, shape = sample_shape(rng, hand, settings)
    window = backgrounds.window(rng, shape, math.ceil(settings.size[0] / MAX_ENLARGEMENT))
    size = _at_most_enlarged(shape, window, settings.size[0])
    affine = sample_placement(rng, hand, share, size, settings)

    def texture() -> npt.NDArray[np.uint8]:
        return resize(backgrounds.window(rng, size, SMALLEST_TEXTURE), size)

    image, mask = paste(rng, hand, resize(window, size), affine, settings, texture)
    if not mask.any():
        raise InputError(f"number {index}, of {sample.name}: no pixel of the hand stays visible")
    quality = int(rng.integers(settings.quality[0], settings.quality[1] + 1))
    keypoints = geometry.apply(affine, hand.keypoints)
    mirrored = affine[0, 0] * affine[1, 1] < affine[0, 1] * affine[1, 0]
    return Sample(
        name=f"{Path(sample.name).stem}_{seed}_{index:06d}.jpg",
        image=cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes(),
        width=size[0],
        height=size[1],
        keypoints=keypoints.astype(np.float32),
        visible=hand.visible & geometry.inside(keypoints, *size),
        mask=pack_mask(mask),
        origin=origin,
        side={"left": "right", "right": "left"}.get(sample.side, "") if mirrored else sample.side,
        group=sample.group or sample.name,
    )


def build_pasted(
    path: PathLike,
    hands: Hands,
    backgrounds: Backgrounds,
    count: int,
    seed: int,
    settings: PasteSettings,
    origin: str = ORIGIN,
    about: dict[str, Any] | None = None,
    workers: int | None = None,
    strict: bool = False,
) -> tuple[dict[str, Any], list[str]]:
    """Write pasted samples into a database.

    Args:
        path: of the new database.
        hands: that are pasted.
        backgrounds: that are behind them.
        count: of samples.
        seed: of all samples.
        settings: what they are like.
        origin: of the samples.
        about: what the manifest holds besides.
        workers: as of ``build_items``.
        strict: as of ``build_items``.

    Returns:
        The manifest, and the problems of the samples that were left out.
    """
    databases = [reader.path for reader in hands.readers]
    digests = [reader.about.get("sha256") for reader in hands.readers]
    note = {"pasted": list(map(str, databases)), "sha256_of_hands": digests, "seed": seed, "origin": origin}
    note |= {"backgrounds": len(backgrounds.whole) + len(backgrounds.scenes), **asdict(settings), **(about or {})}

    def read(index: int) -> list[Sample]:
        return [paste_sample(hands, backgrounds, seed, index, settings, origin)]

    return build_items(path, list(range(count)), read, strict, note, workers)


def paste_sheet(reader: Reader, count: int = SHEET_SAMPLES) -> npt.NDArray[np.uint8]:
    """Return a contact sheet (h, w, 3) of a database's first samples, each without and with its mask and keypoints."""
    tiles = []
    for index in range(min(count, len(reader))):
        sample = reader[index]
        image, mask = sample.decode_image(), sample.decode_mask()
        tiles += [image, drawing.overlay(image, sample.keypoints, sample.visible.astype(float), 0.5, mask)]
    return sheets.contact_sheet(tiles, SHEET_COLUMNS, SHEET_TILE, group=2)


def _samples(reader: Reader) -> Iterable[Sample]:
    """Return the samples of a database, with a progress bar. Raises InputError if the database is damaged."""
    reader.refuse_damaged()
    return progress_bar(reader, desc=f"reading {reader.path}", total=len(reader), unit="sample")


def _why_unusable(sample: Sample) -> str:
    """Return why a sample's hand cannot be cut out, or ""."""
    if not sample.visible.any():
        return "without a hand"
    if not sample.mask:
        return "without a mask"
    if sample.unknown:
        return "with pixels that are perhaps hand"
    if sample.visible.sum() < MIN_VISIBLE:
        return f"with fewer than {MIN_VISIBLE} visible keypoints"
    mask, points = sample.decode_mask(), sample.keypoints[sample.visible]
    if np.ptp(points, axis=0).max() < MIN_SPAN or mask is None or np.count_nonzero(mask) < MIN_SPAN**2 / 4:
        return f"of fewer than {MIN_SPAN} pixels"
    return ""


def _cut_out_of(sample: Sample) -> CutOut:
    """Return the hand of a sample of Hands, cut out."""
    mask = sample.decode_mask()
    assert mask is not None  # by _why_unusable
    return cut_out(sample.decode_image(), mask, sample.keypoints.astype(np.float64), sample.visible)


def _image_without_hand(path: Path) -> Sample:
    """Return an image file as a sample without a hand."""
    data = read_bytes(path)
    width, height = images.image_size(data, str(path))
    nowhere = np.full((NUM_KEYPOINTS, 2), -1, np.float32)
    return Sample(path.name, data, width, height, nowhere, np.zeros(NUM_KEYPOINTS, bool))


def _at_most_enlarged(shape: tuple[int, int], window: npt.NDArray[np.uint8], smallest: int) -> tuple[int, int]:
    """Return ``shape`` (width, height), or less if ``window`` has few pixels, down to a larger side of ``smallest``."""
    side = min(max(shape), max(smallest, MAX_ENLARGEMENT * max(window.shape[:2])))
    width, height = (max(1, round(length * side / max(shape))) for length in shape)
    return width, height


def _free_window(
    rng: np.random.Generator, sample: Sample, shape: tuple[int, int], smallest: int
) -> tuple[int, int, int, int] | None:
    """Return a random window (x, y, w, h) without a hand, or None if TRIES find none.

    Args:
        rng: of all that is random.
        sample: whose image the window is of.
        shape: (width, height) whose aspect the window has.
        smallest: pixels that its larger side has at least.
    """
    largest = min(sample.width / shape[0], sample.height / shape[1])
    low = max(smallest / max(shape), 0.3 * largest)
    if low > largest:
        return None
    cells, cell = forbidden_cells(sample)
    total = cv2.integral(cells)
    for n in range(TRIES):
        scale = rng.uniform(low, largest - (largest - low) * n / TRIES)
        w, h = min(sample.width, round(shape[0] * scale)), min(sample.height, round(shape[1] * scale))
        x, y = int(rng.integers(sample.width - w + 1)), int(rng.integers(sample.height - h + 1))
        x0, y0 = int(x / cell), int(y / cell)
        x1 = min(int(np.ceil((x + w) / cell)), cells.shape[1])
        y1 = min(int(np.ceil((y + h) / cell)), cells.shape[0])
        if total[y1, x1] - total[y0, x1] - total[y1, x0] + total[y0, x0] == 0:
            return x, y, w, h
    return None
