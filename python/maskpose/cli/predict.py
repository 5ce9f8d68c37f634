"""Find the hand in images: keypoints, mask and heatmaps.

For each IMAGE it writes <stem>_overlay.png, <stem>_heatmaps.png, <stem>_mask.png and <stem>.json. An IMAGE is a file, a
folder (all images in and below it) or a quoted pattern. Existing files are never overwritten, except results of earlier
runs. Ranks of mpirun share the images.

Example:
    maskpose predict photo.jpg --out out
    maskpose predict photos --out out --formats json hdf5 csv --resume
    maskpose predict photos/*.jpg --out out --variant mask_pose --weights runs/mask_pose/w.caffemodel
    mpirun -np 2 maskpose predict photos --out out
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from maskpose.cli import options
from maskpose.cli.entry import FAILED, one_line_errors
from maskpose.cli.options import folder, fraction, positive
from maskpose.errors import InputError
from maskpose.inference import batch, image_paths, writers
from maskpose.inference.hand import THRESHOLD
from maskpose.inference.job import Job
from maskpose.inference.predictor import Predictor
from maskpose.model.variants import get_variant
from maskpose.runtime import set_device
from maskpose.training.distributed import group_of_this_process


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = options.argument_parser(__doc__, "predict")
    parser.add_argument("images", nargs="+", metavar="IMAGE", help="images, folders of them, quoted patterns")
    parser.add_argument("--out", type=folder, default=Path("out"), help="folder to write to (%(default)s)")
    usual = writers.DEFAULT_FORMATS
    parser.add_argument("--formats", nargs="+", choices=writers.FORMATS, default=usual, metavar="NAME",
                        help=f"of {', '.join(writers.FORMATS)} ({' '.join(usual)}; json always)")  # fmt: skip
    parser.add_argument("--side", choices=writers.SIDES, default="right", help="which hand OpenPose's JSON calls it, "
                        "as the network does not tell (%(default)s)")  # fmt: skip
    parser.add_argument("--resume", action="store_true", help="skip images whose results are in --out, made from the "
                        "same image with the same settings")  # fmt: skip
    options.add_network(parser)
    options.add_engine(parser)
    parser.add_argument("--threshold", type=fraction, default=THRESHOLD, help="confidence threshold (%(default)s)")
    parser.add_argument("--hands", type=positive, default=1, metavar="N", help="find up to N hands, by the mask's "
                        "connected components (%(default)s: the image's one hand)")  # fmt: skip
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--single-scale", dest="pyramid", action="store_false", help="one pass over the image, without "
                      "the compact variants' refinement pass")  # fmt: skip
    mode.add_argument("--pyramid", dest="pyramid", action="store_true", help="the paper's pyramid")
    parser.set_defaults(pyramid=None)
    parser.add_argument("--refine", action="store_true", default=None, help="make a refinement pass over the hand that "
                        "the first pass detected")  # fmt: skip
    options.add_search(parser)
    options.add_mirror(parser)
    options.add_batch(parser)
    options.add_pyramid(parser)
    return parser.parse_args(arguments)


@one_line_errors
def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``maskpose predict``."""
    args = parse_arguments(arguments)
    pyramid = chosen_pyramid(args)
    crops = options.pyramid_options(args, used=pyramid)
    with group_of_this_process() as group:
        images = image_paths.find_images(args.images, quiet=group.rank > 0)
        set_device(args.gpu)
        predictor = Predictor(use_pyramid=args.pyramid, refine=args.refine, **crops, **options.predictor_options(args))
        job = Job(args.out, args.formats, args.threshold, args.hands, args.side, args.resume)
        done, bad = batch.predict_files(predictor, images, job, group)
    if group.rank == 0:
        left_out = f", {bad} left out" if bad else ""
        print(f"{done} of {len(images)} images done{left_out}, results in {args.out}")
        if bad:
            sys.exit(FAILED)  # on another rank, it would make mpirun end this one too early


def chosen_pyramid(args: argparse.Namespace) -> bool:
    """Whether the pyramid's passes are made. Raises InputError for modes that exclude one another."""
    pyramid = get_variant(args.variant).pyramid if args.pyramid is None else args.pyramid
    if args.refine and args.pyramid is False:
        raise InputError("--single-scale makes one pass and --refine two: give one of them")
    if args.search and pyramid:
        raise InputError("--search is not for the pyramid's passes: leave out --search or --pyramid")
    return pyramid
