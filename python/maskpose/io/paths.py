"""Paths made of names from outside: below the folder they are meant for, or an error."""

import os
from pathlib import Path, PurePath

from maskpose.errors import InputError
from maskpose.io.values import short_repr

MOST_BYTES_OF_NAME = 255  # of a file's or folder's name, on Linux' and macOS' disks


def path_below(folder: str | os.PathLike, name: str, where: object = "") -> Path:
    """The path of what is called ``name`` in or below ``folder``; every file that a name from outside names is read
    and written by it.

    ``name`` may have folders of its own. Raises InputError that names ``where`` if it is empty, absolute or has a part
    "..", so that nothing beside the folder can be reached, and if no file can be called so.
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
