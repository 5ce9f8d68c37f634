"""Make an LMDB of a CSV of keypoints, as tools/predict.py --formats csv writes, and its photographs.

Example:
    maskpose data csv keypoints.csv photos data/mine.lmdb
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from maskpose.cli import conversion
from maskpose.cli.options import argument_parser, one_line_errors
from maskpose.data.datasets import table
from maskpose.data.datasets.reading import existing_path


def parse_arguments(arguments):
    parser = argument_parser(__doc__, "data csv")
    parser.add_argument("table", type=Path, help="CSV file: image, wrist_x, wrist_y, … little_4_y")
    parser.add_argument("images", type=Path, help="folder that its paths are relative to")
    parser.add_argument("--masks", type=Path, help="folder that its masks' paths are relative to (the images')")
    conversion.add_building(parser)
    return parser.parse_args(arguments)


@one_line_errors
def main(arguments: Sequence[str] | None = None) -> None:
    args = parse_arguments(arguments)
    read = partial(table.read, path=args.table, images=existing_path(args.images), masks=args.masks)
    conversion.convert(args, args.db, table.items(args.table), read, table.NAME)
