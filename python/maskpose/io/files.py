"""Writing files so that a half-written one never stands under the final name."""

import contextlib
import hashlib
import json
import os
import shutil
import stat
from pathlib import Path

from maskpose.errors import InputError, reason
from maskpose.io.locks import FileLock
from maskpose.io.paths import MOST_BYTES_OF_NAME
from maskpose.io.text import decode_text, parse_json, split_lines

REPOSITORY = Path(__file__).parents[3]  # prototxt/ and weights/ are there
MARK, FILLING = ".made-by-maskpose", ".filling.lock"  # in a folder of ``fresh_folder``
PARTIAL = ".partial-"  # begins the names of files that are being written
NAMES = ".maskpose-files.json"  # what runs have written into a folder that may hold others' files too


def make_folder(path):
    """Make a folder where there is none; InputError where that cannot be."""
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{path} cannot be made a folder: {reason(error)}") from None


def refuse_existing(path):
    """Raise InputError where ``path`` is there: what is made once is never overwritten."""
    if os.path.lexists(path):
        raise InputError(f"{path} exists already: remove it or choose another name")


@contextlib.contextmanager
def new_folder(path):
    """Give a folder beside ``path`` to fill; rename it to ``path`` afterwards, or remove it on an error.

    Raises InputError where ``path`` is there, another process makes it, and where the disk does not take it.
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
def fresh_folder(path):
    """Give an empty folder to fill; one that an earlier call made is emptied.

    Raises InputError where it holds other files, where another process fills it, and where it was removed or replaced
    meanwhile.
    """
    path = Path(path)
    make_folder(path)
    with FileLock(path / FILLING, path):
        former = [one for one in path.iterdir() if one.name not in (FILLING, MARK)]
        if former and not (path / MARK).is_file():
            raise InputError(f"{path} holds files that are not this program's: choose another folder")
        write_text(path / MARK, "")
        try:
            for one in former:
                shutil.rmtree(one) if one.is_dir() and not one.is_symlink() else one.unlink()
        except OSError as error:
            raise InputError(f"{path} cannot be emptied: {reason(error)}") from None
        whole = OutputFolder(path)
        whole.check()
        yield path
        whole.check()


class OutputFolder:
    """A folder that several files are written into, one after the other: it is noticed if it is removed meanwhile.

    ``write_text`` and its like make folders that are missing, so that files that were written before would be lost
    without a word.
    """

    def __init__(self, path: str | os.PathLike):
        self.path = Path(path)
        self._first = None

    def check(self) -> None:
        """To be called after each file. Raises InputError unless the folder is the one that it was at the first."""
        if self._first is None:
            with contextlib.suppress(OSError):
                self._first = os.stat(self.path)
        if self._first is None or not _is_at(self.path, self._first):
            raise InputError(f"{self.path} was removed or replaced while it was written: files are lost")


def _is_at(path, status):
    """Whether what ``path`` names is the file or folder that ``status``, of os.stat, was taken of."""
    try:
        return os.path.samestat(os.stat(path), status)
    except OSError:
        return False


def check_writable(folder):
    """Raise InputError if no file can be written in ``folder``, or where it is to be made, before long work."""
    absolute = Path(folder).absolute()
    try:
        there = next(path for path in (absolute, *absolute.parents) if path.exists())
        partial = there / f"{PARTIAL}{os.getpid()}"
        partial.touch()
        partial.unlink()
    except OSError as error:
        raise InputError(f"{folder} cannot be written: {reason(error)}") from None


def check_output(path):
    """As ``check_writable`` of a file that is to be written at ``path``; None: no file is asked for."""
    if path is None:
        return
    if Path(path).is_dir():
        raise InputError(f"{path} cannot be written: it is a folder")
    check_writable(Path(path).parent)


def remove_partials(folder):
    """Remove what writers that were killed left in ``folder``; only for one that others do not write into meanwhile."""
    for path in Path(folder).glob(f"{PARTIAL}*"):
        if path.is_file():
            remove(path)


def remove(path):
    """Remove a file if it is there; InputError where that cannot be."""
    try:
        Path(path).unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{path} cannot be removed: {reason(error)}") from None


@contextlib.contextmanager
def atomic_path(path):
    """Give a path beside ``path`` to write to; rename it to ``path`` afterwards, or remove it on an error.

    The suffix is kept, as many libraries choose the format by it. Raises InputError where the folder cannot
    be written, before anything else is done.
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


def _partial(path):
    """The path beside ``path``, of the same suffix, under which it is written. Raises InputError for a name of none."""
    if "\0" in str(path):
        raise InputError(f"{str(path)!r} is not the name of a file")
    name = f"{PARTIAL}{os.getpid()}-{path.name}"
    if len(os.fsencode(name)) > MOST_BYTES_OF_NAME:
        name = f"{PARTIAL}{os.getpid()}-{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]}{path.suffix[-20:]}"
    return path.with_name(name)


