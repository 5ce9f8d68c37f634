"""Score weights, and other programs' predictions, on a database: PCK, AUC, pixel error, hands detected and false ones,
mask IoU and AP, per origin.

Into --out it writes scores.json and, for each mode, predictions_<mode>.h5 and mask_iou_<mode>.csv; for keypoints
pck.csv, pck.png and worst.png; and found.png if there are images without a hand too. It prints the table.
docs/evaluation.md defines every number, and lists the files that --predictions reads: this project's, OpenPose's,
mmpose's. Images of hands in which a program detected none count as wrong in one row and are left out in another.

Example:
    maskpose evaluate --db data/onehand10k/test.lmdb --variant compact/mask_pose --out runs/scores
    maskpose evaluate --db data/onehand10k/test.lmdb --modes --predictions OpenPose=openpose_json \\
        runs/mediapipe.json --cropped ColorHandPose3D=chp.json data/onehand10k/crops/maps.json
"""

import argparse
import dataclasses
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from maskpose.cli import options
from maskpose.cli.entry import one_line_errors
from maskpose.cli.options import folder, fraction, natural, positive_number
from maskpose.data.database import Reader
from maskpose.data.datasets import mmpose
from maskpose.data.sample import Sample
from maskpose.errors import InputError
from maskpose.evaluation import evaluate, gallery, prediction_readers, protocols, score_tables
from maskpose.evaluation.pairs import predict_pairs
from maskpose.evaluation.predictions import Predictions, read_maps
from maskpose.evaluation.results import Results
from maskpose.evaluation.scores import GROUPINGS, scores_by_origin, scores_by_size
from maskpose.inference.predictor import Predictor
from maskpose.io.files import OutputFolder, check_writable, remove, sha256, write_text
from maskpose.io.images import write_image
from maskpose.io.left_out import LeftOut
from maskpose.model.variants import get_variant
from maskpose.runtime import set_device


@dataclass(frozen=True)
class Mode:
    """A way to predict: Predictor's arguments, and the function that runs a Predictor on samples."""

    use_pyramid: bool = False
    refine: bool = False
    search: bool = False
    run: Callable[..., Results] = evaluate.predict_samples


PAIRS = "pairs"
MODES = {
    "single": Mode(),
    "refined": Mode(refine=True),
    "searched": Mode(refine=True, search=True),
    "pyramid": Mode(use_pyramid=True),
    PAIRS: Mode(run=predict_pairs),
}
BY_MODE = ("predictions_*.h5", "mask_iou_*.csv", "worst.png")  # files that only some modes give
# What scores.json keeps of a Predictor:
PREDICTOR_SETTINGS = ("use_pyramid", "seed", "levels", "centred", "mirror", "refine", "search", "score_threshold")


