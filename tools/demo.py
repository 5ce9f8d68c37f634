#!/usr/bin/env python3
"""A look at everything in minutes: find the repository's rendered hands, score, train a little, score again, show.

Nothing is downloaded. OUT/contact_sheet.png shows each test picture as the shipped weights find the hand in it, and
as they do after training on the other pictures for a minute. They have seen thousands of such pictures, so that minute
shows how training goes, and gains nothing.

Example:
    .venv/bin/python tools/demo.py --out runs/demo
"""

import _packages  # noqa: F401  # isort: skip

from pathlib import Path

from maskpose import drawing, evaluation, images, scoring
from maskpose.command_line import argument_parser, folder, one_line_errors, positive
from maskpose.database import Reader
from maskpose.datasets import onehand10k
from maskpose.files import REPOSITORY, fresh_folder
from maskpose.predictor import THRESHOLD, Predictor, default_weights
from maskpose.runtime import set_device
from maskpose.score_tables import table_text
from maskpose.training import Run, train
from maskpose.variants import get_variant

VARIANT = get_variant("compact/mask_pose")
HANDS = REPOSITORY / "examples" / "rendered_hands"


def parse_arguments():
    parser = argument_parser(__doc__)
    parser.add_argument("--out", type=folder, default=Path("runs/demo"), help="folder, emptied first (%(default)s)")
    parser.add_argument("--hands", type=Path, default=HANDS, help="in OneHand10K's layout (the repository's)")
    parser.add_argument("--iterations", type=positive, default=80, help="of training (%(default)s)")
    return parser.parse_args()


def score(weights, db, title):
    """Predict every hand of ``db`` and print the scores; give the overlays and the PCK."""
    predictor, reader = Predictor(VARIANT.name, weights), Reader(db)
    results = evaluation.run(predictor, reader, title)
    table = scoring.scores_by_size(results)
    print(table_text({title: table}, by="size"))
    overlays = []
    for sample in reader:
        image = sample.decode_image()
        hand = predictor.predict(image)
        overlays.append(drawing.overlay(image, hand.keypoints, hand.confidences, THRESHOLD, hand.mask))
    reader.close()
    return overlays, table["all"]["pck"]["value"]


@one_line_errors
def main():
    args = parse_arguments()
    set_device()
    fresh_folder(args.out)
    for part, lines in onehand10k.plan(args.hands).items():
        onehand10k.build_db(args.hands, lines, args.out / f"{part}.lmdb")

    weights = default_weights(VARIANT)
    before, pck_before = score(weights, args.out / "test.lmdb", "before")
    run = Run(VARIANT, args.out / "train.lmdb", args.out / "training", args.iterations, warmup=10)
    run.solver["base_lr"] = 5e-5
    trained = train(run, initial_weights=weights)
    after, pck_after = score(trained, args.out / "test.lmdb", "after")
    print(f"PCK@0.2 on pictures not trained on: {pck_before:.2f} before, {pck_after:.2f} after a minute of fine-tuning")
    print("(no gain is expected of that: the shipped weights have seen thousands of such pictures)")

    pairs = [picture for pair in zip(before, after) for picture in pair]
    captions = ["before", "after"] * len(before)
    sheet = drawing.contact_sheet(pairs, 8, (200, 200), captions, group=2)
    images.write_image(args.out / "contact_sheet.png", sheet)
    print(f"look at {args.out / 'contact_sheet.png'}: rendered hands before and after a minute of training")
    print("then try a photograph of your own: make predict IMAGE=photo.jpg")


if __name__ == "__main__":
    main()
