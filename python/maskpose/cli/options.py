"""What the scripts' command lines have in common."""

import argparse
import os
import shlex
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from maskpose.cli.commands import COMMANDS, PROGRAM, Command, as_started, started_script
from maskpose.cli.entry import one_line_errors  # noqa: F401  # scripts take it from here
from maskpose.errors import InputError
from maskpose.inference.engines import ENGINES, PRECISIONS, choose
from maskpose.io.text import RepeatedKey, parse_json
from maskpose.io.values import short_repr
from maskpose.model.variants import DEFAULT_VARIANT, VARIANTS, get_variant


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose errors are one line.

    What it parses has ``invocation`` too: the words that this command was started with, as ``this_command`` wants them.
    """

    command: Command | None = None

    def error(self, message):
        """End the program with status 2."""
        self.exit(2, f"error: {message} (see --help)\n")

    def parse_args(self, args=None, namespace=None):
        """As ArgumentParser.parse_args."""
        parsed = super().parse_args(args, namespace)
        script = started_script(self.command)
        program = [script] if script else [PROGRAM, *self.command.name.split()]
        parsed.invocation = [*program, *(sys.argv[1:] if args is None else args)]
        return parsed


def argument_parser(doc: str, name: str | None = None) -> Parser:
    """A parser whose --help is ``doc``, line breaks kept, its arguments, and the example that ``doc`` ends in.

    ``name`` is the sub-command's, such as "data merge"; a script that is no sub-command has none.
    """
    command = COMMANDS[name] if name else None
    script = started_script(command)
    description, heading, example = as_started(doc, command).partition("Example:\n")
    parser = Parser(
        prog=Path(script).name if script else f"{PROGRAM} {name}",
        description=description,
        epilog=heading + example,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.command = command
    return parser


def this_command(invocation: Sequence[str], *more: str) -> str:
    """The command that does ``invocation`` of a Parser again in this folder, with ``more`` words, as one types it."""
    python, program = Path(sys.executable), [invocation[0]]
    if program == [PROGRAM] and Path(sys.argv[0]).name == PROGRAM:
        program = [str(_from_here(Path(sys.argv[0])))]
    else:
        program = [str(_from_here(python)), *(["-m"] if program == [PROGRAM] else []), *program]
    path = os.environ.get("PYTHONPATH")
    return shlex.join([*([f"PYTHONPATH={path}"] if path else []), *program, *invocation[1:], *more])


def _from_here(path: Path) -> Path:
    """``path``, relative to the working directory if it is below it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


WEIGHTS = "caffemodel or HDF5 file, or an .onnx or .xml of tools/export.py (the repository's own for the variant)"
PYRAMID = ("seed", "levels", "centred")
PREDICTOR = ("variant", "precision", "mirror", "batch", "search", "score_threshold")  # options that Predictor takes


def add_network(parser, weights_help=WEIGHTS, several_gpus=False):
    """Add --variant, --weights and --gpu."""
    add_variant(parser)
    parser.add_argument("--weights", metavar="FILE", help=weights_help)
    add_gpu(parser, several_gpus)


def add_variant(parser):
    """Add --variant."""
    names = f"{', '.join(VARIANTS)}, or one with changes: NAME+sub_stages=3+sigma=1.5 (%(default)s)"
    parser.add_argument("--variant", default=DEFAULT_VARIANT, type=variant_name, metavar="NAME", help=names)


def variant_name(text):
    """argparse type: a name that maskpose.model.variants.get_variant takes."""
    try:
        return get_variant(text).name
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def add_engine(parser, precision=True):
    """Add --engine and, unless told otherwise, --precision."""
    names = ("auto", *ENGINES)
    parser.add_argument("--engine", choices=names, default="auto", help="what computes the network (%(default)s: the "
                        "fastest that is installed, Caffe on a GPU)")  # fmt: skip
    if precision:
        parser.add_argument("--precision", choices=PRECISIONS, help="OpenVINO's (fp32; that of an exported file)")


def add_mirror(parser):
    """Add --mirror."""
    parser.add_argument("--mirror", action="store_true", help="average with the mirrored image: better, slower")


