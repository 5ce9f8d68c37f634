"""Paths made of names from outside: each lies below the folder it is meant for, or is an error."""

import os
from pathlib import Path, PurePath
from typing import TypeAlias

from maskpose.errors import InputError, short_repr

PathLike: TypeAlias = str | os.PathLike[str]
MOST_BYTES_OF_NAME = 255  # of a file's or folder's name, on the disks of Linux and macOS


def path_below(folder: PathLike, name: str, where: object = "") -> Path:
    """Return the path of the file ``name`` in or below ``folder``.

    Every file that a name from outside names is read and written by this path: nothing beside the folder is reached.

    Args:
        folder: which the file lies in.
        name: of the file; it may have folders of its own.
        where: what the user knows the name by, for messages.

    Raises:
        InputError: the name is empty or absolute, has a part "..", or cannot be a file's.
    """
    problem = f"{where}: " if str(where) else ""
    try:
        os.fsencode(name)
        parts = PurePath(name).parts if name.strip() and "\0" not in name else ()
    except (UnicodeEncodeError, AttributeError, TypeError):  # half a character; no text at all
        parts = ()
    if any(len(os.fsencode(part)) > MOST_BYTES_OF_NAME for part in parts):
        raise InputError(f"{problem}{short_repr(name)} has a part of more than {MOST_BYTES_OF_NAME} bytes")
    if not parts or PurePath(name).is_absolute() or ".." in parts:
        raise InputError(f"{problem}{short_repr(name)} is not the path of a file below {folder}")
    return Path(folder) / name


def split_label(argument: PathLike) -> tuple[str, Path]:
    """Return (label or "", path) of "LABEL=FILE" or "FILE"; a file with an equals sign in its name has no label."""
    label, equals, path = str(argument).partition("=")
    return (label, Path(path)) if equals and not Path(argument).exists() else ("", Path(argument))
