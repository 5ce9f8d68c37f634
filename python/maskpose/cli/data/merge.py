#!/usr/bin/env python3
"""Make one LMDB of several, one after the other. A photograph that is in two of them is an error.

Example:
    .venv/bin/python data_prep/merge.py data/all.lmdb data/onehand10k/train.lmdb data/rhd_train.lmdb
"""

import _packages  # noqa: F401  # isort: skip

from pathlib import Path

from maskpose.cli import conversion
from maskpose.cli.options import argument_parser, one_line_errors
from maskpose.data import subsets


@one_line_errors
def main():
    parser = argument_parser(__doc__)
    parser.add_argument("out", type=Path, help="LMDB to write")
    parser.add_argument("dbs", nargs="+", type=Path, metavar="DB", help="LMDBs to read")
    args = parser.parse_args()
    conversion.tell(args.out, subsets.merge(args.dbs, args.out, conversion.about()))


if __name__ == "__main__":
    main()
