"""Write 4:3 crops of a database's images, 320 x 240, as the paper did for the method of its [10], and maps back.

`maskpose evaluate --cropped FILE OUT/maps.json` scores what another program detects in the crops on the whole images.

Example:
    maskpose data crop-images data/onehand10k/test.lmdb data/onehand10k/crops
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from maskpose.cli.entry import one_line_errors
from maskpose.cli.options import argument_parser, positive
from maskpose.data.database import Reader
from maskpose.evaluation import paper_crops
from maskpose.io.left_out import LeftOut


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argument_parser(__doc__, "data crop-images")
    parser.add_argument("db", type=Path, help="LMDB of samples")
    parser.add_argument("out", type=Path, help="folder to write the crops and maps.json to")
    parser.add_argument("--size", nargs=2, type=positive, default=paper_crops.SIZE, metavar=("W", "H"),
                        help="pixels of a crop (320 240)")  # fmt: skip
    parser.add_argument("--strict", action="store_true", help="stop at the first sample that cannot be cropped")
    return parser.parse_args(arguments)


@one_line_errors
def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``maskpose data crop-images``."""
    args = parse_arguments(arguments)
    left_out = LeftOut(args.strict)
    maps = paper_crops.write_crops(Reader(args.db), args.out, tuple(args.size), left_out)
    left_out.report()
    print(f"{args.out}: {len(maps)} crops, and maps.json")
