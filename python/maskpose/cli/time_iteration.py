"""Seconds a training iteration takes, and its parts: data, forward, backward, the rest.

Example:
    maskpose time --variant mask_pose --db data/onehand10k/train.lmdb
    maskpose time --variant mask_pose --gpu 0,1
    mpirun -np 2 maskpose time --variant compact/mask_pose
"""

import argparse
import dataclasses
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

from maskpose.cli.entry import one_line_errors
from maskpose.cli.options import add_gpu, add_variant, argument_parser, key_value, positive
from maskpose.io.files import check_output, write_text
from maskpose.model.variants import get_variant
from maskpose.runtime import machine
from maskpose.testing import databases
from maskpose.training import profiling
from maskpose.training.distributed import start_ranks
from maskpose.training.run import Run


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argument_parser(__doc__, "time")
    add_variant(parser)
    add_gpu(parser, several=True)
    parser.add_argument("--db", help="LMDB of training samples (drawn hands, 640x480, which takes a while)")
    parser.add_argument("--iterations", type=positive, default=10, help="how many are timed (%(default)s)")
    parser.add_argument("--one-batch", action="store_true", help="the same batch each time: no data is prepared")
    parser.add_argument(
        "--data", type=key_value, action="append", default=[], metavar="KEY=VALUE",
        help="setting of the data layer, e.g. batch_size=8, workers=4",
    )  # fmt: skip
    parser.add_argument("--json", type=Path, help="file to write the times to")
    return parser.parse_args(arguments)


@one_line_errors
def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``maskpose time``."""
    args = parse_arguments(arguments)
    check_output(args.json)
    group = start_ranks(args.gpu)
    with tempfile.TemporaryDirectory() as folder:
        db = args.db or databases.drawn_database(folder)
        run = Run(get_variant(args.variant), str(db), Path(folder), data=dict(args.data))
        times = profiling.measure_iterations(run, args.iterations, group, args.one_batch)
    if group.rank == 0:
        print_times(args, times, group.size)
        if args.json:
            write_text(args.json, json.dumps(dataclasses.asdict(times), indent=1) + "\n")
            print(f"written to {args.json}")


def print_times(args: argparse.Namespace, times: profiling.Times, ranks: int) -> None:
    """Print what was timed, on what machine, the times, and the paper's."""
    size = get_variant(args.variant).input_size
    data = args.db or "drawn 640x480 hands"
    what = f"{args.variant}, batch {times.batch_size} at {size}x{size} from {data}"
    print(f"{what}, {f'{ranks} ranks, ' if ranks > 1 else ''}{machine(args.gpu or ())}")
    print(times.text())
    print(profiling.PAPER)