class GrowingFile:
    """A file that grows by whole lines or records, as a log does, and that others may read meanwhile.

    It is made, or emptied, at the first; each is in it once ``write`` has returned. A pipe serves as well.
    """

    def __init__(self, path: str | os.PathLike, anew: bool = False):
        """anew: begin with an empty file, where lines are added to one that is there otherwise."""
        self.path = Path(path)
        self._flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | (os.O_TRUNC if anew else 0)
        self._file = None

    def write(self, data: str | bytes) -> None:
        """Add whole lines of text, or records, or nothing. Raises InputError where it cannot be written."""
        size = None
        try:
            if self._file is None:
                make_folder(self.path.parent)
                self._file = os.open(self.path, self._flags, 0o666)
            rest, size = data.encode() if isinstance(data, str) else data, os.fstat(self._file).st_size
            while rest:
                rest = rest[os.write(self._file, rest) :]
        except OSError as error:
            if size is not None:
                with contextlib.suppress(OSError):  # as of a pipe
                    os.ftruncate(self._file, size)
                    if not size:
                        self.path.unlink()
            raise InputError(f"{self.path} cannot be written: {reason(error)}") from None

    def flush(self) -> None:
        """Do nothing: lines are written at once."""

    def close(self) -> None:
        """Release the file. Raises InputError if it was removed or replaced meanwhile, so that its lines are lost."""
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

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        with contextlib.suppress(InputError) if kind else contextlib.nullcontext():
            self.close()


def write_text(path, text):
    """Write a text file in UTF-8, whole or not at all."""
    write_bytes(path, _encoded(path, text))


def write_bytes(path, data):
    """Write a file, whole or not at all. Raises InputError as ``atomic_path``."""
    with atomic_path(path) as partial:
        partial.write_bytes(data)


def write_new_text(path, text):
    """Write a text file, whole or not at all, where there is none; give whether it was written."""
    path = Path(path)
    data = _encoded(path, text)
    partial = _partial(path)
    try:
        partial.write_bytes(data)
        os.link(partial, path)  # unlike a rename, it never replaces what came in the meantime
    except FileExistsError:
        return False
    except OSError as error:
        raise InputError(f"{path} cannot be written: {reason(error)}") from None
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()
    return True


def _encoded(path, text):
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        odd = ascii(text[max(0, error.start - 20) : error.end])
        raise InputError(f"{path} cannot be written: {odd} is not text (a file's name that is not UTF-8?)") from None


def link_or_copy(source, target):
    """Make ``target`` the same file as ``source``, or a copy of it where the disk has no such links."""
    try:
        os.link(source, target)
    except OSError:
        with atomic_path(target) as partial:
            shutil.copyfile(source, partial)


def read_bytes(path):
    """The bytes of a file; InputError where it is missing, a folder or unreadable, or its name is none."""
    try:
        with open(path, "rb", buffering=0) as file:
            return file.readall()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {reason(error)}") from None
    except ValueError:  # a zero in it, or half a character
        raise InputError(f"{str(path)!r} is not the name of a file") from None


def sha256(path):
    """The SHA-256 of a file in hexadecimal digits; InputError where it cannot be read."""
    return hashlib.sha256(read_bytes(path)).hexdigest()


def read_text(path, odd_lines=False):
    """A text file's text, as maskpose.io.text.decode_text gives it; InputError where it cannot be read or is none."""
    return decode_text(read_bytes(path), str(path), odd_lines)


def read_json(path):
    """What a JSON file holds; InputError as ``read_text`` and maskpose.io.text.parse_json raise it."""
    return parse_json(read_bytes(path), str(path))


def read_lines(path):
    """The non-empty lines of a text file, stripped; InputError where it cannot be read."""
    return [line.strip() for line in split_lines(read_text(path)) if line.strip()]


def refuse_clashes(written, read=()):
    """Raise InputError where a run would write one file twice, or one that it reads.

    written: pairs of a path, or None, and what it is written for; read: paths.
    """
    read = {os.path.realpath(path) for path in read}
    makers = {}
    for path, maker in written:
        if path is None:
            continue
        real = os.path.realpath(path)
        if real in read:
            raise InputError(f"{path} is read by this run, and {maker} would write over it: choose another output")
        if real in makers:
            raise InputError(f"{makers[real]} and {maker} would both write {path}")
        makers[real] = maker


def refuse_foreign(folder, names):
    """Raise InputError where a file of ``names`` is in ``folder`` that ``note_names`` was not told of."""
    ours = noted_names(folder)
    for name in names:
        if name not in ours and os.path.lexists(Path(folder) / name):
            raise InputError(f"{Path(folder) / name} is there, and no earlier run wrote it: choose another folder")


def note_names(folder, names):
    """Keep in ``folder`` that files of ``names``, relative to it, are this program's; ranks may do so at once."""
    write_text(Path(folder) / NAMES, _listed(sorted({*names, *noted_names(folder)})))


def drop_absent_names(folder):
    """Of the names that ``note_names`` keeps in ``folder``, keep those of files that are there."""
    kept = sorted(name for name in noted_names(folder) if os.path.lexists(Path(folder) / name))
    if kept:
        write_text(Path(folder) / NAMES, _listed(kept))
    else:
        (Path(folder) / NAMES).unlink(missing_ok=True)


def noted_names(folder):
    """The set of names that ``note_names`` keeps in ``folder``."""
    path = Path(folder) / NAMES
    names = read_json(path) if path.is_file() else []
    if not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        raise InputError(f"{path} is damaged: choose another folder")
    return set(names)


def _listed(names):
    lines = ",\n".join(map(json.dumps, names))
    return f"[{lines}]\n"
