"""Make the paper's table and figures: data, trainings, scores, Table 1, Fig. 7 to 11, timing, a summary.

Each step is made once. The same command again makes what is missing, resumes a training that was stopped, and makes
again what depends on something that changed. docs/reproduction.md says what comes out, and what differs from the paper.

Example:
    maskpose reproduce --data examples/rendered_hands --iterations 20 --out runs/reproduce
    maskpose reproduce --data ~/OneHand10K --scale paper --seeds 3 --gpu 0,1 --cmu ~/cmu_hands
"""

import argparse
import functools
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from maskpose.cli.entry import INTERRUPTED, one_line_errors
from maskpose.cli.options import add_gpu, add_modes, argument_parser, folder, positive, this_command
from maskpose.errors import InputError, Stopped
from maskpose.reproduction import steps
from maskpose.reproduction.options import MODES, SCALES, Options
from maskpose.reproduction.plan import plan_steps


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argument_parser(__doc__, "reproduce")
    parser.add_argument("--data", type=Path, required=True, help="OneHand10K's folder, or one of train.lmdb, test.lmdb")
    parser.add_argument("--out", type=folder, default=Path("runs/reproduce"), help="folder for all of it (%(default)s)")
    parser.add_argument("--scale", choices=SCALES, default="compact", help="networks: the paper's, or those for "
                        "processors without a GPU (%(default)s)")  # fmt: skip
    parser.add_argument("--iterations", type=positive, help="of each training (the solver's max_iter)")
    parser.add_argument("--seeds", type=positive, default=1, help="trainings of each network (%(default)s)")
    add_gpu(parser, several=True)
    parser.add_argument("--mix", nargs="+", default=[], metavar="LMDB=SHARE", help="further LMDBs to train on")
    parser.add_argument("--training", type=shlex.split, default=[], metavar="OPTIONS",
                        help="further options of `maskpose train`, in one string: '--data workers=4'")  # fmt: skip
    parser.add_argument("--ea", type=Path, metavar="FILE", help="names of EA's images, one a line (a tenth of EB)")
    parser.add_argument("--cmu", type=Path, metavar="FOLDER", help="holds CMU's hand_labels and hand_labels_synth")
    parser.add_argument("--predictions", nargs="+", default=[], metavar="[NAME=]FILE", help="other programs', on the "
                        "test images, files or folders, for Fig. 9")  # fmt: skip
    parser.add_argument("--openpose", type=Path, metavar="FILE", help="OpenPose's hand weights, the paper's [9]")
    parser.add_argument("--x2", action="store_true", help="also mask_pose_x2, section 4.3's proposal")
    add_modes(parser, MODES, "how to predict; tables and figures show the first mode (pyramid single; compact: "
              "single); refined: a refinement pass too")  # fmt: skip
    parser.add_argument("--list", action="store_true", help="only list the steps, and which of them are done")
    return parser.parse_args(arguments)


@one_line_errors
def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``maskpose reproduce``."""
    args = parse_arguments(arguments)
    planned = plan_steps(options_of(args))
    if args.list:
        for step in planned:
            print(f"{'done' if steps.is_finished(step, args.out) else '    '}  {step.name}: {step.title}")
        return
    try:
        steps.run_steps(planned, args.out, functools.partial(print, flush=True))
    except InputError as error:
        raise InputError(f"{error}; when that is mended, to resume: {this_command(args.invocation)}") from None
    except Stopped as stop:
        print(f"stopped in {stop}; to resume: {this_command(args.invocation)}")
        sys.exit(INTERRUPTED)
    print(f"look at {args.out / 'summary.md'}")


def options_of(args: argparse.Namespace) -> Options:
    """The plan's options that the command line gives."""
    return Options(
        data=args.data,
        out=args.out,
        scale=args.scale,
        iterations=args.iterations,
        seeds=args.seeds,
        gpus=tuple(args.gpu or ()),
        mix=tuple(args.mix),
        training=tuple(args.training),
        ea=args.ea,
        cmu=args.cmu,
        predictions=tuple(args.predictions),
        openpose=args.openpose,
        x2=args.x2,
        modes=tuple(args.modes) if args.modes else None,
    )
