"""Predict the hands of a database with MediaPipe; `maskpose evaluate --predictions` scores them beside ours.

`make mediapipe` runs both. MediaPipe 0.10.21 wants numpy 1, and so an environment of its own.

Example:
    .venv-mediapipe/bin/maskpose mediapipe-predict --db data/onehand10k/test.lmdb --out runs/mediapipe.json
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from maskpose.cli.entry import one_line_errors
from maskpose.cli.options import argument_parser, fraction
from maskpose.data.database import Reader
from maskpose.evaluation import mediapipe
from maskpose.io.files import check_output


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argument_parser(__doc__, "mediapipe-predict")
    parser.add_argument("--db", required=True, help="LMDB of samples")
    parser.add_argument("--out", type=Path, default=Path("runs/mediapipe.json"), help="file to write (%(default)s)")
    parser.add_argument("--confidence", type=fraction, default=0.5, help="least of its detections (%(default)s)")
    return parser.parse_args(arguments)


@one_line_errors
def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``maskpose mediapipe-predict``."""
    args = parse_arguments(arguments)
    reader = Reader(args.db)
    check_output(args.out)
    predictions = mediapipe.predict_with_mediapipe(reader, args.confidence)
    predictions.write(args.out)
    print(f"written to {args.out}: a hand in {len(predictions.names)} of {len(reader)} images")
