"""Train a variant of the cascade on an LMDB.

Example:
    maskpose train --variant compact/mask_pose --db data/onehand10k/train.lmdb
    maskpose train --variant compact/mask_pose --db data/onehand10k/train.lmdb --resume auto
    maskpose train --db data/onehand10k/train.lmdb --val-db data/onehand10k/test.lmdb --val-limit 500
    maskpose train --variant mask_pose --db data/onehand10k/train.lmdb --gpu 0,1
    mpirun -np 2 maskpose train --variant compact/mask_pose --db data/onehand10k/train.lmdb
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from maskpose.cli.entry import INTERRUPTED, one_line_errors
from maskpose.cli.options import add_network, argument_parser, command_text, folder, key_value, positive, this_command
from maskpose.errors import InputError, Stopped
from maskpose.model.variants import get_variant
from maskpose.model.weights import INPUTS
from maskpose.training.distributed import MpiGroup, start_ranks
from maskpose.training.run import Run
from maskpose.training.trainer import train


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argument_parser(__doc__, "train")
    add_network(parser, "caffemodel or HDF5 whose layers are copied by name (random weights)", several_gpus=True)
    parser.add_argument("--weights-input", choices=INPUTS, help="inputs that the weights expect (by the file's name)")
    parser.add_argument("--db", required=True, help="LMDB of training samples")
    parser.add_argument(
        "--mix", type=key_value, action="append", default=[], metavar="LMDB=SHARE",
        help="a further LMDB and the share of all samples to take from it, e.g. data/synth_db/train.lmdb=0.5",
    )  # fmt: skip
    parser.add_argument("--out", type=folder, help="folder of the run (runs/VARIANT)")
    parser.add_argument("--resume", help=".solverstate to resume from, or 'auto' for the newest in the run's folder")
    parser.add_argument("--iterations", type=positive, help="total iterations (the solver's max_iter)")
    parser.add_argument("--snapshot-every", type=positive, help="iterations between snapshots")
    parser.add_argument("--keep", type=positive, help="how many snapshots to keep, the newest (all)")
    parser.add_argument("--warmup", type=positive, help="iterations over which the learning rate rises (variant's)")
    parser.add_argument("--val-db", help="LMDB to score on, single-scale, while training (none)")
    parser.add_argument("--val-every", type=positive, help="iterations between those scores (as between snapshots)")
    parser.add_argument("--val-limit", type=positive, help="samples of it to score, evenly spread (all)")
    parser.add_argument("--tensorboard", action="store_true", help="write event files too (needs tensorboardX)")
    parser.add_argument("--log-every", type=positive, default=10, help="iterations a row of losses.csv (%(default)s)")
    parser.add_argument("--verbose", action="store_true", help="name the layers that --weights filled")
    parser.add_argument(
        "--data", type=key_value, action="append", default=[], metavar="KEY=VALUE",
        help="setting of the data layer, e.g. batch_size=8, workers=4, augment=false",
    )  # fmt: skip
    parser.add_argument(
        "--solver", type=key_value, action="append", default=[], metavar="KEY=VALUE",
        help="field of the solver, e.g. base_lr=1e-4",
    )  # fmt: skip
    return parser.parse_args(arguments)


@one_line_errors
def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``maskpose train``."""
    args = parse_arguments(arguments)
    if args.weights and args.resume not in (None, "auto"):
        raise InputError("--weights and --resume exclude one another: a snapshot holds its weights")
    group = start_ranks(args.gpu)
    try:
        model = train(run_of(args), args.weights, args.resume, group=group)
    except Stopped as stop:
        if group.rank == 0:
            mpirun = f"mpirun -np {group.size} " if isinstance(group, MpiGroup) else ""
            print(f"stopped at {stop}; to resume: {mpirun}{this_command(args.invocation, '--resume', 'auto')}")
        sys.exit(INTERRUPTED)
    if group.rank == 0:
        predict = f"maskpose predict photo.jpg --variant {args.variant} --weights {model}"
        print(f"weights: {model}; try: {command_text('train', predict)}")


def run_of(args: argparse.Namespace) -> Run:
    """The training run that the command line describes."""
    same = ("db", "iterations", "weights_input", "log_every", "snapshot_every", "keep", "warmup", "val_db", "val_every")
    same += ("val_limit", "tensorboard", "verbose")  # names of options that are Run's too
    return Run(
        variant=get_variant(args.variant),
        folder=args.out or Path("runs") / args.variant,
        data={**({"mix": dict(args.mix)} if args.mix else {}), **dict(args.data)},
        solver=dict(args.solver),
        **{name: getattr(args, name) for name in same},
    )
