"""Write the mean of several files' weights: of snapshots of a run, or of runs that began with the same weights.

Such a mean may be better than each of them, or not: compare them on images that were held out.

Example:
    maskpose average-weights --out runs/mean.caffemodel weights/compact_mask_pose.caffemodel \\
        runs/compact/mask_pose/mask_pose_iter_6000.caffemodel
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from maskpose.cli.entry import one_line_errors
from maskpose.cli.options import add_variant, argument_parser
from maskpose.errors import InputError
from maskpose.io.files import refuse_clashes
from maskpose.model import weights
from maskpose.model.prototxt import deploy_definition, open_net
from maskpose.model.variants import get_variant


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argument_parser(__doc__, "average-weights")
    parser.add_argument("weights", nargs="+", metavar="FILE", help="caffemodel or HDF5 file; two or more")
    add_variant(parser)
    parser.add_argument("--out", required=True, type=Path, metavar="FILE", help="caffemodel to write")
    return parser.parse_args(arguments)


@one_line_errors
def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``maskpose average-weights``."""
    args = parse_arguments(arguments)
    if len(args.weights) < 2:
        raise InputError("expected two files or more to take the mean of")
    if args.out.suffix != ".caffemodel":
        raise InputError(f"{args.out}: expected a file that ends in .caffemodel")
    refuse_clashes([(args.out, "--out")], args.weights)
    weights.average(open_net(deploy_definition(get_variant(args.variant))), args.weights, args.out)
    print(f"written to {args.out}: the mean of {len(args.weights)} files")
