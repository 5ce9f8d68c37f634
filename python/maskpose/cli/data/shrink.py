"""Shrink the images of an LMDB onto grey of their own size: small hands, to measure the size from which on they are
detected.

Example:
    maskpose data shrink data/scenes/test.lmdb data/far.lmdb --factor 0.333 --seed 1
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from maskpose.cli import conversion
from maskpose.cli.entry import one_line_errors
from maskpose.cli.options import argument_parser, natural
from maskpose.data.database import Reader
from maskpose.data.shrinking import shrink


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argument_parser(__doc__, "data shrink")
    parser.add_argument("db", type=Path, help="LMDB to read")
    parser.add_argument("out", type=Path, help="LMDB to write")
    parser.add_argument(
        "--factor", type=float, default=1 / 3, help="of the image's sides, above 0 and at most 1 (a third)"
    )
    parser.add_argument("--seed", type=natural, default=1, help="of the places on the grey (%(default)s)")
    conversion.add_origin(parser, "the image's own")
    return parser.parse_args(arguments)


@one_line_errors
def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``maskpose data shrink``."""
    args = parse_arguments(arguments)
    manifest = shrink(Reader(args.db), args.out, args.factor, args.seed, conversion.describe(args), args.origin)
    conversion.print_contents(args.out, manifest)
