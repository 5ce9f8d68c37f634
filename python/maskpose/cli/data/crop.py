"""Cut squares about the hands of an LMDB into another one: larger hands, out of the same pictures.

Each square is the box of a hand's visible keypoints times a factor between LOW and HIGH. Hands that are too small or
too hidden for it, and images without a hand, are left out.

Example:
    maskpose data crop data/synth_db/train.lmdb data/synth_close.lmdb --factor 1.4 3 --seed 1
"""

from collections.abc import Sequence
from pathlib import Path

from maskpose.cli import conversion
from maskpose.cli.options import argument_parser, natural, one_line_errors
from maskpose.data.cropping import crop
from maskpose.data.database import Reader


def parse_arguments(arguments):
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
    return parser.parse_args(arguments)


@one_line_errors
def main(arguments: Sequence[str] | None = None) -> None:
    args = parse_arguments(arguments)
    reader = Reader(args.db)
    manifest = crop(reader, args.out, args.factor, args.seed, conversion.about(args))
    conversion.tell(args.out, manifest)
    count, without_hand = len(reader), sum(sample.without_hand for sample in reader)
    hands = count - without_hand - manifest["count"]
    print(f"left out of {count}: {hands} hands too small or too hidden, {without_hand} images without a hand")
