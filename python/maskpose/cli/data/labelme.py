"""Make an LMDB of images labelled in LabelMe: 21 points, and polygons called "hand".

Example:
    maskpose data labelme my_labels data/mine.lmdb
"""

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from maskpose.cli import conversion
from maskpose.cli.entry import one_line_errors
from maskpose.cli.options import argument_parser
from maskpose.data.datasets import labelme


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argument_parser(__doc__, "data labelme")
    parser.add_argument("folder", type=Path, help="folder of LabelMe's JSON files")
    conversion.add_building(parser)
    return parser.parse_args(arguments)


@one_line_errors
def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``maskpose data labelme``."""
    args = parse_arguments(arguments)
    read = partial(labelme.read, folder=args.folder)
    conversion.convert(args, args.db, labelme.items(args.folder), read, labelme.NAME)
