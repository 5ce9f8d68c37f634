"""Write a variant with its weights as one file for other runtimes: ONNX (.onnx) or OpenVINO's IR (.xml and .bin).

What is written serves tools/predict.py and tools/evaluate.py as --weights. With --db, both it and the network in fp32
are scored, one pass each, and the difference is printed.

Example:
    maskpose export --out exported/hand.onnx
    maskpose export --out exported/hand.xml --precision fp16 --db data/onehand10k/test.lmdb
    maskpose export --out exported/hand_int8.xml --precision int8 --calibrate photos
"""

from collections.abc import Sequence
from pathlib import Path

from maskpose.cli.options import add_variant, argument_parser, one_line_errors, positive
from maskpose.data.database import Reader
from maskpose.evaluation import evaluate, scoring
from maskpose.evaluation.score_tables import table_text
from maskpose.inference import engines, export, image_paths
from maskpose.inference.predictor import Predictor, default_weights
from maskpose.io.files import refuse_clashes
from maskpose.model.variants import get_variant


def parse_arguments(arguments):
    parser = argument_parser(__doc__, "export")
    add_variant(parser)
    parser.add_argument("--weights", metavar="FILE", help="caffemodel or HDF5 file (the repository's own)")
    parser.add_argument("--out", required=True, type=Path, metavar="FILE", help="file to write, .onnx or .xml")
    meanings = "; ".join(f"{name}: {text}" for name, text in export.PRECISIONS.items())
    parser.add_argument("--precision", choices=export.PRECISIONS, default="fp32",
                        help=f"of an .xml (%(default)s). {meanings}")  # fmt: skip
    parser.add_argument("--calibrate", nargs="+", default=[], metavar="IMAGE", help="int8's photographs, folders of "
                        "them, quoted patterns; those that cannot be read are left out")  # fmt: skip
    parser.add_argument("--calibrate-at-most", type=positive, default=export.CALIBRATION, metavar="N",
                        help="of those photographs, evenly spread (%(default)s)")  # fmt: skip
    parser.add_argument("--db", help="LMDB on which to report the change in scores")
    return parser.parse_args(arguments)


@one_line_errors
def main(arguments: Sequence[str] | None = None) -> None:
    args = parse_arguments(arguments)
    variant = get_variant(args.variant)
    weights = args.weights or default_weights(variant)
    photographs = image_paths.photographs(args.calibrate)
    refuse_clashes([(path, "--out") for path in engines.files_of(args.out)], [weights, *(p.path for p in photographs)])
    reader = Reader(args.db) if args.db else None
    calibration = None
    if args.calibrate:
        calibration = export.calibration_inputs(photographs, variant.input_size, args.calibrate_at_most)
    for path in export.export(variant, weights, args.out, args.precision, calibration):
        print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")
    if args.db:
        tables = {}
        for title, given in (("fp32, before", weights), (f"{args.precision}, exported", args.out)):
            results = evaluate.run(Predictor(variant.name, given, use_pyramid=False), reader, title)
            tables[title] = scoring.scores_by_origin(results)
        print(table_text(tables))
        before, after = (table["all"] for table in tables.values())
        for name, text in (("pck", "PCK@0.2"), ("mask_iou", "mask IoU")):
            old, new = before[name]["value"], after[name]["value"]
            if old is not None:
                print(f"{text} over all: {old:.4f} before, {new:.4f} exported, change {new - old:+.4f}")
