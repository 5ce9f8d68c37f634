"""Writing files so that no half-written file has the final name, and reading whole files."""

import contextlib
import hashlib
import json
import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from maskpose.errors import InputError, reason
from maskpose.io.locks import FileLock
from maskpose.io.paths import MOST_BYTES_OF_NAME, PathLike
from maskpose.io.text import decode_text, parse_json, split_lines

REPOSITORY = Path(__file__).parents[3]  # where this package lies in a checkout
SHIPPED = Path(__file__).parents[1] / "shipped"  # prototxt/ and weights/ of an installed package; setup.py fills it
MARK, FILLING = ".made-by-maskpose", ".filling.lock"  # in a folder of ``fresh_folder``
PARTIAL = ".partial-"  # begins the names of files that are being written
NAMES = ".maskpose-files.json"  # in a folder that may hold others' files too: the names of the files that runs wrote


def shipped(name: str) -> Path:
    """The path of a file that comes with this package, such as "weights/compact_mask_pose.caffemodel".

    An installed package holds it; in a checkout it lies in the repository. It need not exist.
    """
    return (SHIPPED if SHIPPED.is_dir() else REPOSITORY) / name


def make_folder(path: PathLike) -> None:
    """Make a folder unless it exists. Raises InputError if it cannot be made."""
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"the folder {path} cannot be made: {reason(error)}") from None


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


def existing_path(path: PathLike) -> Path:
    """Return ``path`` as a Path. Raises InputError if nothing is there."""
    if not os.path.exists(path):
        raise InputError(f"{path}: no such file or folder")
    return Path(path)


def refuse_existing(path: PathLike) -> None:
    """Raise InputError if ``path`` exists: what is made once is never overwritten."""
    if os.path.lexists(path):
        raise InputError(f"{path} exists already: remove it or choose another name")


