"""What the scripts' command lines have in common."""

import argparse
import functools
import json
import sys

from maskpose.errors import InputError, WorkerError
from maskpose.variants import DEFAULT_VARIANT, VARIANTS


def one_line_errors(main):
    """Decorate a script's ``main``: an InputError or WorkerError ends it with one line on stderr and status 2."""

    @functools.wraps(main)
    def wrapped(*args, **kwargs):
        try:
            return main(*args, **kwargs)
        except (InputError, WorkerError) as error:
            print(f"error: {error}", file=sys.stderr)
            sys.exit(2)
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)
            sys.exit(130)

    return wrapped


def argument_parser(doc):
    """A parser whose --help is the script's docstring, line breaks kept, and its arguments."""
    return argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)


def add_network(
    parser, weights_help="caffemodel or HDF5 file (the repository's own for the variant)", several_gpus=False
):
    """Add --variant, --weights and --gpu."""
    parser.add_argument(
        "--variant",
        default=DEFAULT_VARIANT,
        choices=VARIANTS,
        metavar="NAME",
        help=f"{', '.join(VARIANTS)} (%(default)s)",
    )
    parser.add_argument("--weights", metavar="FILE", help=weights_help)
    add_gpu(parser, several_gpus)


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


def key_value(text):
    """``key=value`` as (key, value), the value read as JSON where it is, else as a string."""
    key, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"expected KEY=VALUE, not {text!r}")
    try:
        return key, json.loads(value)
    except json.JSONDecodeError:
        return key, value
