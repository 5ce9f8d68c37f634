"""Databases for tests and benchmarks."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from maskpose.data.build import build_items
from maskpose.data.datasets import onehand10k
from maskpose.io.paths import PathLike
from maskpose.testing import drawn_hands


def build_onehand10k(root: PathLike, lines: Sequence[onehand10k.Line], path: PathLike) -> dict[str, Any]:
    """Write the samples of ``lines``, of ``onehand10k.plan``, into an LMDB, all of them; return its manifest.

    Args:
        root: folder of the data set.
        lines: of ``plan``.
        path: of the LMDB.

    Raises:
        InputError: as ``maskpose.data.build.build_items``; for the first sample that cannot be read.
    """
    read = onehand10k.LineReader(root, lines)
    manifest, _ = build_items(path, read.items(lines), read, strict=True, about={"dataset": onehand10k.NAME})
    return manifest


def drawn_database(folder: PathLike, count: int = 104, size: tuple[int, int] = (640, 480)) -> Path:
    """Make an LMDB of ``count`` drawn hands, JPEGs of ``size`` (w, h) pixels, in ``folder``; return its path."""
    hands = Path(folder) / "hands"
    drawn_hands.write_onehand10k(hands, count, seed=1, split="Train", sizes=(size,))
    path = Path(folder) / "train.lmdb"
    build_onehand10k(hands, onehand10k.plan(hands)["train"], path)
    return path
