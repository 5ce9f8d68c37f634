"""Which photographs a command is about: files, folders, patterns; and what each one's results are called."""

import glob
from dataclasses import dataclass
from pathlib import Path

from maskpose.errors import InputError

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
    """[Photograph] of paths, of folders (all pictures in and below them) and of quoted patterns such as 'a/*.jpg'.

    In the order of ``arguments``, within a folder or pattern by name. Raises InputError for a folder without pictures,
    a pattern that fits nothing, and where the results of two photographs would have the same name. A file that is
    missing is no error here: reading it is.
    """
    found = []
    for argument in map(str, arguments):
        path = Path(argument)
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
            if not inside:
                raise InputError(f"{path} holds no pictures ({', '.join(sorted(SUFFIXES))})")
            found += [Photograph(p, str(p.relative_to(path).with_suffix(""))) for p in inside]
        elif not path.exists() and glob.has_magic(argument):
            fitting = sorted(map(Path, glob.glob(argument, recursive=True)))
            if not fitting:
                raise InputError(f"no file is called like {argument}")
            found += [Photograph(p, p.stem) for p in fitting if p.is_file()]
        else:
            found.append(Photograph(path, path.stem))
    seen = {}
    for one in found:
        if (other := seen.setdefault(one.key, one)) is not one:
            raise InputError(f"{other.path} and {one.path} would both write {one.key}.json: run them apart")
    return found
