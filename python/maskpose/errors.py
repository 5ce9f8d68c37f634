"""The exceptions that mean more than a bug in this program."""

import os

from maskpose.io.printable import printable


class InputError(ValueError):
    """Bad input. The message names the file, line or key and says what was expected, in a line of visible text."""

    def __str__(self) -> str:
        return printable(super().__str__())


class Stopped(Exception):
    """A run was asked to end before it was done. The message says where it stands."""


class WorkerError(RuntimeError):
    """A process that works for this one ended although it should not have."""


def reason(error: OSError) -> str:
    """Return in one line why the operating system refused something. Some libraries give no reason of their own."""
    if isinstance(error, FileNotFoundError) and _is_relative(error.filename) and not _has_working_directory():
        return "the working directory has been removed: change to another one"
    return error.strerror or str(error).partition("\n")[0] or type(error).__name__


def _is_relative(name: object) -> bool:
    """Return whether the path that an OSError names is relative to the working directory, or missing."""
    return name is None or (isinstance(name, str | bytes | os.PathLike) and not os.path.isabs(name))


def _has_working_directory() -> bool:
    try:
        os.getcwd()
    except OSError:
        return False
    return True
