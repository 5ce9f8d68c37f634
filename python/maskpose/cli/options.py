"""What the command lines have in common: the parser, its options, and types of arguments."""

import argparse
import os
import shlex
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from maskpose.cli.commands import COMMANDS, PROGRAM, Command, as_started, started_script
from maskpose.errors import InputError, short_repr
from maskpose.io.text import RepeatedKey, parse_json
from maskpose.model.variants import DEFAULT_VARIANT, VARIANTS, get_variant

WEIGHTS = "caffemodel or HDF5 file, or an .onnx or .xml of `maskpose export` (the repository's own for the variant)"
PYRAMID = ("seed", "levels", "centred")  # options of Predictor that are the pyramid's
PREDICTOR = ("variant", "precision", "mirror", "batch", "search", "score_threshold")  # options that Predictor takes


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose errors are one line.

    What it parses has ``invocation`` too: the words that this command was started with, as ``this_command`` wants them.
    """

    command: Command | None = None

    def error(self, message: str) -> NoReturn:
        """End the program with status 2."""
        self.exit(2, f"error: {message} (see --help)\n")

    def parse_args(
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> argparse.Namespace:
        """As ArgumentParser.parse_args."""
        parsed = super().parse_args(args, namespace or argparse.Namespace())
        script = started_script(self.command)
        program = [script] if script or self.command is None else [PROGRAM, *self.command.name.split()]
        parsed.invocation = [*program, *(sys.argv[1:] if args is None else args)]
        return parsed


def argument_parser(doc: str | None, name: str | None = None) -> Parser:
    """A parser whose --help is a module's docstring with its line breaks, the arguments, and the docstring's example.

    Args:
        doc: the docstring; "Example:" begins the lines that are printed last.
        name: the sub-command's, such as "data merge"; None: this is a script that is no sub-command.
    """
    command = COMMANDS[name] if name else None
    script = started_script(command)
    description, heading, example = as_started(doc or "", command).partition("Example:\n")
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


def command_text(name: str, text: str) -> str:
    """A command to suggest, such as "maskpose predict photo.jpg", in the form in which the sub-command was started."""
    return as_started(text, COMMANDS[name])


def _from_here(path: Path) -> Path:
    """``path``, relative to the working directory if it is below it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def add_network(parser: argparse.ArgumentParser, weights_help: str = WEIGHTS, several_gpus: bool = False) -> None:
    """Add --variant, --weights and --gpu."""
    add_variant(parser)
    parser.add_argument("--weights", metavar="FILE", help=weights_help)
    add_gpu(parser, several_gpus)


def add_variant(parser: argparse.ArgumentParser) -> None:
    """Add --variant."""
    names = f"{', '.join(VARIANTS)}, or one with changes: NAME+sub_stages=3+sigma=1.5 (%(default)s)"
    parser.add_argument("--variant", default=DEFAULT_VARIANT, type=variant_name, metavar="NAME", help=names)


def add_engine(parser: argparse.ArgumentParser, precision: bool = True) -> None:
    """Add --engine and, with ``precision``, --precision."""
    from maskpose.inference.engines import ENGINES, PRECISIONS

    parser.add_argument("--engine", choices=("auto", *ENGINES), default="auto", help="the backend (%(default)s: the "
                        "fastest that is installed, Caffe on a GPU)")  # fmt: skip
    if precision:
        parser.add_argument("--precision", choices=PRECISIONS, help="OpenVINO's (fp32; that of an exported file)")


def add_mirror(parser: argparse.ArgumentParser) -> None:
    """Add --mirror."""
    parser.add_argument("--mirror", action="store_true", help="average with the mirrored image: better, slower")


def add_batch(parser: argparse.ArgumentParser) -> None:
    """Add --batch."""
    parser.add_argument("--batch", type=positive, default=8, metavar="N", help="images at once (%(default)s)")


def add_modes(parser: argparse.ArgumentParser, names: Iterable[str], text: str, nargs: str = "+") -> None:
    """Add --modes, and --ways, as version 0.1 called it; ``text`` is the help."""
    parser.add_argument("--modes", nargs=nargs, choices=names, help=f"{text}; --ways is the same")
    parser.add_argument("--ways", nargs=nargs, choices=names, dest="modes", help=argparse.SUPPRESS)


