"""Make an LMDB of the hands in COCO-WholeBody, each cropped out of its image.

Example:
    maskpose data coco-wholebody coco_wholebody_val_v1.0.json val2017 data/coco_hands.lmdb
"""

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from maskpose.cli import conversion
from maskpose.cli.entry import one_line_errors
from maskpose.cli.options import argument_parser
from maskpose.data.datasets import coco_wholebody
from maskpose.io.files import existing_path


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argument_parser(__doc__, "data coco-wholebody")
    parser.add_argument("annotations", type=Path, help="coco_wholebody_train_v1.0.json or …_val_v1.0.json")
    parser.add_argument("images", type=Path, help="folder of the images")
    conversion.add_building(parser, crop=coco_wholebody.CROP)
    return parser.parse_args(arguments)


@one_line_errors
def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``maskpose data coco-wholebody``."""
    args = parse_arguments(arguments)
    read = partial(coco_wholebody.read, images=existing_path(args.images), crop=args.crop)
    conversion.convert(args, args.db, coco_wholebody.items(args.annotations), read, coco_wholebody.NAME)
