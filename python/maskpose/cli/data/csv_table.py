#!/usr/bin/env python3
"""Make an LMDB of a CSV of keypoints, as tools/predict.py --formats csv writes, and its photographs.

Example:
    .venv/bin/python data_prep/csv_table.py keypoints.csv photos data/mine.lmdb
"""

import _packages  # noqa: F401  # isort: skip

from functools import partial
from pathlib import Path

from maskpose.cli import conversion
from maskpose.cli.options import argument_parser, one_line_errors
from maskpose.data.datasets import table
from maskpose.data.datasets.reading import existing


def parse_arguments():
    parser = argument_parser(__doc__)
    parser.add_argument("table", type=Path, help="CSV file: image, wrist_x, wrist_y, … little_4_y")
    parser.add_argument("images", type=Path, help="folder that its paths are relative to")
    parser.add_argument("--masks", type=Path, help="folder that its masks' paths are relative to (the images')")
    conversion.add_building(parser)
    return parser.parse_args()


@one_line_errors
def main():
    args = parse_arguments()
    read = partial(table.read, path=args.table, images=existing(args.images), masks=args.masks)
    conversion.convert(args, args.db, table.items(args.table), read, table.NAME)


if __name__ == "__main__":
    main()
