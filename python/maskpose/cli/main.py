"""The ``maskpose`` command: it chooses the sub-command, and imports that alone."""

import importlib
import sys
from collections.abc import Sequence

from maskpose import __version__
from maskpose.cli.commands import COMMANDS, DATA, DATA_GROUPS, GROUPS, PROGRAM, Command, listing, nearest
from maskpose.cli.entry import FAILED, one_line_errors
from maskpose.errors import InputError
from maskpose.extras import install_command

PACKAGES = ("numpy", "cv2", "google.protobuf", "h5py", "lmdb", "tqdm", "matplotlib", "PIL", "jinja2")

HELP = f"""usage: {PROGRAM} COMMAND ...

Find the hand in an image, its 21 keypoints and its mask, with the mask-pose cascade; train and score that cascade.

{{commands}}

Options:
  --version  print the version
  --check    import Caffe and every package needed

`{PROGRAM} COMMAND --help` shows a command's options.

Example:
    {PROGRAM} predict photo.jpg --out out"""

DATA_HELP = f"""usage: {PROGRAM} {DATA} COMMAND ...

Make databases of labelled images, and images with labels.

{{commands}}

`{PROGRAM} {DATA} COMMAND --help` shows a command's options.

Example:
    {PROGRAM} {DATA} onehand10k ~/OneHand10K data/onehand10k"""


@one_line_errors
def main(arguments: Sequence[str] | None = None) -> None:
    """Run the sub-command that ``arguments`` name (those of this process if None)."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    first = words[0] if words else "--help"
    if first == DATA:
        _data(words[1:])
    elif first in COMMANDS:
        _run(COMMANDS[first], words[1:])
    elif first in ("-h", "--help"):
        print(HELP.format(commands=_overview()))
    elif first == "--version":
        print(f"{PROGRAM} {__version__}")
    elif first == "--check":
        check()
    else:
        _refuse(first, f"{PROGRAM} ", [DATA, *(name for name in COMMANDS if " " not in name)])


def check() -> None:
    """Import Caffe and every package needed. Raises InputError if one is missing."""
    from maskpose.runtime import import_caffe

    missing = []
    for package in PACKAGES:
        try:
            importlib.import_module(package)
        except ImportError:
            missing.append(package)
    if missing:
        raise InputError(f"this Python lacks {', '.join(missing)}: see the dependencies in pyproject.toml")
    import_caffe()
    if int(importlib.import_module("cv2").__version__.split(".")[0]) >= 5:
        raise InputError("OpenCV 5 cannot read Caffe models: install opencv-python below 5")
    print("ok: Caffe and every package needed are there")


def _overview() -> str:
    """The list of commands for ``maskpose --help``, those of ``maskpose data`` as one line."""
    summary = f"read data sets; merge, split, crop, paste, render ({PROGRAM} {DATA} --help)"
    data = Command(DATA, "", "", summary)
    return listing({title: (*[data] * (title == "Data"), *some) for title, some in GROUPS.items()})


def _data(words: list[str]) -> None:
    first = words[0] if words else "--help"
    if f"{DATA} {first}" in COMMANDS:
        _run(COMMANDS[f"{DATA} {first}"], words[1:])
    elif first in ("-h", "--help"):
        print(DATA_HELP.format(commands=listing(DATA_GROUPS, f"{DATA} ")))
    else:
        names = [name.removeprefix(f"{DATA} ") for name in COMMANDS if name.startswith(f"{DATA} ")]
        _refuse(first, f"{PROGRAM} {DATA} ", names)


def _run(command: Command, arguments: list[str]) -> None:
    try:
        importlib.import_module(f"maskpose.cli.{command.module}").main(arguments)
    except ModuleNotFoundError as error:
        package = (error.name or "").split(".")[0]
        if package == "maskpose":
            raise
        raise InputError(
            f"`{PROGRAM} {command.name}` needs the package {package}, which {sys.executable} lacks: "
            + install_command(package)
        ) from None


def _refuse(word: str, before: str, names: list[str]) -> None:
    """End with one line about a word that is no sub-command."""
    kind = "option" if word.startswith("-") else "command"
    guess = nearest(word, names)
    hint = f"did you mean `{before}{guess}`?" if guess and kind == "command" else f"see `{before}--help`"
    print(f"error: unknown {kind} {word!r}: {hint}", file=sys.stderr)
    sys.exit(FAILED)
