"""Writing files so that a half-written one never stands under the final name."""

import contextlib
import os
import shutil
from pathlib import Path

from maskpose.errors import InputError

REPOSITORY = Path(__file__).parents[2]  # prototxt/ and weights/ are there
MARK = ".made-by-maskpose"


def make_folder(path):
    """Make a folder where there is none; InputError where that cannot be."""
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{path} cannot be made a folder: {error.strerror}") from None


def fresh_folder(path):
    """An empty folder; one that an earlier call made is emptied, any other that holds files is an InputError."""
    path = Path(path)
    if path.is_dir() and any(path.iterdir()):
        if not (path / MARK).is_file():
            raise InputError(f"{path} holds files that are not this program's: choose another folder")
        shutil.rmtree(path)
    make_folder(path)
    (path / MARK).touch()
    return path


@contextlib.contextmanager
def written_beside(path):
    """Give a path beside ``path`` to write to; rename it to ``path`` afterwards, or remove it on an error.

    The suffix is kept, as many libraries choose the format by it. Raises InputError where the folder cannot
    be written.
    """
    path = Path(path)
    partial = path.with_name(f".partial-{os.getpid()}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        os.replace(partial, path)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from None
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()


def write_text(path, text):
    """Write a text file, whole or not at all."""
    with written_beside(path) as partial:
        partial.write_text(text)


def read_bytes(path):
    """The bytes of a file; InputError where it is missing, a folder or unreadable."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None


def read_lines(path):
    """The non-empty lines of a text file, stripped; InputError where it cannot be read."""
    try:
        text = read_bytes(path).decode("utf-8")
    except UnicodeDecodeError:
        raise InputError(f"{path} is not a text file") from None
    return [line.strip() for line in text.splitlines() if line.strip()]
