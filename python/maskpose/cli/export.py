"""Write a variant with its weights as one file for other runtimes: ONNX (.onnx) or OpenVINO's IR (.xml and .bin).

`maskpose predict` and `maskpose evaluate` take the file as --weights. With --db, the file and the network in fp32 are
scored on a database, one pass each, and the difference is printed.

Example:
    maskpose export --out exported/hand.onnx
    maskpose export --out exported/hand.xml --precision fp16 --db data/onehand10k/test.lmdb
    maskpose export --out exported/hand_int8.xml --precision int8 --calibrate photos
    maskpose export --out exported/hand_int8.onnx --precision int8 --calibrate photos
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from maskpose.cli.entry import one_line_errors
from maskpose.cli.options import add_variant, argument_parser, positive
from maskpose.inference import engines, export, image_paths
from maskpose.inference.predictor import Predictor, default_weights
from maskpose.io.files import refuse_clashes
from maskpose.model.variants import Variant, get_variant


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argument_parser(__doc__, "export")
    add_variant(parser)
    parser.add_argument("--weights", metavar="FILE", help="caffemodel or HDF5 file (the repository's own)")
    parser.add_argument("--out", required=True, type=Path, metavar="FILE", help="file to write, .onnx or .xml")
    meanings = "; ".join(f"{name}: {text}" for name, text in export.EXPORT_PRECISIONS.items())
    of_onnx = " or ".join(export.ONNX_PRECISIONS)
    parser.add_argument("--precision", choices=export.EXPORT_PRECISIONS, default="fp32",
                        help=f"%(default)s; an .onnx takes {of_onnx}. {meanings}")  # fmt: skip
    parser.add_argument("--calibrate", nargs="+", default=[], metavar="IMAGE", help="images for int8: files, folders, "
                        "quoted patterns; those that cannot be read are left out")  # fmt: skip
    parser.add_argument("--calibrate-at-most", type=positive, default=export.CALIBRATION, metavar="N",
                        help="of those images, evenly spread (%(default)s)")  # fmt: skip
    parser.add_argument("--db", help="LMDB on which to measure the change in scores")
    return parser.parse_args(arguments)


@one_line_errors
def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``maskpose export``."""
    args = parse_arguments(arguments)
    variant = get_variant(args.variant)
    weights = args.weights or default_weights(variant)
    calibration_images = image_paths.find_images(args.calibrate)
    read = [weights, *(one.path for one in calibration_images)]
    refuse_clashes([(path, "--out") for path in engines.files_of(args.out)], read)
    refuse_no_database(args.db)
    calibration = None
    if args.calibrate:
        calibration = export.calibration_inputs(calibration_images, variant.input_size, args.calibrate_at_most)
    written = export.export_network(variant, weights, args.out, args.precision, calibration)
    if args.db:
        compare(variant, {"fp32, before": weights, f"{args.precision}, exported": args.out}, args.db)
    print(f"written to {', '.join(f'{path} ({path.stat().st_size / 1e6:.1f} MB)' for path in written)}")


def refuse_no_database(db: str | None) -> None:
    """Raise InputError if ``db`` is given and is no database: before the export, which takes a while."""
    if db:
        from maskpose.data.database import Reader

        Reader(db).close()


def compare(variant: Variant, weights: dict[str, Path], db: str) -> None:
    """Print the scores of the weights before and after the export, {title: file}, and their difference."""
    from maskpose.data.database import Reader
    from maskpose.evaluation import evaluate
    from maskpose.evaluation.score_tables import table_text
    from maskpose.evaluation.scores import scores_by_origin

    reader, tables = Reader(db), {}
    for title, path in weights.items():
        results = evaluate.predict_samples(Predictor(variant.name, path, use_pyramid=False), reader, title)
        tables[title] = scores_by_origin(results)
    print(table_text(tables))
    before, after = (table["all"] for table in tables.values())
    for name, text in (("pck", "PCK@0.2"), ("mask_iou", "mask IoU")):
        old, new = before[name]["value"], after[name]["value"]
        if old is not None:
            print(f"{text} over all: {old:.4f} before, {new:.4f} exported, change {new - old:+.4f}")
