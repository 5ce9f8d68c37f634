"""Which images a command is about: files, folders, patterns; and what each one's results are called."""

import collections
import functools
import glob
import itertools
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from maskpose.errors import InputError
from maskpose.io.files import noted_names
from maskpose.io.image_kinds import HEAD, SUFFIXES, UNREAD_SUFFIXES, kind_of
from maskpose.io.printable import printable

NAMED = 10  # files left out of a folder that are named


@dataclass(frozen=True)
class Photograph:
    """A picture's path, and its results' path without a suffix, below the folder they are written to."""

    path: Path
    key: str

    @property
    def name(self):
        """The file's name, below the folder that was given."""
        return str(Path(self.key).parent / self.path.name)


def photographs(arguments: Iterable[str | Path], quiet: bool = False) -> list[Photograph]:
    """The images of paths, of folders (all in and below them) and of quoted patterns such as 'a/**/*.jpg'.

    They are in the order of ``arguments``, within a folder or pattern by name, each once. Of a folder or pattern,
    hidden files and what earlier runs wrote are left out. Results keep the folders below it, or below the part of the
    pattern before the first wildcard. They are called by the whole name if names differ in the suffix alone. In a
    folder, a file is an image by its suffix or its first bytes; what looks like one and is not read is reported on
    stderr, unless ``quiet``. Raises InputError for a folder without images and a pattern that fits nothing. A file that
    is missing is no error here: reading it is.
    """
    found, is_ours = [], _memory_of_results()
    for argument in map(str, arguments):
        path = Path(argument)
        if path.is_dir():
            top, (inside, left_out) = path, _images_below(path)
            problem = f"{path} holds no pictures ({', '.join(sorted(SUFFIXES))})"
            if left_out and not quiet:
                more = f" and {len(left_out) - NAMED} more" if len(left_out) > NAMED else ""
                print(printable(f"left out of {path}: {', '.join(left_out[:NAMED])}{more}"), file=sys.stderr)
        elif not path.exists() and glob.has_magic(argument):
            top = Path(*itertools.takewhile(lambda part: not glob.has_magic(part), path.parts))
            inside = [p for p in sorted(map(Path, glob.glob(argument, recursive=True))) if p.is_file()]
            problem = f"no file is called like {argument}"
        else:
            found.append(Photograph(path, _key(Path(path.name))))
            continue
        others = [p for p in inside if not is_ours(p)]
        if not others:
            raise InputError(f"{problem}, but for results of earlier runs" if inside else problem)
        names = [_below(p.relative_to(top)) for p in others]
        times = collections.Counter(map(_key, names))
        found += [Photograph(p, _key(name) if times[_key(name)] == 1 else str(name)) for p, name in zip(others, names)]
    return list(dict.fromkeys(found))


def _below(name):
    """A path without ".."; where a pattern led out of the folder that it began in, the file's name alone."""
    name = Path(os.path.normpath(name))
    return Path(name.name) if name.parts[0] == ".." else name


def _key(name):
    """A path without the suffix of an image: of ``frame.0001`` all of it."""
    return str(name.with_suffix("") if name.suffix.lower() in SUFFIXES else name)


def _images_below(top):
    """([path of an image], [name of what is left out, and why]) of a folder and those below it, hidden ones apart."""
    images, left_out = [], []

    def complain(error):
        left_out.append(f"{os.path.relpath(error.filename, top)} ({error.strerror})")

    for path in sorted(_files_below(top, complain)):
        if path.is_dir():
            left_out.append(f"{path.relative_to(top)} (a link to a folder)")
        elif (is_read := _is_image(path)) is not None:
            if is_read:
                images.append(path)
            else:
                left_out.append(f"{path.relative_to(top)} (of a kind that is not read)")
    return images, left_out


def _is_image(path):
    """True of an image, False of one of a kind that is not read, None of no image."""
    suffix = path.suffix.lower()
    if suffix in SUFFIXES:
        return path.is_file() or not path.exists() or None  # of a link to nothing, reading it is the error
    if suffix in UNREAD_SUFFIXES:
        return False
    try:
        if not path.is_file():  # a pipe would never end
            return None
        with path.open("rb") as file:
            kind = kind_of(file.read(HEAD))
    except OSError:
        return None
    if kind == "TIFF" and suffix:
        return False  # cameras' raw data begin as a TIFF does
    return True if kind else None


def _files_below(top: Path, complain) -> Iterator[Path]:
    """Yield what is in a folder and in those below it but these; hidden ones are passed over, links not followed."""
    for folder, folders, files in os.walk(top, onerror=complain):
        folders[:] = [name for name in folders if not name.startswith(".")]
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        yield from (Path(folder, name) for name in [*files, *links] if not name.startswith("."))


def _memory_of_results():
    """A function that says whether an earlier run wrote a path."""
    names = functools.cache(noted_names)

    def is_ours(path):
        path = Path(os.path.abspath(path))
        return any(str(path.relative_to(folder)) in names(folder) for folder in path.parents if names(folder))

    return is_ours
