"""Make an LMDB of mmpose's JSON of OneHand10K; its masks come from the original distribution.

Example:
    maskpose data mmpose annotations/onehand10k_train.json OneHand10K data/train.lmdb
"""

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from maskpose.cli import conversion
from maskpose.cli.entry import one_line_errors
from maskpose.cli.options import argument_parser
from maskpose.data.datasets import mmpose
from maskpose.io.files import existing_path


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argument_parser(__doc__, "data mmpose")
    parser.add_argument("annotations", type=Path, help="onehand10k_train.json or onehand10k_test.json")
    parser.add_argument("images", type=Path, help="folder that the JSON's file names are relative to")
    parser.add_argument("--masks", type=Path, help="folder of <stem>.png (mask/ beside the images' folder)")
    conversion.add_building(parser)
    return parser.parse_args(arguments)


@one_line_errors
def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``maskpose data mmpose``."""
    args = parse_arguments(arguments)
    read = partial(mmpose.read, images=existing_path(args.images), masks=args.masks)
    conversion.convert(args, args.db, mmpose.items(args.annotations), read, mmpose.NAME)
