"""Which photographs a command is about: files, folders, patterns; and what each one's results are called."""

import functools
import glob
import itertools
import os
from dataclasses import dataclass
from pathlib import Path

from maskpose.errors import InputError
from maskpose.files import noted_names

SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm"}


@dataclass(frozen=True)
class Photograph:
    """A picture's path, and its results' path without a suffix, below the folder they are written to."""

    path: Path
    key: str

    @property
    def name(self):
        """The file's name, below the folder that was given."""
        return str(Path(self.key).parent / self.path.name)


def photographs(arguments):
    """[Photograph] of paths, of folders (all pictures in and below them) and of quoted patterns such as 'a/**/*.jpg'.

    In the order of ``arguments``, within a folder or pattern by name, each once. Of a folder or pattern, hidden files
    and what earlier runs wrote are left out; results keep the folders below it, or below the part of the pattern before
    the first wildcard. Raises InputError for a folder without pictures and a pattern that fits nothing. A file that is
    missing is no error here: reading it is.
    """
    found, is_ours = [], _memory_of_results()
    for argument in map(str, arguments):
        path = Path(argument)
        if path.is_dir():
            top, inside = path, [p for p in sorted(path.rglob("*")) if _is_picture(p, path)]
            problem = f"{path} holds no pictures ({', '.join(sorted(SUFFIXES))})"
        elif not path.exists() and glob.has_magic(argument):
            top = Path(*itertools.takewhile(lambda part: not glob.has_magic(part), path.parts))
            inside = [p for p in sorted(map(Path, glob.glob(argument, recursive=True))) if p.is_file()]
            problem = f"no file is called like {argument}"
        else:
            found.append(Photograph(path, path.stem))
            continue
        others = [p for p in inside if not is_ours(p)]
        if not others:
            raise InputError(f"{problem}, but for results of earlier runs" if inside else problem)
        found += [Photograph(p, str(p.relative_to(top).with_suffix(""))) for p in others]
    return list(dict.fromkeys(found))


def _is_picture(path, top):
    hidden = any(part.startswith(".") for part in path.relative_to(top).parts)
    return path.suffix.lower() in SUFFIXES and not hidden and path.is_file()


def _memory_of_results():
    """A function that says whether an earlier run wrote a path."""
    names = functools.cache(noted_names)

    def is_ours(path):
        path = Path(os.path.abspath(path))
        return any(str(path.relative_to(folder)) in names(folder) for folder in path.parents if names(folder))

    return is_ours
