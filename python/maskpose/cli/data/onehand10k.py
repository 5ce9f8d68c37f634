"""Make LMDBs of OneHand10K as its authors ship it: DB/train.lmdb and DB/test.lmdb.

Example:
    maskpose data onehand10k ~/OneHand10K data/onehand10k
    maskpose data onehand10k ~/OneHand10K data/paper_split --shuffle-split 1
    maskpose data onehand10k ~/photographs data/scenes --only kind=scene
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from maskpose.cli import conversion
from maskpose.cli.entry import one_line_errors
from maskpose.cli.options import argument_parser, natural, positive
from maskpose.data.datasets import onehand10k
from maskpose.io.files import read_lines, refuse_existing


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argument_parser(__doc__, "data onehand10k")
    parser.add_argument("source", type=Path, help="folder that holds Train and Test")
    parser.add_argument("db", type=Path, help="folder to receive train.lmdb and test.lmdb")
    conversion.add_care(parser)
    parser.add_argument(
        "--shuffle-split", type=natural, metavar="SEED",
        help="shuffle Train and Test together and split again, as the paper did",
    )  # fmt: skip
    parser.add_argument(
        "--train-count", type=positive, default=10_000, help="of --shuffle-split: training images (%(default)s)"
    )
    parser.add_argument(
        "--only", action="append", type=column_value, default=[], metavar="COLUMN=VALUE",
        help="only the images of which sources.csv says so, such as kind=scene (may be given several times)",
    )  # fmt: skip
    parser.add_argument("--names", type=Path, help="file of images, a line each (Train/12.jpg or 12.jpg): only these")
    return parser.parse_args(arguments)


def column_value(text: str) -> tuple[str, str]:
    """argparse type: "column=value" as (column, value)."""
    column, equals, value = text.partition("=")
    if not column or not equals:
        raise argparse.ArgumentTypeError(f"expected COLUMN=VALUE, not {text!r}")
    return column, value


@one_line_errors
def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``maskpose data onehand10k``."""
    args = parse_arguments(arguments)
    names = read_lines(args.names) if args.names else None
    databases = {part: args.db / f"{part}.lmdb" for part in ("train", "test")}
    for path in databases.values():
        refuse_existing(path)
    only = dict(args.only)
    for part, lines in onehand10k.plan(args.source, args.shuffle_split, args.train_count, names, only).items():
        if lines:
            read = onehand10k.LineReader(args.source, lines)
            conversion.convert(args, databases[part], read.items(lines), read, onehand10k.NAME)
