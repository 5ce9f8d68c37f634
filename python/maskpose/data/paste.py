"""Hands with masks set onto other backgrounds: new samples whose masks and keypoints are exact.

A sample depends on its seed, its number, the databases and the settings alone.
"""

import functools
import math
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from maskpose import geometry
from maskpose.codecs.masks import pack_mask
from maskpose.data.build import NAMED, build_items
from maskpose.data.compositing import (
    MAX_ENLARGEMENT,
    MAX_TRIES,
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
from maskpose.io.progress import progress_bar
from maskpose.visualization import drawing

ORIGIN = "pasted"
MIN_VISIBLE = 8  # keypoints of a hand: with fewer, the box says little about the hand's size
MIN_SPAN = 16  # pixels of a hand: a smaller one is all blur
MARGIN = 0.15  # of a hand's box, within which a background window must not come near it
TRIES = 20  # windows of one photograph, ever smaller ones
SMALLEST_TEXTURE = 48  # pixels of the larger side of a window that a sleeve or a thing is cut out of
FORBIDDEN_SIDE = 96  # cells of the larger side of the map of what a window must not hold
SHEET_SAMPLES, SHEET_COLUMNS, SHEET_TILE = 40, 10, (224, 224)


class Hands:
    """The hands of some databases that can be cut out: those of a whole mask and enough visible keypoints."""

    def __init__(self, readers: Sequence[Reader]):
        """Raises InputError where a database is damaged, and where none has such a hand."""
        self.readers = readers
        self.places, self.left_out = [], Counter()
        for number, reader in enumerate(readers):
            for index, sample in enumerate(_samples(reader)):
                if problem := _not_to_be_cut_out(sample):
                    self.left_out[problem] += 1
                else:
                    self.places.append((number, index))
        if not self.places:
            why = ", ".join(f"{count} {problem}" for problem, count in self.left_out.items())
            raise InputError(f"{', '.join(str(r.path) for r in readers)}: no hand that can be cut out ({why})")

    def draw(self, rng: np.random.Generator) -> Sample:
        """A random one."""
        number, index = self.places[rng.integers(len(self.places))]
        return self.readers[number][index]


class Backgrounds:
    """Windows of photographs in which there is no hand.

    Of a database, samples without a hand serve whole, and of the others whatever lies apart from the hand and from
    unknown pixels. Samples without a mask do not say where that is, and are left out. Of a folder, all pictures serve
    whole.
    """

    def __init__(self, sources: Sequence[Reader | Path]):
        """sources: databases and folders of pictures. Raises InputError where nothing of them can serve."""
        self.whole, self.scenes, self.left_out = [], [], Counter()
        for source in sources:
            if isinstance(source, Reader):
                self._take_database(source)
            else:
                self._take_folder(source)
        if not self.whole and not self.scenes:
            why = ", ".join(f"{count} {problem}" for problem, count in self.left_out.items())
            raise InputError(f"no photograph can serve as a background ({why or 'there is none'})")

    def _take_database(self, reader):
        for index, sample in enumerate(_samples(reader)):
            read = functools.partial(reader.__getitem__, index)
            mask = sample.decode_mask()
            if mask is None:
                self.left_out["without a mask"] += 1
            elif sample.visible.any() or mask.any() or sample.unknown:
                self.scenes.append(read)
            else:
                self.whole.append(read)

    def _take_folder(self, folder):
        paths = [image.path for image in find_images([folder])]
        for path in progress_bar(paths, desc=f"reading {folder}", unit="image"):
            try:
                _picture(path)
            except InputError as error:
                self.left_out["that cannot be read"] += 1
                if self.left_out["that cannot be read"] <= NAMED:
                    tqdm.write(f"left out: {error}", file=sys.stderr)
            else:
                self.whole.append(functools.partial(_picture, path))

    def window(self, rng: np.random.Generator, shape: tuple[int, int], smallest: int) -> np.ndarray:
        """(h, w, 3) uint8 BGR: a random window of the aspect of ``shape`` (width, height), at times mirrored.

        Its larger side has ``smallest`` pixels or more. Half of the windows are of photographs without a hand, where
        there are both kinds. Raises InputError where a picture is broken, and where no window is large enough.
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


def paste_sample(hands: Hands, backgrounds: Backgrounds, seed: int, index: int, settings: PasteSettings, origin=ORIGIN):
    """Sample number ``index`` of ``seed``. Raises InputError where a picture is broken or the hand fits nowhere."""
    rng = np.random.default_rng((seed, index))
    sample = hands.draw(rng)
    hand = cut_out(sample.decode_image(), sample.decode_mask(), sample.keypoints.astype(np.float64), sample.visible)
    share, shape = sample_shape(rng, hand, settings)
    window = backgrounds.window(rng, shape, math.ceil(settings.size[0] / MAX_ENLARGEMENT))
    size = _at_most_enlarged(shape, window, settings.size[0])
    affine = sample_placement(rng, hand, share, size, settings)

    def texture():
        return resize(backgrounds.window(rng, size, SMALLEST_TEXTURE), size)

    image, mask = paste(rng, hand, resize(window, size), affine, settings, texture)
    if not mask.any():
        raise InputError(f"number {index}, of {sample.name}: no pixel of the hand is left to be seen")
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
    path, hands: Hands, backgrounds: Backgrounds, count: int, seed: int, settings: PasteSettings, origin: str = ORIGIN,
    about: dict | None = None, workers: int | None = None, strict: bool = False,
):  # fmt: skip
    """Write ``count`` pasted samples into the database ``path``; give (manifest, problems) as ``build_items`` does."""
    databases = [reader.path for reader in hands.readers]
    digests = [reader.about.get("sha256") for reader in hands.readers]
    note = {"pasted": list(map(str, databases)), "sha256_of_hands": digests, "seed": seed, "origin": origin}
    note |= {"backgrounds": len(backgrounds.whole) + len(backgrounds.scenes), **asdict(settings), **(about or {})}

    def read(index):
        return [paste_sample(hands, backgrounds, seed, index, settings, origin)]

    return build_items(path, list(range(count)), read, strict, note, workers)


def paste_sheet(reader: Reader, count: int = SHEET_SAMPLES) -> np.ndarray:
    """A contact sheet of a database's first samples, each as it is and with its mask and keypoints drawn over it."""
    tiles = []
    for index in range(min(count, len(reader))):
        sample = reader[index]
        image, mask = sample.decode_image(), sample.decode_mask()
        tiles += [image, drawing.overlay(image, sample.keypoints, sample.visible.astype(float), 0.5, mask)]
    return drawing.contact_sheet(tiles, SHEET_COLUMNS, SHEET_TILE, group=2)


def _samples(reader):
    """The samples of a whole database, with a progress bar. Raises InputError where it is damaged."""
    reader.refuse_damaged()
    return progress_bar(reader, desc=f"reading {reader.path}", total=len(reader), unit="sample")


def _not_to_be_cut_out(sample):
    """Why a sample's hand cannot be cut out, or ""."""
    if not sample.visible.any():
        return "without a hand"
    if not sample.mask:
        return "without a mask"
    if sample.unknown:
        return "with pixels that are perhaps hand"
    if sample.visible.sum() < MIN_VISIBLE:
        return f"with fewer than {MIN_VISIBLE} visible keypoints"
    mask = sample.decode_mask()
    points = sample.keypoints[sample.visible]
    if np.ptp(points, axis=0).max() < MIN_SPAN or (mask > 0).sum() < MIN_SPAN**2 / 4:
        return f"of fewer than {MIN_SPAN} pixels"
    return ""


def _picture(path):
    """A picture file as a Sample without a hand."""
    data = read_bytes(path)
    width, height = images.image_size(data, str(path))
    nothing = np.full((21, 2), -1, np.float32)
    return Sample(path.name, data, width, height, nothing, np.zeros(21, bool))


def _forbidden(sample):
    """What a background window must not hold, as ((rows, columns) uint8, pixels a cell): 1 where a cell is forbidden.

    That is the mask, unknown pixels, the visible keypoints, and MARGIN of the hand's box about them all.
    """
    cell = max(sample.width, sample.height) / FORBIDDEN_SIDE
    hand = sample.keypoints[sample.visible]
    mask, unknown = (_pixels(packed) for packed in (sample.decode_mask(), sample.decode_unknown()))
    cells = np.zeros([max(1, int(np.ceil(side / cell))) for side in (sample.height, sample.width)], np.uint8)
    if not len(taken := np.concatenate([hand, mask, unknown])):
        return cells, cell
    columns, rows = np.clip(taken / cell, 0, np.array(cells.shape[::-1]) - 1).astype(int).T
    cells[rows, columns] = 1
    size = max((np.ptp(part, axis=0).max() for part in (hand, mask) if len(part)), default=0)
    reach = 1 + int(np.ceil(MARGIN * size / cell))
    return cv2.dilate(cells, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)), cell


def _pixels(mask):
    """(n, 2) x and y of a mask's pixels, of none for None."""
    return np.empty((0, 2)) if mask is None else np.argwhere(mask)[:, ::-1]


def _at_most_enlarged(shape, window, smallest):
    """``shape`` (width, height), or less if ``window`` has few pixels, down to a larger side of ``smallest``."""
    side = min(max(shape), max(smallest, MAX_ENLARGEMENT * max(window.shape[:2])))
    return tuple(max(1, round(length * side / max(shape))) for length in shape)


def _free_window(rng, sample, shape, smallest):
    """(x, y, w, h) of a random window of the aspect of ``shape`` (width, height) that holds no hand.

    Its larger side has ``smallest`` pixels or more. None where none is found in TRIES.
    """
    largest = min(sample.width / shape[0], sample.height / shape[1])
    low = max(smallest / max(shape), 0.3 * largest)
    if low > largest:
        return None
    cells, cell = _forbidden(sample)
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
