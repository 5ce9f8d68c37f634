"""Render labelled hands into OneHand10K's own layout: OUT/Train with source, mask and label_joint.txt.

The same command resumes a call that was interrupted; a larger --count adds images. docs/synthetic.md says what is
rendered, and from what.

Example:
    maskpose data synth --count 6000 --seed 1 data/synth
    maskpose data synth --count 60 --sheet sheet.png data/synth_look
"""

import argparse
import os
from collections.abc import Sequence

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # each process has its own images; before NumPy is imported

from maskpose.cli.entry import one_line_errors
from maskpose.cli.options import argument_parser, folder, fraction, natural, positive
from maskpose.data.datasets.onehand10k import SPLITS
from maskpose.io.files import check_output
from maskpose.io.images import write_image
from maskpose.io.progress import progress_bar
from maskpose.synth.dataset import ROOMS, sheet, write_rendered
from maskpose.synth.placement import TURNED
from maskpose.synth.render import ARM, BACKGROUND, DECOYS, SCENE, SURFACE


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argument_parser(__doc__, "data synth")
    parser.add_argument("out", type=folder, help="folder to receive the split")
    parser.add_argument("--count", type=positive, default=1000, help="images (%(default)s)")
    parser.add_argument("--seed", type=natural, default=1, help="of the images (%(default)s)")
    parser.add_argument("--split", choices=SPLITS, default="Train", help="(%(default)s)")
    parser.add_argument("--size", type=positive, default=256, help="the longer side, pixels, 32 or more (%(default)s)")
    parser.add_argument("--workers", type=positive, metavar="N", help="processes (one a processor)")
    photographs = parser.add_mutually_exclusive_group()
    photographs.add_argument(
        "--plain", action="store_true", help="no photographs as backgrounds: nothing is fetched from Debian"
    )
    photographs.add_argument(
        "--rooms", action="store_true", help="of photographs, rooms alone: nothing is fetched from Debian either"
    )
    parser.add_argument(
        "--span", nargs=2, type=float, metavar=("LOW", "HIGH"),
        help="the hand's size in shares of the image's longer side (0.1 to 0.9, most of them about 0.42)",
    )  # fmt: skip
    parser.add_argument(
        "--empty", type=fraction, default=0.0, metavar="SHARE", help="share of images without a hand (%(default)s)"
    )
    parser.add_argument("--hidden", action="store_true", help="label also the keypoints that something covers")
    parser.add_argument(
        "--realism", type=int, choices=(ARM, BACKGROUND, SURFACE, SCENE, DECOYS), default=DECOYS,
        help="1 an arm of one colour before another, 2 with backgrounds, 3 with skin, shadows and light of all kinds, "
        "4 with people, clothes, things and a camera's faults, 5 with things of skin's colour behind it (%(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--turned", type=fraction, default=TURNED, metavar="SHARE",
        help="share of hands turned at random, over the whole sphere; the others show palm or back (%(default)s)",
    )  # fmt: skip
    parser.add_argument("--sheet", metavar="FILE", help="also write a contact sheet of the first images")
    return parser.parse_args(arguments)


@one_line_errors
def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``maskpose data synth``."""
    args = parse_arguments(arguments)
    check_output(args.sheet)
    photographs = ROOMS if args.rooms else not args.plain
    count = write_rendered(
        args.out, args.count, args.seed, args.split, args.size, photographs, args.hidden, args.realism, args.turned,
        args.workers, lambda numbers, total: progress_bar(numbers, total=total, unit="image", smoothing=0.02),
        args.span, args.empty,
    )  # fmt: skip
    if args.sheet:
        write_image(args.sheet, sheet(args.out / args.split))
        print(f"contact sheet: {args.sheet}")
    print(f"written to {args.out / args.split}: {count} images")
