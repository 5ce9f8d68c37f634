"""Write one HTML page of scores, PCK curves and images, out of folders that `maskpose evaluate` wrote.

The page needs no other file and no network. RUN is FOLDER or NAME=FOLDER; several runs stand side by side. For the
images on which a run's first mode is best, median and worst, its weights predict again. If the database or the weights
are gone, the page says so and shows no images.

Example:
    maskpose report proposed=runs/scores no_mask=runs/scores_no_mask --out runs/report.html
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from maskpose.cli.entry import one_line_errors
from maskpose.cli.options import add_engine, add_gpu, argument_parser, natural
from maskpose.errors import InputError
from maskpose.inference.engines import choose
from maskpose.io.files import check_output
from maskpose.report import collect, gallery, page
from maskpose.runtime import set_device


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argument_parser(__doc__, "report")
    parser.add_argument("runs", nargs="+", metavar="RUN", help="[NAME=]FOLDER that `maskpose evaluate` wrote")
    parser.add_argument("--out", type=Path, default=Path("runs/report.html"), help="the page (%(default)s)")
    parser.add_argument("--photographs", type=natural, default=12, metavar="N",
                        help="best, median and worst images of each run, so many of each (%(default)s)")  # fmt: skip
    parser.add_argument("--db", nargs="+", default=[], metavar="LMDB", help="where databases are that have moved")
    parser.add_argument("--weights", nargs="+", default=[], metavar="FILE", help="where weights are that have moved")
    add_engine(parser, precision=False)
    add_gpu(parser)
    return parser.parse_args(arguments)


@one_line_errors
def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``maskpose report``."""
    args = parse_arguments(arguments)
    runs = collect.read_runs(args.runs)
    check_output(args.out)
    engine = choose(args.engine, args.gpu)
    set_device(args.gpu)
    galleries = []
    for run in runs:
        try:
            images = gallery.gallery_of(run, args.photographs, args.db, args.weights, engine)
        except InputError as error:
            print(f"{run.name} has no images: {error}", file=sys.stderr)
            images = {"absent": str(error)}
        galleries.append(images)
    page.write(args.out, collect.collect(runs, galleries))
    print(f"written to {args.out}: {args.out.stat().st_size / 1e6:.1f} MB")
