"""A look at everything in minutes: find the hands of whole scenes and of close pictures, score, train a little, show.

OUT/scenes.png shows whole scenes, in some of which there is no hand: rendered ones of the repository and, where npm can
fetch them, three real photographs of the package fingerpose. OUT/contact_sheet.png shows each rendered hand from near
as the shipped weights find it, and as they do after training on others for a minute. They have seen thousands of such
pictures, so that minute shows how training goes, and gains nothing.

Example:
    maskpose demo --out runs/demo
"""

from collections.abc import Sequence
from pathlib import Path

from maskpose.cli.options import argument_parser, folder, one_line_errors, positive
from maskpose.data.database import Reader
from maskpose.data.datasets import onehand10k
from maskpose.demo import scenes
from maskpose.errors import InputError
from maskpose.evaluation import evaluate, scoring
from maskpose.evaluation.score_tables import table_text
from maskpose.inference.predictor import Predictor, default_weights
from maskpose.io import images
from maskpose.io.files import REPOSITORY, fresh_folder
from maskpose.model.variants import get_variant
from maskpose.runtime import set_device
from maskpose.training.trainer import Run, train
from maskpose.visualization import drawing

VARIANT = get_variant("compact/mask_pose")
HANDS = REPOSITORY / "examples" / "rendered_hands"
SCENES = REPOSITORY / "examples" / "rendered_scenes"


def parse_arguments(arguments):
    parser = argument_parser(__doc__, "demo")
    parser.add_argument("--out", type=folder, default=Path("runs/demo"), help="folder, emptied first (%(default)s)")
    parser.add_argument("--hands", type=Path, default=HANDS, help="in OneHand10K's layout (the repository's)")
    parser.add_argument("--scenes", type=Path, default=SCENES, help="in OneHand10K's layout (the repository's)")
    parser.add_argument("--offline", action="store_true", help="fetch nothing: without npm's photographs")
    parser.add_argument("--iterations", type=positive, default=80, help="of training (%(default)s)")
    return parser.parse_args(arguments)


def show_scenes(args, weights, path):
    """Write the sheet of whole scenes; return what to say of it."""
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


def score(weights, db, title):
    """Predict every hand of ``db`` and print the scores; return the tiles, their captions, and the PCK."""
    predictor, reader = Predictor(VARIANT.name, weights), Reader(db)
    results = evaluate.run(predictor, reader, title)
    table = scoring.scores_by_size(results)
    print(table_text({title: table}, by="size"))
    tiles, captions = [], []
    for sample in reader:
        image = sample.decode_image()
        hand = predictor.predict(image)
        tiles.append(hand.draw(image))
        captions.append(f"{title}: score {hand.score:.2f}" if hand.present else f"{title}: {scenes.NOTHING}")
    reader.close()
    return tiles, captions, table["all"]["pck"]["value"]


def show_training(args, weights, path):
    """Train, and write the sheet of rendered hands before and after; return what to say of it."""
    for part, lines in onehand10k.plan(args.hands).items():
        onehand10k.build_db(args.hands, lines, args.out / f"{part}.lmdb")
    before, captions_before, pck_before = score(weights, args.out / "test.lmdb", "before")
    run = Run(VARIANT, args.out / "train.lmdb", args.out / "training", args.iterations, warmup=10)
    run.solver["base_lr"] = 5e-5
    trained = train(run, initial_weights=weights)
    after, captions_after, pck_after = score(trained, args.out / "test.lmdb", "after")
    tiles = [tile for pair in zip(before, after) for tile in pair]
    captions = [caption for pair in zip(captions_before, captions_after) for caption in pair]
    images.write_image(path, drawing.contact_sheet(tiles, 8, (200, 200), captions, group=2))
    return f"PCK@0.2 of close hands {pck_before:.2f} before, {pck_after:.2f} after {args.iterations} iterations"


@one_line_errors
def main(arguments: Sequence[str] | None = None) -> None:
    args = parse_arguments(arguments)
    set_device()
    weights = default_weights(VARIANT)
    scenes_path, hands_path = args.out / "scenes.png", args.out / "contact_sheet.png"
    with fresh_folder(args.out):
        scenes_found = show_scenes(args, weights, scenes_path)
        training = show_training(args, weights, hands_path)
    print("(no gain is expected of that minute: the shipped weights have seen thousands of such pictures)")
    print("now try a photograph of your own: make predict IMAGE=photo.jpg")
    print(f"look at {scenes_path}: {scenes_found}; and at {hands_path}: {training}")
