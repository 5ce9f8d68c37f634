"""The exceptions that mean more than a bug in this program, and how messages show text and values from outside."""

import os
import reprlib
import unicodedata

HIDDEN = ("Cc", "Cf", "Cs", "Zl", "Zp")  # control characters, marks of format and direction, half characters, line ends
JOINERS = "\u200c\u200d"  # spell words in several scripts, and some emoji; they act on their neighbours alone

MOST_SHOWN = 80  # characters of a value in a message


class InputError(ValueError):
    """Bad input. The message names the file, line or key and says what was expected, in a line of visible text."""

    def __str__(self) -> str:
        return printable(super().__str__())


class Stopped(Exception):
    """A run was asked to end before it was done. The message says where it stands."""


class WorkerError(RuntimeError):
    """A process that works for this one ended although it should not have."""


def printable(text: str) -> str:
    """Return ``text`` with its hidden characters as escapes: \\x1b, \\u202e (right-to-left override), \\udce4.

    Hidden are the categories HIDDEN without JOINERS, line ends included. Names that are not UTF-8 can be printed so.
    """
    if text.isprintable():
        return text
    return "".join(
        character.encode("unicode_escape").decode()
        if unicodedata.category(character) in HIDDEN and character not in JOINERS
        else character
        for character in text
    )


def short_repr(value: object) -> str:
    """Return a value as messages show it, shortened if it is large or deep."""
    short = reprlib.Repr()
    short.maxstring = short.maxother = short.maxlong = MOST_SHOWN
    return short.repr(value)


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
