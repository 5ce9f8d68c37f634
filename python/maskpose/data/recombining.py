"""Databases from databases: several become one, or some samples of one. Samples stay as they are."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from maskpose.data.build import build_items
from maskpose.data.database import Reader
from maskpose.data.sample import Sample
from maskpose.data.subsets import Entry, list_entries
from maskpose.errors import InputError
from maskpose.io.paths import PathLike


def merge(paths: Sequence[PathLike], path: PathLike, about: dict[str, Any] | None = None) -> dict[str, Any]:
    """Write the samples of several databases into one, one database after the other; return its manifest.

    Args:
        paths: of the databases.
        path: of the new database.
        about: what the manifest holds besides.

    Raises:
        InputError: two databases have the same name of the same origin: one image would count twice.
    """
    if len({Path(given).resolve() for given in paths}) < len(paths):
        raise InputError(f"{path}: one of the databases to merge is named twice")
    readers = [Reader(given) for given in paths]
    items: list[tuple[int, Entry]] = []
    holders: dict[tuple[str, str], int] = {}  # the database of each (origin, name)
    for number, reader in enumerate(readers):
        for entry in list_entries(reader):
            if (other := holders.setdefault((entry.origin, entry.name), number)) != number:
                origin = entry.origin or "no origin"
                raise InputError(f"{entry.name} of {origin} is in {paths[other]} and in {paths[number]}; if these are "
                                 "different images, make one of them again with --origin NAME")  # fmt: skip
            items.append((number, entry))
    return _copy(readers, items, path, {"merged": list(map(str, paths)), **(about or {})})


def extract(
    reader: Reader, entries: Iterable[Entry], path: PathLike, about: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Write the samples of ``entries`` into the database ``path``; return its manifest.

    Args:
        reader: of the database that the entries are of.
        entries: what is written.
        path: of the new database.
        about: what the manifest holds besides.
    """
    items = [(0, entry) for entry in entries]
    return _copy([reader], items, path, {"taken_from": str(reader.path), **(about or {})})


def _copy(
    readers: Sequence[Reader], items: Sequence[tuple[int, Entry]], path: PathLike, about: dict[str, Any]
) -> dict[str, Any]:
    def read(item: tuple[int, Entry]) -> list[Sample]:
        number, entry = item
        return [readers[number][entry.index]]

    manifest, _ = build_items(path, items, read, strict=True, about=about)
    return manifest
