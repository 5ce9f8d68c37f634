#!/usr/bin/env python3
"""A look at everything in minutes: draw hands, build LMDBs, score, train a little, score again, show.

The hands are drawn by maskpose.drawn_hands, so nothing is downloaded. Starting from the repository's
compact weights, which have never seen a drawing, it trains on drawn hands and shows how drawings that it has
not trained on are found before and after, in OUT/contact_sheet.png.

Example:
    .venv/bin/python tools/demo.py --out runs/demo
"""

import _packages  # noqa: F401  # isort: skip

from pathlib import Path

from maskpose import drawing, drawn_hands, evaluation, images
from maskpose.command_line import argument_parser, folder, one_line_errors, positive
from maskpose.database import Reader
from maskpose.datasets import onehand10k
from maskpose.files import fresh_folder
from maskpose.predictor import THRESHOLD, Predictor, default_weights
from maskpose.runtime import set_device
from maskpose.training import Run, train
from maskpose.variants import get_variant

VARIANT = get_variant("compact/mask_pose")


def parse_arguments():
    parser = argument_parser(__doc__)
    parser.add_argument("--out", type=folder, default=Path("runs/demo"), help="folder, emptied first (%(default)s)")
    parser.add_argument("--train-hands", type=positive, default=200, help="drawn for training (%(default)s)")
    parser.add_argument("--test-hands", type=positive, default=16, help="drawn for scoring (%(default)s)")
    parser.add_argument("--iterations", type=positive, default=150, help="of training (%(default)s)")
    return parser.parse_args()


def score(weights, db, title):
    """Predict every hand of ``db`` and print the scores; give the overlays and the PCK."""
    predictor, reader = Predictor(VARIANT.name, weights), Reader(db)
    results = evaluation.run(predictor, reader, title)
    scores = evaluation.scores(results)
    print(evaluation.table_text({title: {"drawn": scores}}))
    overlays = []
    for sample in reader:
        image = sample.decode_image()
        hand = predictor.predict(image)
        overlays.append(drawing.overlay(image, hand.keypoints, hand.confidences, THRESHOLD, hand.mask))
    reader.close()
    return overlays, scores["pck"]


@one_line_errors
def main():
    args = parse_arguments()
    set_device()
    hands = fresh_folder(args.out) / "hands"
    print(f"drawing {args.train_hands + args.test_hands} hands into {hands}")
    drawn_hands.write_onehand10k(hands, args.train_hands, seed=1, split="Train")
    drawn_hands.write_onehand10k(hands, args.test_hands, seed=2, split="Test")
    for part, lines in onehand10k.plan(hands).items():
        onehand10k.build_db(hands, lines, args.out / f"{part}.lmdb")

    weights = default_weights(VARIANT)
    before, pck_before = score(weights, args.out / "test.lmdb", "before")
    run = Run(VARIANT, args.out / "train.lmdb", args.out / "training", args.iterations, warmup=20)
    run.solver["base_lr"] = 5e-4
    trained = train(run, initial_weights=weights)
    after, pck_after = score(trained, args.out / "test.lmdb", "after")
    print(f"PCK@{evaluation.PCK_AT} on drawings not trained on: {pck_before:.2f} before, {pck_after:.2f} after")

    pairs = [picture for pair in zip(before, after) for picture in pair]
    captions = ["before", "after"] * len(before)
    sheet = drawing.contact_sheet(pairs, 8, (200, 200), captions, group=2)
    images.write_image(args.out / "contact_sheet.png", sheet)
    print(f"look at {args.out / 'contact_sheet.png'}: drawn hands before and after training on drawings")
    print("then try a photograph of your own: make predict IMAGE=photo.jpg")


if __name__ == "__main__":
    main()
