"""Divide an LMDB at random, or extract the samples that a list names, or those of some origins.

With --shares it writes OUT/part1.lmdb, OUT/part2.lmdb … and beside each its samples' names, as .txt; samples of one
group (person, film, original) stay together. With --list or --origins it writes OUT, an LMDB of those samples. The
paper's EA, a fixed subset of the validation set, is such a list.

Example:
    maskpose data split data/mine.lmdb data/mine_parts --shares 0.85 0.15 --seed 1
    maskpose data split data/onehand10k/test.lmdb data/onehand10k/EA.lmdb --list EA.txt
    maskpose data split data/mine/train.lmdb data/held_out.lmdb --origins evening studio
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from maskpose.cli import conversion
from maskpose.cli.entry import one_line_errors
from maskpose.cli.options import argument_parser, fraction, natural
from maskpose.data import recombining, subsets
from maskpose.data.database import Reader
from maskpose.io.files import read_lines


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argument_parser(__doc__, "data split")
    parser.add_argument("db", type=Path, help="LMDB to read")
    parser.add_argument("out", type=Path, help="folder of LMDBs, or with --list or --origins the LMDB, to write")
    how = parser.add_mutually_exclusive_group(required=True)
    how.add_argument("--shares", nargs="+", type=fraction, metavar="SHARE", help="of the parts, 1 together")
    how.add_argument("--list", type=Path, metavar="FILE", help="names of samples, or patterns, a line each")
    how.add_argument("--origins", nargs="+", metavar="NAME", help="of the samples to take")
    parser.add_argument("--seed", type=natural, default=1, help="of --shares (%(default)s)")
    parser.add_argument("--ungrouped", action="store_true", help="divide samples of one group, too")
    return parser.parse_args(arguments)


@one_line_errors
def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``maskpose data split``."""
    args = parse_arguments(arguments)
    reader = Reader(args.db)
    entries = subsets.list_entries(reader)
    if args.list:
        parts = {args.out: subsets.select_named(entries, read_lines(args.list))}
    elif args.origins:
        parts = {args.out: subsets.select_origins(entries, args.origins)}
    else:
        divided = subsets.split(entries, args.shares, args.seed, not args.ungrouped)
        parts = {args.out / f"part{n}.lmdb": part for n, part in enumerate(divided, start=1)}
    for path, part in parts.items():
        conversion.print_contents(path, recombining.extract(reader, part, path, conversion.describe(args)))
        if args.shares:
            subsets.write_list(part, path.with_suffix(".txt"), entries)
