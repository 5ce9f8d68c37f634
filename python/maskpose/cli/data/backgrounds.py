"""Cut from each image of an LMDB the largest window that shows nothing of its hand: images without a hand.

They serve as backgrounds to paste hands onto, as images to train on, and to measure how often a hand is claimed where
there is none. A hand that has no label stays in its window: look at them (maskpose browse).

Example:
    maskpose data backgrounds data/scenes/train.lmdb data/backgrounds.lmdb
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from maskpose.cli import conversion
from maskpose.cli.entry import one_line_errors
from maskpose.cli.options import argument_parser
from maskpose.data.backgrounds import LEAST, build_backgrounds
from maskpose.data.database import Reader


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argument_parser(__doc__, "data backgrounds")
    parser.add_argument("db", type=Path, help="LMDB to read")
    parser.add_argument("out", type=Path, help="LMDB to write")
    parser.add_argument(
        "--least",
        type=float,
        default=LEAST,
        help="of an image's width and height: what a window's have at least, above 0 and at most 1 (%(default)s)",
    )
    conversion.add_origin(parser, "the image's own")
    return parser.parse_args(arguments)


@one_line_errors
def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``maskpose data backgrounds``."""
    args = parse_arguments(arguments)
    manifest = build_backgrounds(Reader(args.db), args.out, args.least, conversion.describe(args), args.origin)
    conversion.print_contents(args.out, manifest)
