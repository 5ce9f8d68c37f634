"""Make an LMDB of FreiHAND.

Example:
    maskpose data freihand FreiHAND_pub_v2 data/freihand.lmdb --versions 0 1 2 3
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from maskpose.cli import conversion
from maskpose.cli.entry import one_line_errors
from maskpose.cli.options import argument_parser
from maskpose.data.datasets import freihand


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argument_parser(__doc__, "data freihand")
    parser.add_argument("root", type=Path, help="folder that holds training/ and training_K.json")
    parser.add_argument("--versions", nargs="+", type=int, choices=freihand.VERSIONS, default=[0], metavar="N",
                        help="of each image, 0 to 3, by background (%(default)s)")  # fmt: skip
    conversion.add_building(parser)
    return parser.parse_args(arguments)


@one_line_errors
def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``maskpose data freihand``."""
    args = parse_arguments(arguments)
    conversion.convert(args, args.db, freihand.items(args.root, args.versions), freihand.read, freihand.NAME)
