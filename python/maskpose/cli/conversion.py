"""What the scripts of data_prep/ have in common: a data set's items into a checked database, and what they say."""

import argparse
import shlex
import sys
from dataclasses import replace
from pathlib import Path

from maskpose.cli.options import positive
from maskpose.data.build import NAMED, build_items


def add_building(parser, crop=None):
    """Add the database, what ``add_care`` adds, and --crop where ``crop`` is its default."""
    parser.add_argument("db", type=Path, help="LMDB to write")
    add_care(parser)
    if crop is not None:
        parser.add_argument("--crop", type=float, default=crop, metavar="FACTOR",
                            help="square about the hand, in sides of its box; 0: all of it (%(default)s)")  # fmt: skip


def add_care(parser):
    """Add --strict, --limit, --origin and --workers."""
    parser.add_argument("--strict", action="store_true", help="stop at the first label or picture that cannot be read")
    parser.add_argument("--limit", type=positive, metavar="N", help="only the first N items")
    parser.add_argument("--origin", metavar="NAME", help="where the samples come from, recorded in each: sets of one "
                        "origin may not share names when they are merged (the data set's own)")  # fmt: skip
    parser.add_argument("--workers", type=positive, metavar="N", help="threads that read (one a processor)")


def convert(args, db, items, read, dataset):
    """Build ``db`` of a reader's items as the arguments of ``add_care`` say, and print what it holds."""
    items = items[: args.limit]

    def read_as(item):
        samples = read(item)
        return [replace(sample, source=args.origin) for sample in samples] if args.origin else samples

    manifest, problems = build_items(db, items, read_as, args.strict, about(args, dataset=dataset), args.workers)
    tell(db, manifest)
    if problems:
        named = "named above" if len(problems) <= NAMED else f"the first {NAMED} named above"
        print(f"{len(problems)} of {len(items)} left out, {named}", file=sys.stderr)


def about(args: argparse.Namespace, **more: object) -> dict:
    """What a manifest says of how its database was made: the command that has these arguments, and ``more``."""
    return {**more, "command": shlex.join(args.invocation)}


def tell(db, manifest):
    """Print what a database holds."""
    print(f"{db}: {manifest['count']} samples, {manifest['masks']} with a mask")