def add_pyramid(parser: argparse.ArgumentParser) -> None:
    """Add --seed, --levels, --centred: the crops of the pyramid's passes."""
    parser.add_argument("--seed", type=natural, help="of the pyramid's random crops (1)")
    parser.add_argument("--levels", type=positive, metavar="N", help="of the pyramid at most; 1 is the whole "
                        "image alone (all: down to a smaller side of 50 pixels)")  # fmt: skip
    parser.add_argument("--centred", action="store_const", const=True, help="the pyramid's crops in the "
                        "middle, not at random")  # fmt: skip


def add_search(parser: argparse.ArgumentParser) -> None:
    """Add --search, --no-search and --score-threshold."""
    parser.add_argument("--search", action=argparse.BooleanOptionalAction, default=None,
                        help="if the first pass is not sure of a hand, pass overlapping tiles too (as the variant "
                        "says)")  # fmt: skip
    parser.add_argument("--score-threshold", type=fraction, metavar="S", help="score of a hand, 0 to 1, below which "
                        "there is none (the variant's; 0: every image shows one)")  # fmt: skip


def add_gpu(parser: argparse.ArgumentParser, several: bool = False) -> None:
    """Add --gpu: a number, or with ``several`` a list of them."""
    if several:
        parser.add_argument("--gpu", type=naturals, metavar="N[,N…]", help="run on the GPUs of these numbers (the CPU)")
    else:
        parser.add_argument("--gpu", type=natural, metavar="N", help="run on GPU number N (the CPU)")


def predictor_options(args: argparse.Namespace) -> dict[str, Any]:
    """The options that ``add_network`` to ``add_search`` added, as Predictor's arguments."""
    from maskpose.inference.engines import choose

    options = {name: value for name, value in vars(args).items() if name in PREDICTOR}
    return options | {"weights_path": args.weights, "engine": choose(args.engine, args.gpu)}


def pyramid_options(args: argparse.Namespace, used: bool) -> dict[str, Any]:
    """The options that ``add_pyramid`` added and the user gave, as Predictor's arguments.

    Raises InputError if there are any, and no pyramid is ``used``.
    """
    given = {name: getattr(args, name) for name in PYRAMID if getattr(args, name) is not None}
    if given and not used:
        raise InputError(f"--{next(iter(given))} is the pyramid's: ask for that, too")
    return given


def variant_name(text: str) -> str:
    """argparse type: a name that maskpose.model.variants.get_variant takes."""
    try:
        return get_variant(text).name
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def natural(text: str) -> int:
    """argparse type: an integer of 0 or more."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected an integer of 0 or more, not {text!r}")
    return int(text)


def naturals(text: str) -> list[int]:
    """argparse type: different integers of 0 or more, as 0,1."""
    numbers = [natural(part) for part in text.split(",")]
    if len(set(numbers)) < len(numbers):
        raise argparse.ArgumentTypeError(f"{text!r} names one twice")
    return numbers


def positive(text: str) -> int:
    """argparse type: an integer of 1 or more."""
    if natural(text) == 0:
        raise argparse.ArgumentTypeError("expected an integer of 1 or more, not 0")
    return int(text)


def positive_number(text: str) -> float:
    """argparse type: a number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number above 0, not {text!r}")
    return value


def fraction(text: str) -> float:
    """argparse type: a number from 0 to 1."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"expected a number between 0 and 1, not {text!r}")
    return value


def folder(text: str) -> Path:
    """argparse type: the path of a folder, which need not exist."""
    path = Path(text)
    nearest = next((part for part in (path, *path.parents) if part.exists()), path)
    if nearest.exists() and not nearest.is_dir():
        raise argparse.ArgumentTypeError(f"{nearest} is not a folder")
    return path


def key_value(text: str) -> tuple[str, Any]:
    """argparse type: ``key=value`` as (key, value); the value is parsed as JSON if it is JSON, else it is a string."""
    key, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"expected KEY=VALUE, not {text!r}")
    try:
        parsed = parse_json(value, key)
    except InputError:
        return key, value
    if isinstance(parsed, RepeatedKey):
        raise argparse.ArgumentTypeError(f"{key}: the key {short_repr(parsed.repeated[0])} appears twice")
    return key, parsed
