"""OneHand10K as its authors ship it.

``{Train,Test}/source/<name>.jpg``, ``mask/<name>.png`` (may be absent) and ``label_joint.txt`` with a line an
image: ``name,width,height,hand_number,x1,y1,…,x21,y21``, pixels; a keypoint with x or y of -1 is invisible, and so is
one on the very edge, at x = width or y = height, half a pixel outside the image.
Extensions of ours, each of which may be absent: ``unknown/<name>.png`` marks pixels of which nobody knows whether they
are hand; an image of 21 x (-1, -1) with an all-black mask is one without a hand; ``sources.csv`` (columns name, origin,
and perhaps group and others) beside the labels names each image's origin, and the person, room or session it is of.
"""

import math
import os
from pathlib import Path

import numpy as np

from maskpose import geometry
from maskpose.codecs.masks import decode_mask, pack_mask
from maskpose.data.build import build_items
from maskpose.data.datasets.reading import NOWHERE, checked_image_size
from maskpose.data.sample import FARTHEST, Sample
from maskpose.errors import InputError
from maskpose.io.files import read_bytes, read_text
from maskpose.io.printable import short_repr
from maskpose.io.tables import read_table
from maskpose.io.text import is_text, split_lines
from maskpose.io.values import parse_number
from maskpose.model.variants import KEYPOINTS

NAME = "OneHand10K format"
SPLITS = ("Train", "Test")
FIELDS = 4 + 2 * KEYPOINTS


def label_lines(root, split):
    """[(split, line number, text)] of a split's non-empty label lines.

    Raises InputError where there is no label file; a split that has no folder has no lines.
    """
    path = Path(root) / split / "label_joint.txt"
    if not path.parent.is_dir():
        return []
    lines = split_lines(read_text(path, odd_lines=True))
    return [(split, n, line.rstrip("\r\n")) for n, line in enumerate(lines, start=1) if line.strip()]


def plan(root, shuffle_seed=None, train_count=10_000, names=None, only=None):
    """{"train": lines, "test": lines}, lines as ``label_lines`` gives them.

    By default the distribution's own split; with ``shuffle_seed`` all lines shuffled, the first
    ``train_count`` for training and the rest for validation (section 3.3); InputError where there is no rest.
    ``names`` keeps only the images called so, each as ``Train/12.jpg``, or ``12.jpg`` for whichever part has it;
    InputError where one is not there. ``only``: {column of sources.csv: value}, keeps the images whose row says so.
    """
    train, test = (label_lines(root, split) for split in SPLITS)
    if not train and not test:
        raise InputError(f"{root}: no Train/label_joint.txt or Test/label_joint.txt with lines in it")
    if names is not None:
        wanted = set(names)
        train, test = ([line for line in lines if wanted & _called(line)] for lines in (train, test))
        if missing := wanted.difference(*map(_called, train + test)):
            raise InputError(f"{root}: no label for {min(missing)} (names are as Train/12.jpg or 12.jpg)")
    if only:
        train, test = (_saying(root, lines, only) for lines in (train, test))
        if not train and not test:
            raise InputError(f"{root}: no image of which sources.csv says {_pairs(only)}")
    if shuffle_seed is not None:
        lines = train + test
        if len(lines) <= train_count:
            raise InputError(
                f"{root} has {len(lines)} lines: {train_count} for training leave none to test on; "
                "give a smaller --train-count"
            )
        lines = [lines[i] for i in np.random.default_rng(shuffle_seed).permutation(len(lines))]
        train, test = lines[:train_count], lines[train_count:]
    return {"train": train, "test": test}


def parse_line(text):
    """(name, width, height, keypoints (21, 2) float32, visible (21,) bool); InputError says what is wrong."""
    if not is_text(text):
        raise InputError("not text in UTF-8: save the file as UTF-8")
    parts = text.split(",")
    if len(parts) != FIELDS:
        raise InputError(f"{len(parts) - 1} numbers after the name, expected {FIELDS - 1}")
    name = parts[0].strip()
    if not name or os.path.basename(name) != name or name in (".", ".."):
        raise InputError(f"{name!r} is not a file name")
    numbers = np.array([_number(part) for part in parts[1:]])
    width, height, hand_number = numbers[:3]
    if not (width >= 1 and height >= 1 and width % 1 == 0 and height % 1 == 0):
        raise InputError(
            f"width and height must be positive integers, not {short_repr(parts[1])}, {short_repr(parts[2])}"
        )
    if math.isnan(hand_number):
        raise InputError(f"not a number: {short_repr(parts[3])}")
    keypoints = numbers[3:].reshape(KEYPOINTS, 2)
    visible = ~(keypoints == NOWHERE).any(axis=1)
    within = (keypoints >= 0).all(axis=1) & (keypoints <= (width, height)).all(axis=1)
    if (visible & ~within).any():
        k = int(np.argmax(visible & ~within))
        x, y = (part.strip() for part in parts[4 + 2 * k : 6 + 2 * k])
        raise InputError(f"keypoint {k} ({x}, {y}) lies outside the {width:g}x{height:g} photograph")
    keypoints[~(np.abs(keypoints) < FARTHEST).all(axis=1)] = NOWHERE
    keypoints = keypoints.astype(np.float32)
    visible &= geometry.inside(keypoints, width, height)
    return name, int(width), int(height), keypoints, visible


