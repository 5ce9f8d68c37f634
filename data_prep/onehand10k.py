#!/usr/bin/env python3
"""Make LMDBs of OneHand10K as its authors ship it: DB/train.lmdb and DB/test.lmdb.

Example:
    .venv/bin/python data_prep/onehand10k.py ~/OneHand10K data/onehand10k
    .venv/bin/python data_prep/onehand10k.py ~/OneHand10K data/paper_split --shuffle-split 1
"""

import _packages  # noqa: F401  # isort: skip

import sys
from pathlib import Path

from tqdm import tqdm

from maskpose.command_line import argument_parser, natural, one_line_errors, positive
from maskpose.database import refuse_existing
from maskpose.datasets import onehand10k
from maskpose.files import read_lines


def parse_arguments():
    parser = argument_parser(__doc__)
    parser.add_argument("source", type=Path, help="folder that holds Train and Test")
    parser.add_argument("db", type=Path, help="folder to receive train.lmdb and test.lmdb")
    parser.add_argument("--strict", action="store_true", help="stop at the first malformed line or image")
    parser.add_argument(
        "--shuffle-split", type=natural, metavar="SEED",
        help="shuffle Train and Test together and split anew, as the paper did",
    )  # fmt: skip
    parser.add_argument(
        "--train-count", type=positive, default=10_000, help="of --shuffle-split: training images (%(default)s)"
    )
    parser.add_argument("--names", type=Path, help="file of image names, a line each as Train/12.jpg: only these")
    return parser.parse_args()


@one_line_errors
def main():
    args = parse_arguments()
    problems = []

    def on_problem(message):
        if args.strict:
            onehand10k.stop(message)
        problems.append(message)
        tqdm.write(f"left out: {message}", file=sys.stderr)

    names = read_lines(args.names) if args.names else None
    databases = {part: args.db / f"{part}.lmdb" for part in ("train", "test")}
    for path in databases.values():
        refuse_existing(path)
    plan = onehand10k.plan(args.source, args.shuffle_split, args.train_count, names)
    for part, lines in plan.items():
        if lines:
            about = {"command": " ".join(sys.argv)}
            manifest = onehand10k.build_db(args.source, lines, databases[part], on_problem, about)
            print(f"{databases[part]}: {manifest['count']} samples, {manifest['masks']} with a mask")
    if problems:
        print(f"{len(problems)} lines left out, named above", file=sys.stderr)


if __name__ == "__main__":
    main()
