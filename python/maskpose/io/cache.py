"""The folder that keeps fetched and derived files between calls, by the XDG rules."""

import os
from pathlib import Path

from maskpose.errors import InputError
from maskpose.io.files import make_folder


def cache_folder(name: str) -> Path:
    """Return the folder ``name`` of this project's cache; it is made if it is missing.

    Raises:
        InputError: the folder cannot be made. The message says how to choose another place.
    """
    try:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "maskpose" / name
        make_folder(folder)
    except RuntimeError:  # of Path.home
        raise InputError("this user has no home folder: set XDG_CACHE_HOME to a folder that can be written") from None
    except InputError as error:
        raise InputError(f"{error}; set XDG_CACHE_HOME to a folder that can be written") from None
    return folder
