"""Draw the curves of training runs: losses, validation scores, learning rate, speed, waiting for data.

RUN is a run's folder or its losses.csv. Several runs come into one picture, a colour each.

Example:
    maskpose plot-losses runs/mask_pose runs/no_mask --smooth 20 --out runs/compared.png
"""

from collections.abc import Sequence
from pathlib import Path

from maskpose.cli.options import argument_parser, one_line_errors, positive
from maskpose.training import loss_curves


def parse_arguments(arguments):
    parser = argument_parser(__doc__, "plot-losses")
    parser.add_argument("runs", nargs="+", metavar="RUN", help="folder that tools/train.py wrote, or a losses.csv")
    parser.add_argument("--out", type=Path, default=Path("runs/losses.png"), help="PNG, SVG or PDF (%(default)s)")
    parser.add_argument("--smooth", type=positive, default=1, metavar="N", help="mean of N rows (%(default)s)")
    parts = parser.add_mutually_exclusive_group()
    parts.add_argument(
        "--parts", nargs="+", metavar="LOSS",
        help="losses, as total mask stage6, or all (all of one run; total, mask and the last sub-stage of several)",
    )  # fmt: skip
    parts.add_argument("--total-only", action="store_const", const=["total"], dest="parts", help="as --parts total")
    parser.add_argument("--title", help="above the picture (none)")
    parser.add_argument("--labels", nargs="+", metavar="NAME", help="one a run, in their order (the folders' names)")
    return parser.parse_args(arguments)


@one_line_errors
def main(arguments: Sequence[str] | None = None) -> None:
    args = parse_arguments(arguments)
    runs = loss_curves.read_runs(args.runs, args.labels)
    loss_curves.draw(runs, args.out, args.parts, args.smooth, args.title)
    print(f"written to {args.out}")
