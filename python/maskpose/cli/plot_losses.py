"""Plot the curves of training runs: losses, validation scores, learning rate, speed, waiting for data.

RUN is a run's folder or its losses.csv. Several runs are plotted in one figure, a colour each.

Example:
    maskpose plot-losses runs/mask_pose runs/no_mask --smooth 20 --out runs/compared.png
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from maskpose.cli.entry import one_line_errors
from maskpose.cli.options import argument_parser, positive
from maskpose.training import loss_curves


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argument_parser(__doc__, "plot-losses")
    parser.add_argument("runs", nargs="+", metavar="RUN", help="folder that `maskpose train` wrote, or a losses.csv")
    parser.add_argument("--out", type=Path, default=Path("runs/losses.png"), help="PNG, SVG or PDF (%(default)s)")
    parser.add_argument("--smooth", type=positive, default=1, metavar="N", help="mean of N rows (%(default)s)")
    parts = parser.add_mutually_exclusive_group()
    parts.add_argument("--parts", nargs="+", metavar="LOSS", help="losses, as total mask stage6, or all (all of one "
                       "run; total, mask and the last sub-stage of several)")  # fmt: skip
    parts.add_argument("--total-only", action="store_const", const=["total"], dest="parts", help="as --parts total")
    parser.add_argument("--title", help="above the figure (none)")
    parser.add_argument("--labels", nargs="+", metavar="NAME", help="one a run, in their order (the folders' names)")
    return parser.parse_args(arguments)


@one_line_errors
def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``maskpose plot-losses``."""
    args = parse_arguments(arguments)
    runs = loss_curves.read_runs(args.runs, args.labels)
    loss_curves.plot(runs, args.out, args.parts, args.smooth, args.title)
    print(f"written to {args.out}")
