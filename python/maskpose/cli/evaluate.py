"""Score weights, and others' predictions, on a database: PCK, AUC, pixel error, hands found and false ones, mask IoU
and AP, per origin.

Writes scores.json, each way's predictions_<way>.h5 and mask_iou_<way>.csv and, for keypoints, pck.csv, pck.png,
worst.png and, where there are images without a hand too, found.png into --out, and prints the table.
docs/evaluation.md defines every number, and says which files --predictions reads: this project's, OpenPose's, mmpose's.
Photographs of hands where those found none are counted as wrong in one row, left out in another.

Example:
    maskpose evaluate --db data/onehand10k/test.lmdb --variant compact/mask_pose --out runs/scores
    maskpose evaluate --db data/onehand10k/test.lmdb --ways --predictions OpenPose=openpose_json \\
        runs/mediapipe.json --cropped ColorHandPose3D=chp.json data/onehand10k/crops/maps.json
"""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

from maskpose.cli import options
from maskpose.cli.options import folder, fraction, natural, positive_number
from maskpose.data.database import Reader
from maskpose.data.datasets import mmpose
from maskpose.errors import InputError
from maskpose.evaluation import evaluate, gallery, prediction_readers, score_tables, scoring
from maskpose.evaluation.predictions import read_maps
from maskpose.inference.predictor import Predictor
from maskpose.io.files import OutputFolder, check_writable, remove, sha256, write_text
from maskpose.io.images import write_image
from maskpose.io.left_out import LeftOut
from maskpose.model.variants import get_variant
from maskpose.runtime import set_device

# Predictor's arguments use_pyramid, refine and search, of one hand or two in a picture
WAYS = {
    "single": (False, False, False, evaluate.run),
    "refined": (False, True, False, evaluate.run),
    "searched": (False, True, True, evaluate.run),
    "pyramid": (True, False, False, evaluate.run),
    "pairs": (False, False, False, evaluate.run_pairs),
}
BY_WAY = ("predictions_*.h5", "mask_iou_*.csv", "worst.png")  # files that some ways of predicting do not give
# what scores.json keeps of a Predictor
LOOK = ("use_pyramid", "seed", "levels", "centred", "mirror", "refine", "search", "score_threshold")


def parse_arguments(arguments):
    parser = options.argument_parser(__doc__, "evaluate")
    parser.add_argument("--db", required=True, help="LMDB to score on")
    options.add_network(parser)
    options.add_engine(parser)
    parser.add_argument("--out", type=folder, default=Path("runs/scores"), help="folder to write to (%(default)s)")
    parser.add_argument("--ways", nargs="*", choices=WAYS,
                        help="single: one pass; refined: a second pass about the hand that the first found; searched: "
                        "that, after a search where the first pass is not sure; pyramid: "
                        "the paper's; pairs: each photograph beside the next, as a picture of two hands; nothing: only "
                        "--predictions (single refined pyramid, and searched where the variant does so)")  # fmt: skip
    parser.add_argument("--predictions", nargs="+", default=[], metavar="[NAME=]FILE", help="others' keypoints, files "
                        "or folders, to be called NAME")  # fmt: skip
    parser.add_argument("--cropped", nargs=2, action="append", default=[], metavar=("[NAME=]FILE", "MAPS"),
                        help="the same of data_prep/crop_pictures.py's crops, and its maps.json")  # fmt: skip
    parser.add_argument("--annotations", type=Path, metavar="FILE", help="the data set's JSON of mmpose's kind, for "
                        "image ids and the normalisers dataset and head")  # fmt: skip
    parser.add_argument("--lenient", action="store_true", help="predictions may be of other photographs than the "
                        "database's: those are passed over, and missing ones counted as not found")  # fmt: skip
    parser.add_argument("--strict", action="store_true", help="stop at the first entry of --predictions, --cropped or "
                        "--annotations that is broken or fits no photograph, instead of leaving it out")  # fmt: skip
    parser.add_argument("--origins", nargs="+", metavar="NAME", help="only the samples of these origins (all)")
    parser.add_argument("--by", choices=scoring.PARTS, default="origin",
                        help="divide by origin, or by the hand's part of the photograph (%(default)s)")  # fmt: skip
    parser.add_argument("--protocol", choices=scoring.PROTOCOLS, default="paper", help="whose definitions: normaliser, "
                        "joints, threshold, AUC (%(default)s)")  # fmt: skip
    parser.add_argument("--normaliser", choices=scoring.NORMALISERS, help="(the protocol's)")
    parser.add_argument("--joints", choices=scoring.JOINTS, help="which count (the protocol's)")
    parser.add_argument("--at", type=positive_number, metavar="T", help="threshold of PCK (the protocol's)")
    parser.add_argument("--threshold", type=fraction, help="confidence below which a keypoint counts as not found")
    parser.add_argument("--worst", type=natural, default=24, metavar="N",
                        help="photographs in worst.png: truth, and what the first way found (%(default)s)")  # fmt: skip
    options.add_mirror(parser)
    options.add_batch(parser)
    options.add_pyramid(parser)
    args = parser.parse_args(arguments)
    if args.ways is None:
        args.ways = ["single", "refined", *["searched"] * get_variant(args.variant).search, "pyramid"]
    return args


