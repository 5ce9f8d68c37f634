"""Imported first by every script: finds ``benchmarks``; a Python that lacks a package says so in one line."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))  # of benchmarks/


def say_what_is_missing(kind, error, traceback):
    """A sys.excepthook that replaces the traceback of a missing package, and no other."""
    if not issubclass(kind, ModuleNotFoundError):
        return sys.__excepthook__(kind, error, traceback)
    print(
        f"error: {sys.executable} lacks {error.name}: run this by `make`, or as .venv/bin/python {sys.argv[0]} …",
        file=sys.stderr,
    )


sys.excepthook = say_what_is_missing
