"""Make an LMDB of the Rendered Handpose Dataset.

Example:
    maskpose data rhd RHD_published_v2 training data/rhd_train.lmdb
    maskpose data rhd RHD_published_v2 evaluation data/rhd_both.lmdb --hands both --crop 2.2
"""

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from maskpose.cli import conversion
from maskpose.cli.entry import one_line_errors
from maskpose.cli.options import argument_parser
from maskpose.data.datasets import rhd


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argument_parser(__doc__, "data rhd")
    parser.add_argument("root", type=Path, help="folder that holds training and evaluation")
    parser.add_argument("part", choices=rhd.SETS, help="which of them")
    parser.add_argument("--hands", choices=("larger", "both"), default="larger", help="of each image (%(default)s)")
    conversion.add_building(parser, crop=0.0)
    return parser.parse_args(arguments)


@one_line_errors
def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``maskpose data rhd``."""
    args = parse_arguments(arguments)
    items = rhd.items(args.root, args.part, args.hands)
    conversion.convert(args, args.db, items, partial(rhd.read, crop=args.crop), rhd.NAME)