def chosen_settings(args):
    """The protocol's settings, with those that the command line gives in their place."""
    given = {name: getattr(args, name) for name in ("normaliser", "joints", "at", "threshold")}
    given = {name: value for name, value in given.items() if value is not None}
    return dataclasses.replace(scoring.PROTOCOLS[args.protocol], **given)


def how_predicted(args, predictors):
    """For scores.json: the weights and, for each way, Predictor's arguments to predict so again."""
    weights = next((one.weights_path for one in predictors.values()), None)
    return {
        "variant": args.variant if predictors else None,
        "weights": weights and str(weights),
        "weights_sha256": weights and sha256(weights),
        "ways": {
            way: {"precision": args.precision, **{name: getattr(one, name) for name in LOOK}}
            for way, one in predictors.items() if way != "pairs"
        },
    }  # fmt: skip


@options.one_line_errors
def main(arguments: Sequence[str] | None = None) -> None:
    args = parse_arguments(arguments)
    settings = chosen_settings(args)
    crops = options.pyramid_options(args, used="pyramid" in args.ways)
    if settings.normaliser in scoring.ANNOTATED and not args.annotations:
        raise InputError(f"the normaliser {settings.normaliser} needs the data set's annotations (--annotations FILE)")
    variant = get_variant(args.variant)
    if "pairs" in args.ways and not (variant.mask and variant.pose):
        raise InputError(f"--ways pairs needs a variant with a mask and a pose stage, not {variant.name}")
    left_out = LeftOut(args.strict)
    annotations = mmpose.annotations(args.annotations, left_out) if args.annotations else None
    cropped = [(path, read_maps(maps, left_out)) for path, maps in args.cropped]
    others = prediction_readers.read_all(args.predictions, cropped, annotations, left_out)
    if not args.ways and not others:
        raise InputError("nothing to score: --ways is empty, and there are no --predictions")
    check_writable(args.out)
    set_device(args.gpu)
    reader = Reader(args.db)
    samples = evaluate.of_origins(reader, args.origins)
    if others:
        truth = evaluate.labels(reader)
        others = {
            name: evaluate.of_predictions(predictions, truth, args.lenient, left_out).of_origins(args.origins)
            for name, predictions in others.items()
        }
    left_out.report()
    output_folder = OutputFolder(args.out)
    results, predictors, files = {}, {}, ["scores.json"]
    for way in dict.fromkeys(args.ways):
        pyramid, refine, search, run = WAYS[way]
        chosen = options.predictor_options(args) | (crops if pyramid else {})
        predictors[way] = Predictor(use_pyramid=pyramid, refine=refine, search=search, **chosen)
        results[way] = run(predictors[way], samples, way)
        if results[way].pose:
            files.append(f"predictions_{way}.h5")
            results[way].predictions(f"{args.variant}, {way}").write(args.out / files[-1])
            output_folder.check()
        if way != "pairs" and predictors[way].variant.mask:
            files.append(f"mask_iou_{way}.csv")
            results[way].write_ious(args.out / files[-1])
            output_folder.check()
    for name, found in others.items():
        results.update(evaluate.both_ways(name, found))
    if annotations and settings.normaliser in scoring.ANNOTATED:
        sizes_left_out = LeftOut(args.strict)
        results = {way: found.with_sizes(annotations, sizes_left_out) for way, found in results.items()}
        sizes_left_out.report()
    divide = scoring.scores_by_size if args.by == "size" else scoring.scores_by_origin
    tables = {way: divide(found, settings) for way, found in results.items()}
    print(settings)
    print(score_tables.table_text(tables, settings.at, args.by))
    if per_joint := score_tables.per_joint_text(tables, settings.at):
        print(per_joint)
    document = {
        "db": args.db, "db_sha256": reader.about.get("sha256"), "origins": args.origins, "by": args.by,
        "annotations": args.annotations and str(args.annotations), **how_predicted(args, predictors),
        "protocol": args.protocol, "settings": dataclasses.asdict(settings),
        "notes": score_tables.mask_notes(tables), "scores": tables,
    }  # fmt: skip
    write_text(args.out / "scores.json", json.dumps(document, indent=1) + "\n")
    files += score_tables.write_curves(tables, args.out)
    files += score_tables.write_found(results, {w: p.score_threshold for w, p in predictors.items()}, args.out)
    first = next((way for way in args.ways if way != "pairs"), None)
    worst = ()
    if first and results[first].pose:
        worst = gallery.worst_first(scoring.errors(results[first], settings))[: args.worst]
    if len(worst):
        write_image(args.out / "worst.png", gallery.sheet(predictors[first], results[first], samples, worst, settings))
        files.append("worst.png")
    for pattern in BY_WAY:  # of an earlier call that other ways or weights were given to
        for path in args.out.glob(pattern):
            if path.name not in files:
                remove(path)
    output_folder.check()
    print(f"written to {args.out}: {', '.join(files)}")
