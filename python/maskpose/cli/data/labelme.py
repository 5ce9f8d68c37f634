#!/usr/bin/env python3
"""Make an LMDB of photographs labelled in LabelMe: 21 points, and polygons called "hand".

Example:
    .venv/bin/python data_prep/labelme.py my_labels data/mine.lmdb
"""

import _packages  # noqa: F401  # isort: skip

from functools import partial
from pathlib import Path

from maskpose.cli import conversion
from maskpose.cli.options import argument_parser, one_line_errors
from maskpose.data.datasets import labelme


def parse_arguments():
    parser = argument_parser(__doc__)
    parser.add_argument("folder", type=Path, help="folder of LabelMe's JSON files")
    conversion.add_building(parser)
    return parser.parse_args()


@one_line_errors
def main():
    args = parse_arguments()
    read = partial(labelme.read, folder=args.folder)
    conversion.convert(args, args.db, labelme.items(args.folder), read, labelme.NAME)


if __name__ == "__main__":
    main()
