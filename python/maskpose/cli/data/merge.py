"""Make one LMDB of several, one after the other. A photograph that is in two of them is an error.

Example:
    maskpose data merge data/all.lmdb data/onehand10k/train.lmdb data/rhd_train.lmdb
"""

from collections.abc import Sequence
from pathlib import Path

from maskpose.cli import conversion
from maskpose.cli.options import argument_parser, one_line_errors
from maskpose.data import subsets


@one_line_errors
def main(arguments: Sequence[str] | None = None) -> None:
    parser = argument_parser(__doc__, "data merge")
    parser.add_argument("out", type=Path, help="LMDB to write")
    parser.add_argument("dbs", nargs="+", type=Path, metavar="DB", help="LMDBs to read")
    args = parser.parse_args(arguments)
    conversion.tell(args.out, subsets.merge(args.dbs, args.out, conversion.about(args)))