@dataclass
class Output:
    """The folder that is written to, and the names of the files written."""

    path: Path
    files: list[str] = field(default_factory=lambda: ["scores.json"])

    def __post_init__(self) -> None:
        self._folder = OutputFolder(self.path)

    def add(self, name: str, write: Callable[[Path], object]) -> None:
        """Let ``write`` write a file of this name. Raises InputError if the folder was removed meanwhile."""
        self.files.append(name)
        write(self.path / name)
        self.check()

    def check(self) -> None:
        """Raise InputError if the folder was removed or replaced since it was opened."""
        self._folder.check()

    def remove_stale(self) -> None:
        """Remove files of an earlier call with other modes or weights."""
        for pattern in BY_MODE:
            for path in self.path.glob(pattern):
                if path.name not in self.files:
                    remove(path)


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = options.argument_parser(__doc__, "evaluate")
    parser.add_argument("--db", required=True, help="LMDB to score on")
    options.add_network(parser)
    options.add_engine(parser)
    parser.add_argument("--out", type=folder, default=Path("runs/scores"), help="folder to write to (%(default)s)")
    options.add_modes(parser, MODES, "single: one pass; refined: a refinement pass over the hand that the first pass "
                      "detected; searched: refined, after a search if the first pass is not sure; pyramid: the paper's "
                      "one; pairs: each image beside the next, as an image of two hands; no name: only --predictions "
                      "(single refined pyramid, and searched if that is the variant's mode)", nargs="*")  # fmt: skip
    parser.add_argument("--predictions", nargs="+", default=[], metavar="[NAME=]FILE", help="keypoints of other "
                        "programs, files or folders; NAME is what the tables call them")  # fmt: skip
    parser.add_argument("--cropped", nargs=2, action="append", default=[], metavar=("[NAME=]FILE", "MAPS"),
                        help="keypoints on the crops of `maskpose data crop-images`, and its maps.json")  # fmt: skip
    parser.add_argument("--annotations", type=Path, metavar="FILE", help="the data set's JSON in mmpose's format, for "
                        "image ids and the normalisers dataset and head")  # fmt: skip
    parser.add_argument("--lenient", action="store_true", help="skip predictions on images that are not in the "
                        "database, and count images without predictions as not detected")  # fmt: skip
    parser.add_argument("--strict", action="store_true", help="stop at the first entry of --predictions, --cropped or "
                        "--annotations that is broken or fits no image, instead of leaving it out")  # fmt: skip
    parser.add_argument("--origins", nargs="+", metavar="NAME", help="only the samples of these origins (all)")
    parser.add_argument("--by", choices=GROUPINGS, default="origin",
                        help="divide by origin, or by the size of the hand in the image (%(default)s)")  # fmt: skip
    parser.add_argument("--protocol", choices=protocols.PROTOCOLS, default="paper", help="whose definitions: "
                        "normaliser, keypoints, PCK threshold, AUC (%(default)s)")  # fmt: skip
    parser.add_argument("--normaliser", choices=protocols.NORMALISERS, help="(the protocol's)")
    parser.add_argument("--joints", choices=protocols.JOINTS, help="which keypoints count (the protocol's)")
    parser.add_argument("--at", type=positive_number, metavar="T", help="PCK threshold (the protocol's)")
    parser.add_argument("--threshold", type=fraction, help="confidence threshold: keypoints below it are not detected "
                        "(the protocol's)")  # fmt: skip
    parser.add_argument("--worst", type=natural, default=24, metavar="N",
                        help="images in worst.png: truth, and the first mode's prediction (%(default)s)")  # fmt: skip
    options.add_mirror(parser)
    options.add_batch(parser)
    options.add_pyramid(parser)
    args = parser.parse_args(arguments)
    if args.modes is None:
        args.modes = ["single", "refined", *["searched"] * get_variant(args.variant).search, "pyramid"]
    args.modes = list(dict.fromkeys(args.modes))
    return args


@one_line_errors
def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``maskpose evaluate``."""
    args = parse_arguments(arguments)
    settings = chosen_settings(args)
    pyramid = options.pyramid_options(args, used="pyramid" in args.modes)
    refuse_contradictions(args, settings)
    left_out = LeftOut(args.strict)
    annotations = mmpose.read_annotations(args.annotations, left_out) if args.annotations else None
    others = read_others(args, annotations, left_out)
    check_writable(args.out)
    set_device(args.gpu)
    reader = Reader(args.db)
    samples = evaluate.select_origins(reader, args.origins)
    results_of_others = score_others(args, others, reader, left_out)
    left_out.report()
    output = Output(args.out)
    predictors, results = predict(args, samples, pyramid, output)
    results |= results_of_others
    if annotations and settings.normaliser in protocols.ANNOTATED:
        results = with_sizes(results, annotations, args.strict)
    divide = scores_by_size if args.by == "size" else scores_by_origin
    tables = {title: divide(one, settings) for title, one in results.items()}
    print_tables(tables, settings, args.by)
    document = describe(args, predictors, reader) | {"settings": dataclasses.asdict(settings)}
    document |= {"notes": score_tables.mask_notes(tables), "scores": tables}
    write_text(args.out / "scores.json", json.dumps(document, indent=1) + "\n")
    output.files += score_tables.write_curves(tables, args.out)
    thresholds = {mode: predictor.score_threshold for mode, predictor in predictors.items()}
    output.files += score_tables.write_detection_curves(results, thresholds, args.out)
    write_worst(args.worst, predictors, results, samples, settings, output)
    output.remove_stale()
    output.check()
    print(f"written to {args.out}: {', '.join(output.files)}")


def chosen_settings(args: argparse.Namespace) -> protocols.Settings:
    """The protocol's settings, with those that the command line gives in their place."""
    given = {name: getattr(args, name) for name in ("normaliser", "joints", "at", "threshold")}
    given = {name: value for name, value in given.items() if value is not None}
    return dataclasses.replace(protocols.PROTOCOLS[args.protocol], **given)


def refuse_contradictions(args: argparse.Namespace, settings: protocols.Settings) -> None:
    """Raise InputError for options that need what the command line lacks."""
    if settings.normaliser in protocols.ANNOTATED and not args.annotations:
        raise InputError(f"the normaliser {settings.normaliser} needs the data set's annotations (--annotations FILE)")
    variant = get_variant(args.variant)
    if PAIRS in args.modes and not (variant.mask and variant.pose):
        raise InputError(f"--modes pairs needs a variant with a mask and a pose stage, not {variant.name}")


