#!/usr/bin/env python3
"""Make an LMDB of FreiHAND.

Example:
    .venv/bin/python data_prep/freihand.py FreiHAND_pub_v2 data/freihand.lmdb --versions 0 1 2 3
"""

import _packages  # noqa: F401  # isort: skip

from pathlib import Path

from maskpose.cli import conversion
from maskpose.cli.options import argument_parser, one_line_errors
from maskpose.data.datasets import freihand


def parse_arguments():
    parser = argument_parser(__doc__)
    parser.add_argument("root", type=Path, help="folder that holds training/ and training_K.json")
    parser.add_argument("--versions", nargs="+", type=int, choices=freihand.VERSIONS, default=[0], metavar="N",
                        help="of each picture, 0 to 3, by background (%(default)s)")  # fmt: skip
    conversion.add_building(parser)
    return parser.parse_args()


@one_line_errors
def main():
    args = parse_arguments()
    conversion.convert(args, args.db, freihand.items(args.root, args.versions), freihand.read, freihand.NAME)


if __name__ == "__main__":
    main()
