"""Let MediaPipe find the hands of a database; tools/evaluate.py --predictions scores them beside ours.

`make mediapipe` runs both. MediaPipe 0.10.21 wants numpy 1, and so an environment of its own.

Example:
    .venv-mediapipe/bin/maskpose mediapipe-predict --db data/onehand10k/test.lmdb --out runs/mediapipe.json
"""

from collections.abc import Sequence
from pathlib import Path

from maskpose.cli.options import argument_parser, fraction, one_line_errors
from maskpose.data.database import Reader
from maskpose.evaluation import mediapipe
from maskpose.io.files import check_output


@one_line_errors
def main(arguments: Sequence[str] | None = None) -> None:
    parser = argument_parser(__doc__, "mediapipe-predict")
    parser.add_argument("--db", required=True, help="LMDB of samples")
    parser.add_argument("--out", type=Path, default=Path("runs/mediapipe.json"), help="file to write (%(default)s)")
    parser.add_argument("--confidence", type=fraction, default=0.5, help="least of its detections (%(default)s)")
    args = parser.parse_args(arguments)
    reader = Reader(args.db)
    check_output(args.out)
    predictions = mediapipe.predict(reader, args.confidence)
    predictions.write(args.out)
    print(f"{args.out}: a hand in {len(predictions.names)} of {len(reader)} photographs")
