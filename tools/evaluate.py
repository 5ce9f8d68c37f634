#!/usr/bin/env python3
"""Score weights on a database: PCK per joint and mean, mask IoU and AP, per origin.

Writes scores.json and, for keypoints, pck.csv, pck.png and worst.png into --out, and prints the table. Others'
keypoints, in files as maskpose/predictions.py describes them, stand beside: with photographs where they found no hand
counted as wrong, and ("found") on the others alone.

Example:
    .venv/bin/python tools/evaluate.py --db data/onehand10k/test.lmdb --variant compact/mask_pose --out runs/scores
"""

import _packages  # noqa: F401  # isort: skip

import json
from pathlib import Path

from maskpose import evaluation, gallery, predictions
from maskpose.command_line import (
    add_engine,
    add_looks,
    add_network,
    argument_parser,
    folder,
    fraction,
    natural,
    one_line_errors,
    predictor_options,
)
from maskpose.database import Reader
from maskpose.files import write_text
from maskpose.images import write_image
from maskpose.predictor import Predictor
from maskpose.runtime import set_device

# use_pyramid, refine, of one hand or two in a picture
WAYS = {
    "single": (False, False, evaluation.run),
    "refined": (False, True, evaluation.run),
    "pyramid": (True, False, evaluation.run),
    "pairs": (False, False, evaluation.run_pairs),
}


def parse_arguments():
    parser = argument_parser(__doc__)
    parser.add_argument("--db", required=True, help="LMDB to score on")
    add_network(parser)
    add_engine(parser)
    parser.add_argument("--out", type=folder, default=Path("runs/scores"), help="folder to write to (%(default)s)")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=["single", "pyramid"],
                        help="single: one pass; refined: a second pass about the hand that the first found; pyramid: "
                        "the paper's; pairs: each photograph beside the next, as a picture of two hands "
                        "(single pyramid)")  # fmt: skip
    parser.add_argument("--predictions", nargs="+", type=Path, default=[], metavar="FILE", help="others' keypoints")
    parser.add_argument("--origins", nargs="+", metavar="NAME", help="only the samples of these origins (all)")
    parser.add_argument("--by", choices=("origin", "size"), default="origin",
                        help="divide by origin, or by the hand's part of the photograph (%(default)s)")  # fmt: skip
    parser.add_argument("--normaliser", choices=evaluation.NORMALISERS, default="box", help="(%(default)s)")
    parser.add_argument("--threshold", type=fraction, help="confidence below which a keypoint counts as not found")
    parser.add_argument("--worst", type=natural, default=24, metavar="N",
                        help="photographs in worst.png: truth, and what the first way found (%(default)s)")  # fmt: skip
    add_looks(parser)
    return parser.parse_args()


@one_line_errors
def main():
    args = parse_arguments()
    set_device(args.gpu)
    samples = evaluation.of_origins(Reader(args.db), args.origins)
    results, predictors = {}, {}
    for way in args.ways:
        pyramid, refine, run = WAYS[way]
        predictors[way] = Predictor(use_pyramid=pyramid, refine=refine, **predictor_options(args))
        results[way] = run(predictors[way], samples, way)
    for path in args.predictions:
        others = predictions.read(path)
        results[others.predictor] = evaluation.of_predictions(others, samples)
        results[f"{others.predictor}, found"] = results[others.predictor].subset(results[others.predictor].found)
    divide = evaluation.scores_by_size if args.by == "size" else evaluation.scores_by_origin
    tables = {way: divide(found, args.normaliser, args.threshold) for way, found in results.items()}
    print(f"normaliser: {evaluation.NORMALISERS[args.normaliser]}; strict <; visible joints; per-joint then mean")
    print(evaluation.table_text(tables))
    if per_joint := evaluation.per_joint_text(tables):
        print(per_joint)
    document = {"db": args.db, "variant": args.variant, "normaliser": args.normaliser,
                "threshold": args.threshold, "thresholds": evaluation.CURVE.tolist(), "scores": tables}  # fmt: skip
    write_text(args.out / "scores.json", json.dumps(document, indent=1) + "\n")
    files = ["scores.json", *evaluation.write_curves(tables, args.out)]
    first = next((way for way in args.ways if way != "pairs"), None)
    worst = ()
    if first and results[first].pose:
        worst = gallery.ranking(results[first], evaluation.sizes(results[first], args.normaliser))[: args.worst]
    if len(worst):
        write_image(args.out / "worst.png", gallery.sheet(predictors[first], results[first], samples, worst))
        files.append("worst.png")
    print(f"written to {args.out}: {', '.join(files)}")


if __name__ == "__main__":
    main()
