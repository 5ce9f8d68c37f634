"""Make an LMDB of CMU Panoptic's hand data: manual labels, rendered hands, or panoptic frames.

Example:
    maskpose data cmu hand_labels/manual_test data/cmu_manual_test.lmdb
    maskpose data cmu hand_labels_synth/synth2 data/cmu_synth2.lmdb
    maskpose data cmu hand143_panopticdb/hands_v143_14817.json data/cmu_panoptic.lmdb
"""

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from maskpose.cli import conversion
from maskpose.cli.entry import one_line_errors
from maskpose.cli.options import argument_parser
from maskpose.data.datasets import cmu


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argument_parser(__doc__, "data cmu")
    parser.add_argument("labels", type=Path, help="folder of <name>.jpg and <name>.json, or hands_v143_14817.json")
    conversion.add_building(parser, crop=cmu.CROP)
    return parser.parse_args(arguments)


@one_line_errors
def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``maskpose data cmu``."""
    args = parse_arguments(arguments)
    conversion.convert(args, args.db, cmu.items(args.labels), partial(cmu.read, crop=args.crop), cmu.NAME)
