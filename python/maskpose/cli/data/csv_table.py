"""Make an LMDB of a CSV of keypoints, as `maskpose predict --formats csv` writes it, and its images.

Example:
    maskpose data csv keypoints.csv photos data/mine.lmdb
"""

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from maskpose.cli import conversion
from maskpose.cli.entry import one_line_errors
from maskpose.cli.options import argument_parser
from maskpose.data.datasets import table
from maskpose.io.files import existing_path


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argument_parser(__doc__, "data csv")
    parser.add_argument("table", type=Path, help="CSV file: image, wrist_x, wrist_y, … little_4_y")
    parser.add_argument("images", type=Path, help="folder that its paths are relative to")
    parser.add_argument("--masks", type=Path, help="folder that its masks' paths are relative to (the images')")
    conversion.add_building(parser)
    return parser.parse_args(arguments)


@one_line_errors
def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``maskpose data csv``."""
    args = parse_arguments(arguments)
    read = partial(table.read, path=args.table, images=existing_path(args.images), masks=args.masks)
    conversion.convert(args, args.db, table.items(args.table), read, table.NAME)
