"""Make one LMDB of several, one after the other. An image that is in two of them is an error.

Example:
    maskpose data merge data/all.lmdb data/onehand10k/train.lmdb data/rhd_train.lmdb
"""

from collections.abc import Sequence
from pathlib import Path

from maskpose.cli import conversion
from maskpose.cli.entry import one_line_errors
from maskpose.cli.options import argument_parser
from maskpose.data import recombining


@one_line_errors
def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``maskpose data merge``."""
    parser = argument_parser(__doc__, "data merge")
    parser.add_argument("out", type=Path, help="LMDB to write")
    parser.add_argument("dbs", nargs="+", type=Path, metavar="DB", help="LMDBs to read")
    args = parser.parse_args(arguments)
    conversion.print_contents(args.out, recombining.merge(args.dbs, args.out, conversion.describe(args)))
