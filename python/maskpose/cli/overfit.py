"""Learn 16 images by heart and score them: the proof that data, loss and decoding agree.

Trains from random weights, without augmentation, on 16 images of SOURCE (a folder in OneHand10K's layout), then
predicts the same 16. Ends with status 1 if PCK@0.2 stays below 0.95.

Example:
    maskpose overfit ~/OneHand10K --out runs/overfit
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from maskpose.cli.entry import one_line_errors
from maskpose.cli.options import add_gpu, add_variant, argument_parser, folder, positive
from maskpose.data.build import build_items
from maskpose.data.database import Reader
from maskpose.data.datasets import onehand10k
from maskpose.errors import InputError
from maskpose.evaluation import evaluate
from maskpose.evaluation.score_tables import table_text
from maskpose.evaluation.scores import score_results
from maskpose.inference.predictor import Predictor
from maskpose.io.files import fresh_folder, read_lines
from maskpose.model.variants import Variant, get_variant
from maskpose.runtime import set_device
from maskpose.training.run import Run
from maskpose.training.trainer import train

COUNT = 16  # images
GOAL = 0.95  # PCK@0.2


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argument_parser(__doc__, "overfit")
    parser.add_argument("source", type=Path, help="folder that holds Train and Test")
    parser.add_argument("--names", type=Path, help="file of image names, a line each as Train/12.jpg (evenly chosen)")
    add_variant(parser)
    parser.add_argument("--iterations", type=positive, default=1000, help="of training (%(default)s)")
    parser.add_argument("--out", type=folder, default=Path("runs/overfit"), help="folder, emptied first (%(default)s)")
    add_gpu(parser)
    return parser.parse_args(arguments)


@one_line_errors
def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``maskpose overfit``."""
    args = parse_arguments(arguments)
    set_device(args.gpu)
    variant = get_variant(args.variant)
    if not variant.pose:
        raise InputError(f"{variant.name} has no pose stage: there is no PCK to reach")
    lines = chosen_lines(args.source, args.names)
    with fresh_folder(args.out) as out:
        db = out / "train.lmdb"
        read = onehand10k.LineReader(args.source, lines)
        build_items(db, read.items(lines), read, strict=True, about={"dataset": onehand10k.NAME})
        print("images:", ", ".join(onehand10k.path_name(line) for line in lines))
        weights = train(run_of(variant, db, out, args.iterations))
        results = evaluate.predict_samples(Predictor(variant.name, weights, use_pyramid=False), Reader(db))
    scores = score_results(results)
    print(table_text({"single": {"all": scores}}))
    if scores["pck"]["value"] < GOAL:
        sys.exit(f"PCK@0.2 is below {GOAL}: something between data, loss and decoding disagrees, or train longer")
    print(f"data, loss and decoding agree: PCK@0.2 is at least {GOAL}; weights: {weights}")


def chosen_lines(source: Path, names: Path | None) -> list:
    """The label lines of the images to learn: those that the file ``names`` lists, else COUNT, evenly chosen."""
    lines = onehand10k.plan(source, names=read_lines(names) if names else None)["train"]
    return lines if names else lines[:: max(1, len(lines) // COUNT)][:COUNT]


def run_of(variant: Variant, db: Path, folder: Path, iterations: int) -> Run:
    """A training without augmentation, its learning rate fixed if its solver is Adam."""
    run = Run(variant, str(db), folder, iterations, data={"augment": False, "batch_size": 4}, warmup=30)
    if variant.solver.type == "Adam":
        run.solver.update(lr_policy="fixed")
    return run
