"""A few minutes on a machine with a GPU: try and time everything, in a fixed order, with nobody at it.

device_query; each layer of mask_pose forward and backward beside the CPU's; losses of 20 iterations beside the CPU's;
seconds an iteration; images a second of the compact variant; and, with the time that is left, training it. Each step is
a process with a time limit of its own. OUT/steps.jsonl has every value as it comes, OUT/summary.md all of it to read,
OUT/logs what each step printed. The same command again resumes an interrupted drill.

Example:
    maskpose gpu-drill --minutes 8 --out runs/drill --db data/onehand10k/train.lmdb
    maskpose gpu-drill --rehearse --out runs/rehearsal
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from maskpose.cli.entry import one_line_errors
from maskpose.cli.options import argument_parser, folder, key_value, natural, positive_number
from maskpose.errors import InputError
from maskpose.gpu_drill import plan, runner
from maskpose.io.files import check_writable

INCOMPLETE = 1  # the status where a step failed or ran out of time


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argument_parser(__doc__, "gpu-drill")
    parser.add_argument("--minutes", type=positive_number, default=8.0, help="for all of it (%(default)g)")
    parser.add_argument("--out", type=folder, required=True, help="folder of the results")
    parser.add_argument("--db", help="LMDB of training samples (drawn hands)")
    parser.add_argument("--gpu", type=natural, default=0, metavar="N", help="number of the GPU (%(default)s)")
    parser.add_argument("--cpu", action="store_true", help="everything on the CPU, for another drill's --reference")
    parser.add_argument("--rehearse", action="store_true", help="as --cpu, with small inputs: minutes become seconds")
    parser.add_argument("--only", nargs="+", metavar="WORD", help="only steps whose names hold one of these words")
    parser.add_argument("--reference", type=folder, help="earlier drill's folder, whose CPU losses are taken")
    parser.add_argument(
        "--data", type=key_value, action="append", default=[], metavar="KEY=VALUE",
        help="setting of the data layer for the training, e.g. batch_size=64",
    )  # fmt: skip
    return parser.parse_args(arguments)


@one_line_errors
def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``maskpose gpu-drill``."""
    args = parse_arguments(arguments)
    check_writable(args.out)
    if args.db and not Path(args.db).is_dir():
        raise InputError(f"{args.db}: no such database")
    gpu = None if args.cpu or args.rehearse else args.gpu
    steps = plan.steps(gpu, args.db, dict(args.data), args.rehearse)
    if args.only:
        always = ("database", "device")
        steps = [step for step in steps if step.name in always or any(word in step.name for word in args.only)]
    drill = runner.Drill(steps, args.out, 60 * args.minutes, args.db, args.reference)
    went_well = drill.run()
    print(f"written to {args.out / runner.SUMMARY}, {args.out / runner.JOURNAL}")
    sys.exit(0 if went_well else INCOMPLETE)