def read_others(
    args: argparse.Namespace, annotations: mmpose.Annotations | None, left_out: LeftOut
) -> dict[str, Predictions]:
    """{name: predictions} of --predictions and --cropped. Raises InputError if neither they nor modes are given."""
    cropped = [(path, read_maps(maps, left_out)) for path, maps in args.cropped]
    others = prediction_readers.read_all_predictions(args.predictions, cropped, annotations, left_out)
    if not args.modes and not others:
        raise InputError("nothing to score: --modes is empty, and there are no --predictions")
    return others


def score_others(
    args: argparse.Namespace, others: dict[str, Predictions], reader: Reader, left_out: LeftOut
) -> dict[str, Results]:
    """{title: results} of other programs' predictions; two titles for a program that missed some hands."""
    if not others:
        return {}
    truth, results = evaluate.ground_truth(reader), {}
    for name, predictions in others.items():
        beside_truth = evaluate.match_predictions(predictions, truth, args.lenient, left_out)
        results.update(evaluate.with_and_without_misses(name, beside_truth.select_origins(args.origins)))
    return results


def predict(
    args: argparse.Namespace, samples: Reader | Sequence[Sample], pyramid: dict, output: Output
) -> tuple[dict[str, Predictor], dict[str, Results]]:
    """Predict every sample in every mode, and write what was detected.

    Args:
        args: the command line.
        samples: what to predict on.
        pyramid: options of Predictor for the mode "pyramid".
        output: receives predictions_<mode>.h5 and mask_iou_<mode>.csv.

    Returns:
        {mode: Predictor} and {mode: Results}.
    """
    predictors, results = {}, {}
    for name in args.modes:
        mode = MODES[name]
        chosen = options.predictor_options(args) | (pyramid if mode.use_pyramid else {})
        predictor = Predictor(use_pyramid=mode.use_pyramid, refine=mode.refine, search=mode.search, **chosen)
        found = mode.run(predictor, samples, name)
        if found.pose:
            output.add(f"predictions_{name}.h5", found.predictions(f"{args.variant}, {name}").write)
        if name != PAIRS and predictor.variant.mask:
            output.add(f"mask_iou_{name}.csv", found.write_ious)
        predictors[name], results[name] = predictor, found
    return predictors, results


def with_sizes(results: dict[str, Results], annotations: mmpose.Annotations, strict: bool) -> dict[str, Results]:
    """``results`` with the sizes that annotations state, and a report of images for which they state none."""
    left_out = LeftOut(strict)
    results = {title: one.with_sizes(annotations, left_out) for title, one in results.items()}
    left_out.report()
    return results


def print_tables(tables: dict, settings: protocols.Settings, by: str) -> None:
    """Print the settings, the table of scores and, if there is one, the table of keypoints."""
    print(settings)
    print(score_tables.table_text(tables, settings.at, by))
    if per_keypoint := score_tables.per_keypoint_text(tables, settings.at):
        print(per_keypoint)


def describe(args: argparse.Namespace, predictors: dict[str, Predictor], reader: Reader) -> dict:
    """For scores.json: what was scored, and for each mode Predictor's arguments, to predict so again."""
    weights = next((one.weights_path for one in predictors.values()), None)
    return {
        "db": args.db,
        "db_sha256": reader.about.get("sha256"),
        "origins": args.origins,
        "by": args.by,
        "annotations": args.annotations and str(args.annotations),
        "variant": args.variant if predictors else None,
        "weights": weights and str(weights),
        "weights_sha256": weights and sha256(weights),
        "ways": {
            mode: {"precision": args.precision, **{name: getattr(one, name) for name in PREDICTOR_SETTINGS}}
            for mode, one in predictors.items()
            if mode != PAIRS
        },
        "protocol": args.protocol,
    }


def write_worst(
    count: int,
    predictors: dict[str, Predictor],
    results: dict[str, Results],
    samples: Reader | Sequence[Sample],
    settings: protocols.Settings,
    output: Output,
) -> None:
    """Write worst.png, the ``count`` images with the largest errors of the first mode, if it gives keypoints."""
    first = next((mode for mode in predictors if mode != PAIRS), None)
    if first is None or not results[first].pose:
        return
    worst = gallery.worst_first(protocols.normalised_errors(results[first], settings))[:count]
    if len(worst):
        image = gallery.comparison_sheet(predictors[first], results[first], samples, worst, settings)
        output.add("worst.png", lambda path: write_image(path, image))