@contextlib.contextmanager
def new_folder(path: PathLike) -> Iterator[Path]:
    """Give a folder beside ``path`` to fill; rename it to ``path`` afterwards, or remove it on an error.

    Raises:
        InputError: ``path`` exists, another process makes it, or the disk refuses it.
    """
    path = Path(path)
    make_folder(path.parent)
    with FileLock(path.with_name(f".{path.name}.lock"), path):
        refuse_existing(path)
        partial = path.with_name(f"{path.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        try:
            make_folder(partial)
            yield partial
            os.rename(partial, path)
        except OSError as error:
            raise InputError(f"{path} cannot be made: {reason(error)}") from None
        finally:
            shutil.rmtree(partial, ignore_errors=True)


@contextlib.contextmanager
def fresh_folder(path: PathLike) -> Iterator[Path]:
    """Give an empty folder to fill. A folder that an earlier call made is emptied.

    Raises:
        InputError: the folder holds other files, another process fills it, or it was removed or replaced meanwhile.
    """
    path = Path(path)
    make_folder(path)
    with FileLock(path / FILLING, path):
        former = [entry for entry in path.iterdir() if entry.name not in (FILLING, MARK)]
        if former and not (path / MARK).is_file():
            raise InputError(f"{path} holds files that are not this program's: choose another folder")
        write_text(path / MARK, "")
        try:
            for entry in former:
                shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
        except OSError as error:
            raise InputError(f"{path} cannot be emptied: {reason(error)}") from None
        folder = OutputFolder(path)
        folder.check()
        yield path
        folder.check()


class OutputFolder:
    """A folder that receives several files, one after the other; ``check`` notices that it was removed meanwhile.

    ``write_text`` and the other writers make missing folders: without a check, earlier files would be lost silently.
    """

    def __init__(self, path: PathLike):
        self.path = Path(path)
        self._first: os.stat_result | None = None

    def check(self) -> None:
        """Raise InputError unless the folder is still the one of the first call. Call it after each file."""
        if self._first is None:
            with contextlib.suppress(OSError):
                self._first = os.stat(self.path)
        if self._first is None or not _is_at(self.path, self._first):
            raise InputError(f"{self.path} was removed or replaced while it was written: files are lost")


def _is_at(path: PathLike, status: os.stat_result) -> bool:
    """Return whether ``path`` names the file or folder that ``status``, of os.stat, describes."""
    try:
        return os.path.samestat(os.stat(path), status)
    except OSError:
        return False


def check_writable(folder: PathLike) -> None:
    """Raise InputError if no file can be written in ``folder``, or where it would be made: a check before long work."""
    absolute = Path(folder).absolute()
    try:
        existing = next(path for path in (absolute, *absolute.parents) if path.exists())
        partial = existing / f"{PARTIAL}{os.getpid()}"
        partial.touch()
        partial.unlink()
    except OSError as error:
        raise InputError(f"{folder} cannot be written: {reason(error)}") from None


def check_output(path: PathLike | None) -> None:
    """Raise InputError if no file can be written at ``path``, as ``check_writable`` does. None: no file is wanted."""
    if path is None:
        return
    if Path(path).is_dir():
        raise InputError(f"{path} cannot be written: it is a folder")
    check_writable(Path(path).parent)


def remove_partials(folder: PathLike) -> None:
    """Remove what killed writers left in ``folder``. No other process may write into it meanwhile."""
    for path in Path(folder).glob(f"{PARTIAL}*"):
        if path.is_file():
            remove(path)


def remove(path: PathLike) -> None:
    """Remove a file if it exists. Raises InputError if it cannot be removed."""
    try:
        Path(path).unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{path} cannot be removed: {reason(error)}") from None


@contextlib.contextmanager
def atomic_path(path: PathLike) -> Iterator[Path]:
    """Give a path beside ``path`` to write to; rename it to ``path`` afterwards, or remove it on an error.

    The given path has the suffix of ``path``, since many libraries choose the format by it.

    Raises:
        InputError: the folder cannot be written. This is checked first.
    """
    path = Path(path)
    partial = _partial(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.touch()  # libraries have errors of their own for what cannot be written
        yield partial
        os.replace(partial, path)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {reason(error)}") from None
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()


def _partial(path: Path) -> Path:
    """Return the path beside ``path``, of the same suffix, that is written first.

    Raises:
        InputError: no file can have the name ``path``.
    """
    if "\0" in str(path):
        raise InputError(f"{str(path)!r} is not the name of a file")
    name = f"{PARTIAL}{os.getpid()}-{path.name}"
    if len(os.fsencode(name)) > MOST_BYTES_OF_NAME:
        name = f"{PARTIAL}{os.getpid()}-{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]}{path.suffix[-20:]}"
    return path.with_name(name)


class GrowingFile:
    """A file that grows by whole lines or entries, as a log does, while others may read it. It may be a pipe.

    The first ``write`` makes it. Each line or entry is in the file once ``write`` has returned.
    """

    def __init__(self, path: PathLike, anew: bool = False):
        """Prepare the file; nothing is written yet.

        Args:
            path: of the file.
            anew: whether the first ``write`` empties an existing file; otherwise lines are added to it.
        """
        self.path = Path(path)
        self._flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | (os.O_TRUNC if anew else 0)
        self._file: int | None = None

    def write(self, data: str | bytes) -> None:
        """Add whole lines of text, or entries of bytes; an error adds nothing.

        Raises:
            InputError: the file cannot be written.
        """
        size = None
        try:
            if self._file is None:
                make_folder(self.path.parent)
                self._file = os.open(self.path, self._flags, 0o666)
            rest, size = data.encode() if isinstance(data, str) else data, os.fstat(self._file).st_size
            while rest:
                rest = rest[os.write(self._file, rest) :]
        except OSError as error:
            if self._file is not None and size is not None:
                with contextlib.suppress(OSError):  # a pipe cannot be shortened
                    os.ftruncate(self._file, size)
                    if not size:
                        self.path.unlink()
            raise InputError(f"{self.path} cannot be written: {reason(error)}") from None

    def flush(self) -> None:
        """Do nothing: lines are written at once."""

    def close(self) -> None:
        """Release the file.

        Raises:
            InputError: the file was removed or replaced meanwhile, so that its lines are lost.
        """
        if self._file is None:
            return
        try:
            written = os.fstat(self._file)
            is_lost = stat.S_ISREG(written.st_mode) and not _is_at(self.path, written)
        finally:
            os.close(self._file)
            self._file = None
        if is_lost:
            raise InputError(f"{self.path} was removed or replaced while it was written")

    def __enter__(self) -> "GrowingFile":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, traceback: object) -> None:
        with contextlib.suppress(InputError) if kind else contextlib.nullcontext():
            self.close()


def write_text(path: PathLike, text: str) -> None:
    """Write a text file in UTF-8, whole or not at all. Raises InputError as ``atomic_path`` does."""
    write_bytes(path, _encoded(path, text))


def write_bytes(path: PathLike, data: bytes | bytearray | memoryview) -> None:
    """Write a file, whole or not at all. Raises InputError as ``atomic_path`` does."""
    with atomic_path(path) as partial:
        partial.write_bytes(data)


def write_new_text(path: PathLike, text: str) -> bool:
    """Write a text file, whole or not at all, unless ``path`` exists; return whether it was written.

    Raises:
        InputError: the file cannot be written.
    """
    path = Path(path)
    data = _encoded(path, text)
    partial = _partial(path)
    try:
        partial.write_bytes(data)
        os.link(partial, path)  # unlike a rename, it never replaces a file that another process has made
    except FileExistsError:
        return False
    except OSError as error:
        raise InputError(f"{path} cannot be written: {reason(error)}") from None
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()
    return True


def _encoded(path: PathLike, text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        odd = ascii(text[max(0, error.start - 20) : error.end])
        raise InputError(f"{path} cannot be written: {odd} is not text (a file's name that is not UTF-8?)") from None


def link_or_copy(source: PathLike, target: PathLike) -> None:
    """Make ``target`` a hard link to ``source``, or a copy if the disk has no such links."""
    try:
        os.link(source, target)
    except OSError:
        with atomic_path(target) as partial:
            shutil.copyfile(source, partial)


def read_bytes(path: PathLike) -> bytes:
    """Return the bytes of a file.

    Raises:
        InputError: the file is missing, a folder or unreadable, or no file can have this name.
    """
    try:
        with open(path, "rb", buffering=0) as file:
            return file.readall()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {reason(error)}") from None
    except ValueError:  # a zero in it, or half a character
        raise InputError(f"{str(path)!r} is not the name of a file") from None


def sha256(path: PathLike) -> str:
    """Return the SHA-256 of a file as hexadecimal digits. Raises InputError if the file cannot be read."""
    return hashlib.sha256(read_bytes(path)).hexdigest()


def read_text(path: PathLike, odd_lines: bool = False) -> str:
    """Return the text of a file, decoded by maskpose.io.text.decode_text, which explains ``odd_lines``.

    Raises:
        InputError: the file cannot be read, or is not text.
    """
    return decode_text(read_bytes(path), str(path), odd_lines)


def read_json(path: PathLike) -> Any:
    """Return what a JSON file holds. Raises InputError as ``read_text`` and maskpose.io.text.parse_json do."""
    return parse_json(read_bytes(path), str(path))


def read_lines(path: PathLike) -> list[str]:
    """Return the non-empty lines of a text file, stripped. Raises InputError as ``read_text`` does."""
    return [line.strip() for line in split_lines(read_text(path)) if line.strip()]


def refuse_clashes(written: Iterable[tuple[PathLike | None, str]], read: Iterable[PathLike] = ()) -> None:
    """Raise InputError if a run would write one file twice, or overwrite a file that it reads.

    Args:
        written: pairs of a path, or None, and what writes it, for messages.
        read: paths of files that the run reads.
    """
    inputs = {os.path.realpath(path) for path in read}
    makers: dict[str, str] = {}
    for path, maker in written:
        if path is None:
            continue
        real = os.path.realpath(path)
        if real in inputs:
            raise InputError(f"{path} is read by this run, and {maker} would write over it: choose another output")
        if real in makers:
            raise InputError(f"{makers[real]} and {maker} would both write {path}")
        makers[real] = maker


def refuse_foreign(folder: PathLike, names: Iterable[str]) -> None:
    """Raise InputError if ``folder`` holds a file of ``names`` that ``note_names`` does not keep as ours."""
    ours = noted_names(folder)
    for name in names:
        if name not in ours and os.path.lexists(Path(folder) / name):
            raise InputError(f"{Path(folder) / name} exists, and no earlier run wrote it: choose another folder")


def note_names(folder: PathLike, names: Iterable[str]) -> None:
    """Keep in ``folder`` that the files ``names``, relative to it, are ours. Several ranks may call it at once."""
    write_text(Path(folder) / NAMES, _listed(sorted({*names, *noted_names(folder)})))


def drop_absent_names(folder: PathLike) -> None:
    """Drop, from the names that ``note_names`` keeps in ``folder``, those whose files do not exist."""
    kept = sorted(name for name in noted_names(folder) if os.path.lexists(Path(folder) / name))
    if kept:
        write_text(Path(folder) / NAMES, _listed(kept))
    else:
        (Path(folder) / NAMES).unlink(missing_ok=True)


def noted_names(folder: PathLike) -> set[str]:
    """Return the names that ``note_names`` keeps in ``folder``. Raises InputError if its list is damaged."""
    path = Path(folder) / NAMES
    names = read_json(path) if path.is_file() else []
    if not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        raise InputError(f"{path} is damaged: choose another folder")
    return set(names)


def _listed(names: Iterable[str]) -> str:
    lines = ",\n".join(map(json.dumps, names))
    return f"[{lines}]\n"
