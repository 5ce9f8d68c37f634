"""Imported first by every script, of data_prep/ by a link: a Python that lacks a package ends it with one line."""

import sys


def report_missing_package(kind, error, traceback):
    """A sys.excepthook that replaces the traceback of a missing package, and no other."""
    if not issubclass(kind, ModuleNotFoundError):
        return sys.__excepthook__(kind, error, traceback)
    print(
        f"error: {sys.executable} lacks {error.name}: run this by `make`, or as .venv/bin/python {sys.argv[0]} …",
        file=sys.stderr,
    )


sys.excepthook = report_missing_package