def add_batch(parser):
    """Add --batch."""
    parser.add_argument("--batch", type=positive, default=8, metavar="N", help="pictures at once (%(default)s)")


def add_modes(parser: argparse.ArgumentParser, names: Iterable[str], text: str, nargs: str = "+") -> None:
    """Add --modes, and --ways, as version 0.1 called it; ``text`` is the help."""
    parser.add_argument("--modes", nargs=nargs, choices=names, help=f"{text}; --ways is the same")
    parser.add_argument("--ways", nargs=nargs, choices=names, dest="modes", help=argparse.SUPPRESS)


def add_pyramid(parser):
    """Add --seed, --levels, --centred: which parts of a picture the pyramid looks at."""
    parser.add_argument("--seed", type=natural, help="of the pyramid's random crops (1)")
    parser.add_argument("--levels", type=positive, metavar="N", help="of the pyramid at most; 1 is the whole "
                        "picture alone (all: down to a smaller side of 50 pixels)")  # fmt: skip
    parser.add_argument("--centred", action="store_const", const=True, help="the pyramid's crops in the "
                        "middle, not at random")  # fmt: skip


def add_search(parser):
    """Add --search, --no-search and --score-threshold."""
    parser.add_argument("--search", action=argparse.BooleanOptionalAction, default=None,
                        help="where the first look is not sure of a hand, look at overlapping tiles too (as the "
                        "variant says)")  # fmt: skip
    parser.add_argument("--score-threshold", type=fraction, metavar="S", help="score of a hand, 0 to 1, below which "
                        "there is none (the variant's; 0: every image shows one)")  # fmt: skip


def predictor_options(args):
    """What was added by ``add_network`` to ``add_search`` and given, as Predictor's arguments."""
    options = {name: value for name, value in vars(args).items() if name in PREDICTOR}
    return options | {"weights_path": args.weights, "engine": choose(args.engine, args.gpu)}


def pyramid_options(args, used):
    """What ``add_pyramid`` gave, as Predictor's arguments. Raises InputError for any, where no pyramid is ``used``."""
    given = {name: getattr(args, name) for name in PYRAMID if getattr(args, name) is not None}
    if given and not used:
        raise InputError(f"--{next(iter(given))} is the pyramid's: ask for that, too")
    return given


def add_gpu(parser, several=False):
    """Add --gpu: a number, or with ``several`` a list of them."""
    if several:
        parser.add_argument("--gpu", type=naturals, metavar="N[,N…]", help="run on the GPUs of these numbers (the CPU)")
    else:
        parser.add_argument("--gpu", type=natural, metavar="N", help="run on GPU number N (the CPU)")


def natural(text):
    """An integer of 0 or more."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected an integer of 0 or more, not {text!r}")
    return int(text)


def naturals(text):
    """Different integers of 0 or more, as 0,1."""
    numbers = [natural(part) for part in text.split(",")]
    if len(set(numbers)) < len(numbers):
        raise argparse.ArgumentTypeError(f"{text!r} names one twice")
    return numbers


def positive(text):
    """An integer of 1 or more."""
    if natural(text) == 0:
        raise argparse.ArgumentTypeError("expected an integer of 1 or more, not 0")
    return int(text)


def positive_number(text):
    """A number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number above 0, not {text!r}")
    return value


def fraction(text):
    """A number from 0 to 1."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"expected a number between 0 and 1, not {text!r}")
    return value


def folder(text):
    """The path of a folder, which need not be there yet, as a Path."""
    path = Path(text)
    there = next((part for part in (path, *path.parents) if part.exists()), path)
    if there.exists() and not there.is_dir():
        raise argparse.ArgumentTypeError(f"{there} is not a folder")
    return path


def key_value(text):
    """``key=value`` as (key, value), the value read as JSON where it is, else as a string."""
    key, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"expected KEY=VALUE, not {text!r}")
    try:
        found = parse_json(value, key)
    except InputError:
        return key, value
    if isinstance(found, RepeatedKey):
        raise argparse.ArgumentTypeError(f"{key}: the key {short_repr(found.repeated[0])} appears twice")
    return key, found
