"""Crop the images of an LMDB to squares about their hands: larger hands, in another LMDB.

The side of a square is that of the visible keypoints' box times a random factor between LOW and HIGH. Hands that are
too small or too hidden for it, and images without a hand, are left out.

Example:
    maskpose data crop data/synth_db/train.lmdb data/synth_close.lmdb --factor 1.4 3 --seed 1
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from maskpose.cli import conversion
from maskpose.cli.entry import one_line_errors
from maskpose.cli.options import argument_parser, natural
from maskpose.data.cropping import crop
from maskpose.data.database import Reader


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argument_parser(__doc__, "data crop")
    parser.add_argument("db", type=Path, help="LMDB to read")
    parser.add_argument("out", type=Path, help="LMDB to write")
    parser.add_argument(
        "--factor",
        nargs=2,
        type=float,
        default=(1.4, 3.0),
        metavar=("LOW", "HIGH"),
        help="side of the square, in sides of the hand's box, 1 or more (1.4 3)",
    )
    parser.add_argument("--seed", type=natural, default=1, help="of the factors (%(default)s)")
    conversion.add_origin(parser, "the image's own")
    return parser.parse_args(arguments)


@one_line_errors
def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``maskpose data crop``."""
    args = parse_arguments(arguments)
    reader = Reader(args.db)
    manifest = crop(reader, args.out, args.factor, args.seed, conversion.describe(args), args.origin)
    count, without_hand = len(reader), sum(sample.without_hand for sample in reader)
    hands = count - without_hand - manifest["count"]
    print(f"left out of {count}: {hands} hands too small or too hidden, {without_hand} images without a hand")
    conversion.print_contents(args.out, manifest)
