#!/usr/bin/env python3
"""Make an LMDB of CMU Panoptic's hand data: manual labels, rendered hands, or panoptic frames.

Example:
    .venv/bin/python data_prep/cmu_hands.py hand_labels/manual_test data/cmu_manual_test.lmdb
    .venv/bin/python data_prep/cmu_hands.py hand_labels_synth/synth2 data/cmu_synth2.lmdb
    .venv/bin/python data_prep/cmu_hands.py hand143_panopticdb/hands_v143_14817.json data/cmu_panoptic.lmdb
"""

import _packages  # noqa: F401  # isort: skip

from functools import partial
from pathlib import Path

from maskpose.cli import conversion
from maskpose.cli.options import argument_parser, one_line_errors
from maskpose.data.datasets import cmu


def parse_arguments():
    parser = argument_parser(__doc__)
    parser.add_argument("labels", type=Path, help="folder of <name>.jpg and <name>.json, or hands_v143_14817.json")
    conversion.add_building(parser, crop=cmu.CROP)
    return parser.parse_args()


@one_line_errors
def main():
    args = parse_arguments()
    conversion.convert(args, args.db, cmu.items(args.labels), partial(cmu.read, crop=args.crop), cmu.NAME)


if __name__ == "__main__":
    main()
