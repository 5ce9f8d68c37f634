"""Show everything in minutes: find the hands of whole scenes and of close-ups, score, train a little.

OUT/scenes.png shows whole scenes, some of them without a hand: the repository's rendered ones and, if npm can fetch
them, three real photographs of the package fingerpose. OUT/contact_sheet.png shows close-ups of rendered hands: as the
shipped weights detect them, and as the weights do after a minute of training on others. The shipped weights have seen
thousands of such images, so that minute shows how training works and improves nothing.

Example:
    maskpose demo --out runs/demo
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from maskpose.cli.entry import one_line_errors
from maskpose.cli.options import argument_parser, command_text, folder, positive
from maskpose.data.build import build_items
from maskpose.data.database import Reader
from maskpose.data.datasets import onehand10k
from maskpose.demo import scenes
from maskpose.errors import InputError
from maskpose.evaluation import evaluate
from maskpose.evaluation.score_tables import table_text
from maskpose.evaluation.scores import scores_by_size
from maskpose.inference.predictor import Predictor, default_weights
from maskpose.io import images
from maskpose.io.files import REPOSITORY, fresh_folder
from maskpose.model.variants import get_variant
from maskpose.runtime import set_device
from maskpose.training.run import Run
from maskpose.training.trainer import train
from maskpose.visualization import sheets

VARIANT = get_variant("compact/mask_pose")
HANDS = REPOSITORY / "examples" / "rendered_hands"
SCENES = REPOSITORY / "examples" / "rendered_scenes"


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argument_parser(__doc__, "demo")
    parser.add_argument("--out", type=folder, default=Path("runs/demo"), help="folder, emptied first (%(default)s)")
    parser.add_argument("--hands", type=Path, default=HANDS, help="in OneHand10K's layout (the repository's)")
    parser.add_argument("--scenes", type=Path, default=SCENES, help="in OneHand10K's layout (the repository's)")
    parser.add_argument("--offline", action="store_true", help="fetch nothing: without npm's photographs")
    parser.add_argument("--iterations", type=positive, default=80, help="of training (%(default)s)")
    return parser.parse_args(arguments)


@one_line_errors
def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``maskpose demo``."""
    args = parse_arguments(arguments)
    if not (args.hands.is_dir() and args.scenes.is_dir()) and not HANDS.is_dir():
        raise InputError("examples/ is missing: run this in a clone of the repository, the package has none")
    set_device()
    weights = default_weights(VARIANT)
    scenes_path, hands_path = args.out / "scenes.png", args.out / "contact_sheet.png"
    with fresh_folder(args.out):
        scenes_summary = show_scenes(args, weights, scenes_path)
        training_summary = show_training(args, weights, hands_path)
    print("(that minute cannot improve the scores: the shipped weights have seen thousands of such images)")
    print(f"now try a photograph of your own: {command_text('demo', 'maskpose predict photo.jpg')}")
    print(f"look at {scenes_path}: {scenes_summary}; and at {hands_path}: {training_summary}")


def show_scenes(args: argparse.Namespace, weights: Path, path: Path) -> str:
    """Write the sheet of whole scenes to ``path``; return a summary of it."""
    shown = scenes.rendered_scenes(args.scenes)
    if args.offline:
        print("left out: npm's photographs (--offline)")
    else:
        try:
            shown += scenes.photographs()
        except InputError as error:
            print(f"left out: three real photographs: {error}")
    found = scenes.find(Predictor(VARIANT.name, weights), shown)
    images.write_image(path, scenes.sheet(shown, found))
    return scenes.summary(shown, found)


def show_training(args: argparse.Namespace, weights: Path, path: Path) -> str:
    """Train, and write the sheet of rendered hands before and after to ``path``; return a summary of it."""
    for part, lines in onehand10k.plan(args.hands).items():
        read, db = onehand10k.LineReader(args.hands, lines), args.out / f"{part}.lmdb"
        build_items(db, read.items(lines), read, strict=True, about={"dataset": onehand10k.NAME})
    before, captions_before, pck_before = score(weights, args.out / "test.lmdb", "before")
    run = Run(VARIANT, str(args.out / "train.lmdb"), args.out / "training", args.iterations, warmup=10)
    run.solver["base_lr"] = 5e-5
    trained = train(run, initial_weights=weights)
    after, captions_after, pck_after = score(trained, args.out / "test.lmdb", "after")
    tiles = [tile for pair in zip(before, after) for tile in pair]
    captions = [caption for pair in zip(captions_before, captions_after) for caption in pair]
    images.write_image(path, sheets.contact_sheet(tiles, 8, (200, 200), captions, group=2))
    return f"PCK@0.2 of close hands {pck_before:.2f} before, {pck_after:.2f} after {args.iterations} iterations"


def score(weights: Path, db: Path, title: str) -> tuple[list[np.ndarray], list[str], float]:
    """Predict every hand of ``db`` and print the scores; return the images, their captions, and the PCK."""
    predictor, reader = Predictor(VARIANT.name, weights), Reader(db)
    results = evaluate.predict_samples(predictor, reader, title)
    table = scores_by_size(results)
    print(table_text({title: table}, by="size"))
    tiles, captions = [], []
    for sample in reader:
        image = sample.decode_image()
        hand = predictor.predict(image)
        tiles.append(hand.draw(image))
        captions.append(f"{title}: score {hand.score:.2f}" if hand.present else f"{title}: {scenes.NOTHING}")
    reader.close()
    return tiles, captions, table["all"]["pck"]["value"]
