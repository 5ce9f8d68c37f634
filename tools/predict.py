#!/usr/bin/env python3
"""Find the hand in photographs: keypoints, mask and heatmaps.

For each IMAGE it writes <stem>_overlay.png, <stem>_heatmaps.png, <stem>_mask.png and <stem>.json.

Example:
    .venv/bin/python tools/predict.py photo.jpg --out out
    .venv/bin/python tools/predict.py photos/*.jpg --out out --variant mask_pose --weights runs/mask_pose/w.caffemodel
"""

import _packages  # noqa: F401  # isort: skip

import sys
from pathlib import Path

from tqdm import tqdm

from maskpose import images, output
from maskpose.command_line import add_engine, add_network, argument_parser, folder, fraction, natural, one_line_errors
from maskpose.engines import choose
from maskpose.errors import InputError
from maskpose.predictor import THRESHOLD, Predictor
from maskpose.runtime import set_device


def parse_arguments():
    parser = argument_parser(__doc__)
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE", help="photographs")
    parser.add_argument("--out", type=folder, default=Path("out"), help="folder to write to (%(default)s)")
    add_network(parser)
    add_engine(parser)
    parser.add_argument("--threshold", type=fraction, default=THRESHOLD, help="of confidence (%(default)s)")
    way = parser.add_mutually_exclusive_group()
    way.add_argument("--single-scale", dest="pyramid", action="store_false", help="one pass over the photograph")
    way.add_argument("--pyramid", dest="pyramid", action="store_true", help="the paper's pyramid")
    parser.set_defaults(pyramid=None)
    parser.add_argument("--seed", type=natural, default=1, help="of the pyramid's crops (%(default)s)")
    return parser.parse_args()


@one_line_errors
def main():
    args = parse_arguments()
    output.refuse_duplicates(args.images)
    set_device(args.gpu)
    predictor = Predictor(args.variant, args.weights, args.pyramid, args.seed, choose(args.engine, args.gpu))
    bad = 0
    for path in tqdm(args.images, unit="image", disable=len(args.images) == 1):
        try:
            image = images.read_color(path)
            hand = predictor.predict(image)
            output.write_hand(args.out, path, image, hand, args.threshold)
            tqdm.write(output.summary(path.name, hand, args.threshold))
        except InputError as error:
            tqdm.write(f"error: {error}", file=sys.stderr)
            bad += 1
    total = len(args.images)
    print(f"{total - bad} of {total} photographs done, results in {args.out}")
    if bad:
        sys.exit(2)


if __name__ == "__main__":
    main()
