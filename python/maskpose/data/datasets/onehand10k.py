"""OneHand10K as its authors ship it.

``{Train,Test}`` hold ``source/<name>.jpg``, ``mask/<name>.png`` (may be absent) and ``label_joint.txt``. The latter has
a line for each image, in pixels: ``name,width,height,hand_number,x1,y1,…,x21,y21``. A keypoint with x or y of -1 is
invisible. So is a keypoint on the very edge, at x = width or y = height, half a pixel outside the image.

Three extensions are ours; each may be absent. ``unknown/<name>.png`` marks pixels that may be hand or not. A line of
21 x (-1, -1) with an all-black mask is an image without a hand. ``sources.csv`` beside the labels names each image's
origin, and the person, room or session it is of (columns name, origin, and perhaps group and others).
"""

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from maskpose import geometry
from maskpose.codecs.mask_files import decode_mask
from maskpose.codecs.masks import pack_mask
from maskpose.data.datasets.reading import NOWHERE, checked_image_size
from maskpose.data.sample import FARTHEST, Sample
from maskpose.errors import InputError, short_repr
from maskpose.io.files import read_bytes, read_text
from maskpose.io.paths import PathLike
from maskpose.io.tables import read_table
from maskpose.io.text import is_text, split_lines
from maskpose.io.values import parse_number
from maskpose.model.variants import NUM_KEYPOINTS

NAME = "OneHand10K format"
SPLITS = ("Train", "Test")
FIELDS = 4 + 2 * NUM_KEYPOINTS

Line = tuple[str, int, str]  # (split, line number, text)


def label_lines(root: PathLike, split: str) -> list[Line]:
    """Return the non-empty label lines of a split; a split without a folder has none.

    Raises:
        InputError: the split has no label file.
    """
    path = Path(root) / split / "label_joint.txt"
    if not path.parent.is_dir():
        return []
    lines = split_lines(read_text(path, odd_lines=True))
    return [(split, n, line.rstrip("\r\n")) for n, line in enumerate(lines, start=1) if line.strip()]


def plan(
    root: PathLike,
    shuffle_seed: int | None = None,
    train_count: int = 10_000,
    names: Sequence[str] | None = None,
    only: Mapping[str, str] | None = None,
) -> dict[str, list[Line]]:
    """Divide the label lines into those for training and those for testing.

    Args:
        root: folder of the data set.
        shuffle_seed: of a random division of all lines (section 3.3); None: the distribution's own split.
        train_count: lines for training if they are divided at random.
        names: of the images that are kept, as ``Train/12.jpg``, or ``12.jpg`` in whichever split has it; None: all.
        only: {column of sources.csv: value} that an image's row must have; None: all images are kept.

    Returns:
        {"train": lines, "test": lines}, lines as ``label_lines`` gives them.

    Raises:
        InputError: there are no lines, a name is missing, or a random division leaves no line for testing.
    """
    train, test = (label_lines(root, split) for split in SPLITS)
    if not train and not test:
        raise InputError(f"{root}: no Train/label_joint.txt or Test/label_joint.txt with lines in it")
    if names is not None:
        wanted = set(names)
        train, test = ([line for line in lines if wanted & _names(line)] for lines in (train, test))
        if missing := wanted.difference(*map(_names, train + test)):
            raise InputError(f"{root}: no label for {min(missing)} (names are as Train/12.jpg or 12.jpg)")
    if only:
        train, test = (_select(root, lines, only) for lines in (train, test))
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


