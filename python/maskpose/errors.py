"""The exceptions that mean more than a bug in this program."""

import os

from maskpose.io.printable import printable


class InputError(ValueError):
    """Bad input: the message names the file, line or key, and says what was expected, on one line of visible text."""

    def __str__(self):
        return printable(super().__str__())


class Stopped(Exception):
    """Somebody asked a training run to end before its last iteration: the message says where it stands."""


class WorkerError(RuntimeError):
    """A process that helps this one ended although it should not have."""


def reason(error):
    """Why the operating system refused something, in a line, of an OSError; libraries raise them without a reason."""
    if isinstance(error, FileNotFoundError) and _is_relative(error.filename) and not _has_working_directory():
        return "the working directory has been removed: change to another one"
    return error.strerror or str(error).partition("\n")[0] or type(error).__name__


def _is_relative(name):
    """Whether a path that an OSError names, None if it names none, is relative to the working directory."""
    return name is None or (isinstance(name, str | bytes | os.PathLike) and not os.path.isabs(name))


def _has_working_directory():
    try:
        os.getcwd()
    except OSError:
        return False
    return True