def _number(cell):
    """The number in a cell, or NaN where there is none."""
    try:
        return parse_number(cell, "")
    except InputError:
        return math.nan


def read_sources(root, split):
    """({image name: {column: text}}, problems) from ``sources.csv``, or ({}, []) where there is none.

    problems: [InputError] of the rows that are broken, or name an image a second time. Raises InputError where the file
    is no such table.
    """
    path, found, problems = Path(root) / split / "sources.csv", {}, []
    if not path.is_file():
        return found, problems
    for row in read_table(path, ("name", "origin")):
        if isinstance(row, InputError):
            problems.append(row)
            continue
        number, cells = row
        if cells["name"] in found:
            problems.append(InputError(f"{path}, line {number}: {cells['name']} is named a second time"))
        found.setdefault(cells["name"], cells)
    return found, problems


def read_sample(root, split, text, sources):
    """The sample of one label line, its files read and checked; InputError says what is wrong."""
    name, width, height, keypoints, visible = parse_line(text)
    folder = f"{root}/{split}"
    image = read_bytes(f"{folder}/source/{name}")
    checked_image_size(image, f"source/{name}", (width, height))
    mask, unknown = (read_mask(folder, kind, name, width, height) for kind in ("mask", "unknown"))
    if mask is not None and visible.any() and not mask.any() and (unknown is None or not unknown.any()):
        stem = os.path.splitext(name)[0]
        raise InputError(f"mask/{stem}.png is black, but {visible.sum()} keypoints are visible")
    packed = [b"" if pixels is None else pack_mask(pixels) for pixels in (mask, unknown)]
    row = sources.get(name, {})
    return Sample(
        name, image, width, height, keypoints, visible, packed[0],
        origin=row.get("origin") or "", group=row.get("group") or "", unknown=packed[1],
    )  # fmt: skip


def read_mask(folder, kind, name, width, height):
    """Which pixels the file of an image in ``kind``, "mask" or "unknown", marks, as maskpose.codecs.masks reads it.

    Returns (height, width) bool, or None where there is no such file. Raises InputError.
    """
    path = Path(folder, kind, f"{os.path.splitext(name)[0]}.png")
    if not os.path.exists(path):
        return None
    marked = decode_mask(read_bytes(path), f"{kind}/{path.name}")
    if marked.shape != (height, width):
        raise InputError(f"{kind}/{path.name} is {marked.shape[1]}x{marked.shape[0]}, its photograph {width}x{height}")
    return marked


class LineReader:
    """Reads the items that ``label_lines`` and ``plan`` give, for maskpose.data.build."""

    def __init__(self, root, lines):
        """lines: all that will be read; a name that comes a second time in them is a problem of that line."""
        self.root = root
        sources = {split: read_sources(root, split) for split in {line[0] for line in lines}}
        self._sources = {split: rows for split, (rows, _) in sources.items()}
        self._problems = [problem for split in sorted(sources) for problem in sources[split][1]]
        seen, self._again = set(), set()
        for line in lines:
            name = path_name(line)
            if name in seen:
                self._again.add(line)
            seen.add(name)

    def items(self, lines):
        """``lines``, and an InputError for each broken row of the sources.csv beside them, for maskpose.data.build."""
        return [*lines, *self._problems]

    def __call__(self, line):
        """[the sample of a line]. Raises InputError that names file and line."""
        split, number, text = line
        try:
            if line in self._again:
                raise InputError(f"{text.partition(',')[0].strip()} is named a second time")
            return [read_sample(self.root, split, text, self._sources[split])]
        except InputError as error:
            raise InputError(f"{Path(self.root) / split / 'label_joint.txt'}, line {number}: {error}") from None


def read_samples(root, lines):
    """Yield the samples of ``lines``. Raises InputError for the first that cannot be read."""
    read = LineReader(root, lines)
    for line in lines:
        yield from read(line)


def build_db(root, lines, path, strict=True, about=None, workers=None):
    """Write the samples of ``lines`` into the LMDB ``path``, as maskpose.data.build does; give (manifest, problems)."""
    about = {"dataset": NAME, **(about or {})}
    read = LineReader(root, lines)
    return build_items(path, read.items(lines), read, strict, about, workers)


def path_name(line):
    """The image of a label line as ``Train/12.jpg``."""
    split, _, text = line
    return f"{split}/{text.partition(',')[0].strip()}"


def _saying(root, lines, only):
    """Those of ``lines`` whose image's row of sources.csv has these {column: value}. Raises InputError."""
    sources = {split: read_sources(root, split)[0] for split in {line[0] for line in lines}}
    for split, rows in sources.items():
        columns = set(next(iter(rows.values()), {}))
        if missing := set(only) - columns:
            named = ", ".join(sorted(filter(None, columns))) or "no rows"
            raise InputError(f"{Path(root) / split / 'sources.csv'} has no column {min(missing)}: it has {named}")

    def says(line):
        row = sources[line[0]].get(path_name(line).partition("/")[2], {})
        return all(row.get(column) == value for column, value in only.items())

    return [line for line in lines if says(line)]


def _pairs(only):
    return ", ".join(f"{column}={value}" for column, value in only.items())


def _called(line):
    """The names that a list may call the image of a label line by."""
    return {path_name(line), path_name(line).partition("/")[2]}
