"""Which images a command is about, from files, folders and patterns, and what the results of each are called."""

import collections
import functools
import glob
import itertools
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from maskpose.errors import InputError, printable
from maskpose.io.files import noted_names
from maskpose.io.image_kinds import HEAD, SUFFIXES, UNREAD_SUFFIXES, kind_of

MAX_NAMED = 10  # skipped files of a folder that are named


@dataclass(frozen=True)
class ImageFile:
    """The path of an image, and the path of its results without a suffix, below the folder they are written to."""

    path: Path
    key: str

    @property
    def name(self) -> str:
        """The file's name, below the folder that was given."""
        return str(Path(self.key).parent / self.path.name)


def find_images(arguments: Iterable[str | Path], quiet: bool = False) -> list[ImageFile]:
    """Return the images that files, folders and quoted patterns such as 'a/**/*.jpg' name, each once.

    They are in the order of ``arguments``; the images of a folder (and those below it) or pattern are in the order of
    their names. In a folder, a file is an image by its suffix or its first bytes. Hidden files and results of earlier
    runs are skipped. A missing file is no error here, but when it is read.

    The keys keep the folders below the folder given, or below the part of the pattern before its first wildcard. They
    are without the image's suffix, unless two names differ in the suffix alone.

    Args:
        arguments: files, folders and patterns.
        quiet: do not report on stderr which files of a folder look like images and are not read.

    Raises:
        InputError: a folder has no images, or a pattern fits no file.
    """
    found: list[ImageFile] = []
    is_result = _memory_of_results()
    for argument in map(str, arguments):
        path = Path(argument)
        if path.is_dir():
            top, (candidates, skipped) = path, _images_below(path)
            problem = f"{path} holds no images ({', '.join(sorted(SUFFIXES))})"
            if skipped and not quiet:
                more = f" and {len(skipped) - MAX_NAMED} more" if len(skipped) > MAX_NAMED else ""
                print(printable(f"skipped in {path}: {', '.join(skipped[:MAX_NAMED])}{more}"), file=sys.stderr)
        elif not path.exists() and glob.has_magic(argument):
            top = Path(*itertools.takewhile(lambda part: not glob.has_magic(part), path.parts))
            candidates = [p for p in sorted(map(Path, glob.glob(argument, recursive=True))) if p.is_file()]
            problem = f"no file fits the pattern {argument}"
        else:
            found.append(ImageFile(path, _key(Path(path.name))))
            continue
        paths = [p for p in candidates if not is_result(p)]
        if not paths:
            raise InputError(f"{problem}, except results of earlier runs" if candidates else problem)
        names = [_name_below(p.relative_to(top)) for p in paths]
        counts = collections.Counter(map(_key, names))
        found += [ImageFile(p, _key(name) if counts[_key(name)] == 1 else str(name)) for p, name in zip(paths, names)]
    return list(dict.fromkeys(found))


def _name_below(name: Path) -> Path:
    """Return a relative path without ".."; if a pattern led out of its first folder, the file's name alone."""
    name = Path(os.path.normpath(name))
    return Path(name.name) if name.parts[0] == ".." else name


def _key(name: Path) -> str:
    """Return a path without the suffix of an image; ``frame.0001`` keeps its whole name."""
    return str(name.with_suffix("") if name.suffix.lower() in SUFFIXES else name)


def _images_below(top: Path) -> tuple[list[Path], list[str]]:
    """Return the images in a folder and below it, and what is skipped there: names with reasons."""
    images, skipped = [], []

    def note_unreadable(error: OSError) -> None:
        skipped.append(f"{os.path.relpath(error.filename, top)} ({error.strerror})")

    for path in sorted(_visible_files_below(top, note_unreadable)):
        if path.is_dir():
            skipped.append(f"{path.relative_to(top)} (a link to a folder)")
        elif (is_read := _is_image(path)) is not None:
            if is_read:
                images.append(path)
            else:
                skipped.append(f"{path.relative_to(top)} (of a kind that is not read)")
    return images, skipped


def _is_image(path: Path) -> bool | None:
    """True for an image, False for an image of a kind that is not read, None for any other file."""
    suffix = path.suffix.lower()
    if suffix in SUFFIXES:
        return path.is_file() or not path.exists() or None  # of a broken link, reading it is the error
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
        return False  # raw files of cameras begin as a TIFF does
    return True if kind else None


def _visible_files_below(top: Path, on_error: Callable[[OSError], None]) -> Iterator[Path]:
    """Yield the files in a folder and below it, and links to folders, which are not followed; nothing hidden."""
    for folder, folders, files in os.walk(top, onerror=on_error):
        folders[:] = [name for name in folders if not name.startswith(".")]
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        yield from (Path(folder, name) for name in [*files, *links] if not name.startswith("."))


def _memory_of_results() -> Callable[[Path], bool]:
    """Return a function that says whether an earlier run wrote a file."""
    names = functools.cache(noted_names)

    def is_result(path: Path) -> bool:
        path = Path(os.path.abspath(path))
        return any(str(path.relative_to(folder)) in names(folder) for folder in path.parents if names(folder))

    return is_result
