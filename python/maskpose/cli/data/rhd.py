#!/usr/bin/env python3
"""Make an LMDB of the Rendered Handpose Dataset.

Example:
    .venv/bin/python data_prep/rhd.py RHD_published_v2 training data/rhd_train.lmdb
    .venv/bin/python data_prep/rhd.py RHD_published_v2 evaluation data/rhd_both.lmdb --hands both --crop 2.2
"""

import _packages  # noqa: F401  # isort: skip

from functools import partial
from pathlib import Path

from maskpose.cli import conversion
from maskpose.cli.options import argument_parser, one_line_errors
from maskpose.data.datasets import rhd


def parse_arguments():
    parser = argument_parser(__doc__)
    parser.add_argument("root", type=Path, help="folder that holds training and evaluation")
    parser.add_argument("part", choices=rhd.SETS, help="which of them")
    parser.add_argument("--hands", choices=("larger", "both"), default="larger", help="of each picture (%(default)s)")
    conversion.add_building(parser, crop=0.0)
    return parser.parse_args()


@one_line_errors
def main():
    args = parse_arguments()
    items = rhd.items(args.root, args.part, args.hands)
    conversion.convert(args, args.db, items, partial(rhd.read, crop=args.crop), rhd.NAME)


if __name__ == "__main__":
    main()