def parse_line(text: str) -> tuple[str, int, int, npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Return (name, width, height, keypoints (21, 2), visible (21,)) of a label line, in pixels.

    Raises:
        InputError: the line is broken.
    """
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
        stated = f"{short_repr(parts[1])}, {short_repr(parts[2])}"
        raise InputError(f"width and height must be positive integers, not {stated}")
    if math.isnan(hand_number):
        raise InputError(f"not a number: {short_repr(parts[3])}")
    keypoints = numbers[3:].reshape(NUM_KEYPOINTS, 2)
    visible = ~(keypoints == NOWHERE).any(axis=1)
    within = (keypoints >= 0).all(axis=1) & (keypoints <= (width, height)).all(axis=1)
    if (visible & ~within).any():
        k = int(np.argmax(visible & ~within))
        x, y = (part.strip() for part in parts[4 + 2 * k : 6 + 2 * k])
        raise InputError(f"keypoint {k} ({x}, {y}) lies outside the {width:g}x{height:g} image")
    keypoints[~(np.abs(keypoints) < FARTHEST).all(axis=1)] = NOWHERE
    keypoints = keypoints.astype(np.float32)
    visible &= geometry.inside(keypoints, width, height)
    return name, int(width), int(height), keypoints, visible


def _number(cell: str) -> float:
    """Return the number in a cell, or NaN if there is none."""
    try:
        return parse_number(cell, "")
    except InputError:
        return math.nan


def read_sources(root: PathLike, split: str) -> tuple[dict[str, dict[str, str]], list[InputError]]:
    """Read the ``sources.csv`` of a split, if it has one.

    Returns:
        {image name: {column: text}}, and the problems of rows that are broken or name an image a second time.

    Raises:
        InputError: the file is not such a table.
    """
    path = Path(root) / split / "sources.csv"
    sources: dict[str, dict[str, str]] = {}
    problems: list[InputError] = []
    if not path.is_file():
        return sources, problems
    for row in read_table(path, ("name", "origin")):
        if isinstance(row, InputError):
            problems.append(row)
            continue
        number, cells = row
        if cells["name"] in sources:
            problems.append(InputError(f"{path}, line {number}: {cells['name']} is named a second time"))
        sources.setdefault(cells["name"], cells)
    return sources, problems


def read_sample(root: PathLike, split: str, text: str, sources: Mapping[str, Mapping[str, str]]) -> Sample:
    """Read the sample of one label line, and check its files.

    Args:
        root: folder of the data set.
        split: of the line.
        text: of the line.
        sources: rows of ``read_sources``.

    Raises:
        InputError: the line or a file is damaged.
    """
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


def read_mask(folder: PathLike, kind: str, name: str, width: int, height: int) -> npt.NDArray[np.bool_] | None:
    """Read which pixels the mask file of an image marks, by maskpose.codecs.mask_files.

    Args:
        folder: of the split.
        kind: "mask" or "unknown".
        name: of the image.
        width: of the image, pixels.
        height: of the image, pixels.

    Returns:
        (height, width) bool, or None if there is no such file.

    Raises:
        InputError: the file is damaged, or of another size.
    """
    path = Path(folder, kind, f"{os.path.splitext(name)[0]}.png")
    if not os.path.exists(path):
        return None
    marked = decode_mask(read_bytes(path), f"{kind}/{path.name}")
    if marked.shape != (height, width):
        raise InputError(f"{kind}/{path.name} is {marked.shape[1]}x{marked.shape[0]}, its image {width}x{height}")
    return marked


class LineReader:
    """Reads the lines that ``label_lines`` and ``plan`` give, for maskpose.data.build."""

    def __init__(self, root: PathLike, lines: Sequence[Line]):
        """Read the ``sources.csv`` of the lines' splits.

        Args:
            root: folder of the data set.
            lines: all that will be read. A line whose name an earlier line has is broken.
        """
        self.root = root
        sources = {split: read_sources(root, split) for split in {line[0] for line in lines}}
        self._sources = {split: rows for split, (rows, _) in sources.items()}
        self._problems = [problem for split in sorted(sources) for problem in sources[split][1]]
        names: set[str] = set()
        self._repeated: set[Line] = set()
        for line in lines:
            name = path_name(line)
            if name in names:
                self._repeated.add(line)
            names.add(name)

    def items(self, lines: Sequence[Line]) -> list[Line | InputError]:
        """Return ``lines``, and an InputError for each broken row of their sources.csv, as maskpose.data.build's items.

        The rows are those of all lines that the reader was made for.
        """
        return [*lines, *self._problems]

    def __call__(self, line: Line) -> list[Sample]:
        """Return the sample of a line in a list. Raises InputError that names file and line."""
        split, number, text = line
        try:
            if line in self._repeated:
                raise InputError(f"{text.partition(',')[0].strip()} is named a second time")
            return [read_sample(self.root, split, text, self._sources[split])]
        except InputError as error:
            raise InputError(f"{Path(self.root) / split / 'label_joint.txt'}, line {number}: {error}") from None


def read_samples(root: PathLike, lines: Sequence[Line]) -> Iterator[Sample]:
    """Yield the samples of ``lines``. Raises InputError for the first that cannot be read."""
    read = LineReader(root, lines)
    for line in lines:
        yield from read(line)


def path_name(line: Line) -> str:
    """Return the image of a label line as ``Train/12.jpg``."""
    split, _, text = line
    return f"{split}/{text.partition(',')[0].strip()}"


def _select(root: PathLike, lines: Sequence[Line], only: Mapping[str, str]) -> list[Line]:
    """Return the lines whose image has these {column: value} in sources.csv. Raises InputError for unknown columns."""
    sources = {split: read_sources(root, split)[0] for split in {line[0] for line in lines}}
    for split, rows in sources.items():
        columns = set(next(iter(rows.values()), {}))
        if missing := set(only) - columns:
            named = ", ".join(sorted(filter(None, columns))) or "no rows"
            raise InputError(f"{Path(root) / split / 'sources.csv'} has no column {min(missing)}: it has {named}")

    def is_selected(line: Line) -> bool:
        row = sources[line[0]].get(path_name(line).partition("/")[2], {})
        return all(row.get(column) == value for column, value in only.items())

    return [line for line in lines if is_selected(line)]


def _pairs(only: Mapping[str, str]) -> str:
    return ", ".join(f"{column}={value}" for column, value in only.items())


def _names(line: Line) -> set[str]:
    """Return the names that a list may have for the image of a label line."""
    return {path_name(line), path_name(line).partition("/")[2]}
