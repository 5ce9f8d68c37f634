"""Options that commands share: the command that resumes, the words that it was started with, types of arguments."""

import argparse
import shlex
import sys
from pathlib import Path

import pytest

from maskpose.cli import options


@pytest.fixture
def parse(monkeypatch):
    """A function that parses words as the command train does in a process that was started so."""

    def parse(argv, words=None):
        monkeypatch.setattr(sys, "argv", argv)
        parser = options.argument_parser("Train.\n\nExample:\n    maskpose train --db x\n", "train")
        parser.add_argument("--db")
        return parser.parse_args(words)

    return parse


def test_the_command_that_resumes_is_of_the_form_that_was_started(parse, monkeypatch):
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.setattr(sys, "executable", "/usr/bin/python3")
    for argv, expected in (
        (["tools/train.py", "--db", "my db"], "/usr/bin/python3 tools/train.py --db 'my db' --resume auto"),
        (["/opt/bin/maskpose", "train", "--db", "x"], "/opt/bin/maskpose train --db x --resume auto"),
        (["/lib/maskpose/__main__.py", "train", "--db", "x"],
         "/usr/bin/python3 -m maskpose train --db x --resume auto"),
    ):  # fmt: skip
        args = parse(argv, None if argv[0].endswith("train.py") else argv[2:])
        assert options.this_command(args.invocation, "--resume", "auto") == expected
    args = parse(["tools/train.py", "--db", "x"])
    monkeypatch.setenv("PYTHONPATH", "python")
    assert shlex.split(options.this_command(args.invocation))[0] == "PYTHONPATH=python"
    assert args.db == "x"


def test_a_path_below_the_working_directory_is_relative(parse, monkeypatch):
    monkeypatch.delenv("PYTHONPATH", raising=False)
    program = str(Path.cwd() / ".venv/bin/maskpose")
    args = parse([program, "train"], ["--db", "x"])
    assert options.this_command(args.invocation) == ".venv/bin/maskpose train --db x"


def test_arguments_that_are_given_count_not_those_of_the_process(parse):
    args = parse(["/somewhere/pytest", "-x"], ["--db", "y"])
    assert args.invocation == ["maskpose", "train", "--db", "y"]


def test_modes_have_their_old_name():
    parser = argparse.ArgumentParser()
    options.add_modes(parser, ["single", "pyramid"], "how")
    assert parser.parse_args(["--ways", "single"]).modes == ["single"]
    assert parser.parse_args(["--modes", "pyramid", "single"]).modes == ["pyramid", "single"]
    assert parser.parse_args([]).modes is None and "--ways WAYS" not in parser.format_help()


@pytest.mark.parametrize(
    ("of_type", "text", "value"),
    [
        (options.natural, "0", 0),
        (options.naturals, "3,1", [3, 1]),
        (options.positive, "7", 7),
        (options.positive_number, "0.5", 0.5),
        (options.fraction, "1", 1.0),
        (options.key_value, "a=[1, 2]", ("a", [1, 2])),
        (options.key_value, "a=b=c", ("a", "b=c")),
    ],
)
def test_types_take(of_type, text, value):
    assert of_type(text) == value


@pytest.mark.parametrize(
    ("of_type", "text"),
    [
        (options.natural, "-1"),
        (options.naturals, "1,1"),
        (options.positive, "0"),
        (options.positive_number, "inf"),
        (options.fraction, "1.5"),
        (options.key_value, "a"),
        (options.key_value, 'a={"b": 1, "b": 2}'),
        (options.variant_name, "compact/nothing"),
    ],
)
def test_types_refuse(of_type, text):
    with pytest.raises(argparse.ArgumentTypeError):
        of_type(text)
