"""What the commands that make databases have in common: building one of a data set's items, and describing it."""

import argparse
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from maskpose.cli.options import positive
from maskpose.data.build import build_items
from maskpose.data.sample import Sample
from maskpose.io.left_out import MOST_NAMED


def add_building(parser: argparse.ArgumentParser, crop: float | None = None) -> None:
    """Add the database, what ``add_care`` adds and, with its default ``crop``, --crop."""
    parser.add_argument("db", type=Path, help="LMDB to write")
    add_care(parser)
    if crop is not None:
        parser.add_argument("--crop", type=float, default=crop, metavar="FACTOR", help="crop to a square about the "
                            "hand, in sides of its box; 0: the whole image (%(default)s)")  # fmt: skip


def add_care(parser: argparse.ArgumentParser) -> None:
    """Add --strict, --limit, --origin and --workers."""
    parser.add_argument("--strict", action="store_true", help="stop at the first label or image that cannot be read")
    parser.add_argument("--limit", type=positive, metavar="N", help="only the first N items")
    add_origin(parser, "the data set's own")
    parser.add_argument("--workers", type=positive, metavar="N", help="threads that read (one a processor)")


def add_origin(parser: argparse.ArgumentParser, default: str) -> None:
    """Add --origin; ``default`` says which the samples have without it."""
    parser.add_argument("--origin", metavar="NAME", help="where the samples come from, noted in each: databases "
                        f"with one origin may not share names when they are merged ({default})")  # fmt: skip


def convert(
    args: argparse.Namespace,
    db: Path,
    items: Sequence[Any],
    read: Callable[[Any], Sequence[Sample]],
    dataset: str,
) -> None:
    """Build a database of a reader's items, and print what it holds.

    Args:
        args: what ``add_care`` added.
        db: LMDB to write.
        items: what the reader lists.
        read: the samples of an item.
        dataset: its name, noted in the manifest.
    """
    items = items[: args.limit]
    about = describe(args, dataset=dataset)
    manifest, problems = build_items(db, items, read, args.strict, about, args.workers, args.origin)
    if problems:
        named = "named above" if len(problems) <= MOST_NAMED else f"the first {MOST_NAMED} named above"
        print(f"{len(problems)} of {len(items)} left out, {named}", file=sys.stderr)
    print_contents(db, manifest)


def describe(args: argparse.Namespace, **more: object) -> dict[str, object]:
    """What a manifest says of how its database was made: ``more``, and the command that has these arguments."""
    return {**more, "command": shlex.join(args.invocation)}


def print_contents(db: Path, manifest: dict) -> None:
    """Print what a database holds."""
    print(f"{db}: {manifest['count']} samples, {manifest['masks']} with a mask")
