"""The LMDB of samples: keys 00000000, 00000001 …, and one key more that says what the database is."""

import contextlib
import hashlib
import json
import os
import shutil
import time
from pathlib import Path

import lmdb

from maskpose import __version__
from maskpose.data.sample import Sample
from maskpose.errors import InputError
from maskpose.io import values
from maskpose.io.files import make_folder, read_json, refuse_existing, write_text
from maskpose.io.lmdb_file import LmdbFile
from maskpose.io.locks import FileLock
from maskpose.io.printable import short_repr
from maskpose.io.text import parse_json

ABOUT_KEY = b"about"
STATE_KEY = b"state"  # of a database that is being written
STATE = ("count", "bytes", "masks", "sources", "digest", "position", "problems")
TOGETHER = 16 << 20  # bytes that are written at once
FORMAT = "maskpose.Record"
FORMAT_VERSION = 2
KINDS = {"count": int, "masks": int, "sources": dict, "sha256": str}  # of what the database says of itself
FIRST_MAP_SIZE = 64 << 20


class Writer:
    """Writes a database beside its final name and renames it when whole.

    As a context manager: leaving by an exception removes what was written, unless the user or the disk stopped it: then
    another Writer of the same plan goes on. ``manifest.json`` beside the data repeats what the database says of itself,
    for people, and how long the data's file is.
    """

    def __init__(self, path, about, plan):
        """``about``: what the manifest should say besides, JSON-able. ``plan``: what is going to be written, in a text
        that differs when that differs. Afterwards ``position`` is how far an earlier Writer of that plan had come, by
        its own ``mark``, else 0.

        Raises InputError if ``path`` exists, is being written by another process, or cannot be written.
        """
        self.path = Path(path)
        self.partial = self.path.with_name(f"{self.path.name}.partial")
        self.about, self.plan = about, plan
        self._waiting, self._waiting_bytes = [], 0
        self._keep = False
        refuse_existing(self.path)
        self._made_parent = not self.path.parent.exists()
        make_folder(self.path.parent)
        self._lock = FileLock(self.partial.with_name(f".{self.partial.name}.lock"), self.path)
        self._restart()
        try:
            self.env = lmdb.open(str(self.partial), map_size=FIRST_MAP_SIZE, sync=False, writemap=False, lock=False)
        except (OSError, lmdb.Error) as error:
            self._leave(keep=self.position > 0)
            raise InputError(f"{self.path} cannot be written: {error}") from None

    def put(self, sample, data):
        """Add a sample, and ``data``, its record, at the end."""
        self._waiting.append((b"%08d" % self.count, data))
        self._waiting_bytes += len(data)
        self.count += 1
        self.bytes += len(data)
        self.digest = chain_digest(self.digest, data)
        self.masks += bool(sample.mask)
        self.sources[sample.origin] = self.sources.get(sample.origin, 0) + 1

    def mark(self, position, problems=()):
        """All samples of the plan's first ``position`` parts have been put; ``problems``: what there is to tell."""
        self.position, self.problems = position, list(problems)
        if self._waiting_bytes > TOGETHER:
            self._flush()

    def _restart(self):
        """Take up what an earlier Writer of the same plan left, or remove it."""
        self.count = self.bytes = self.masks = self.position = 0
        self.sources, self.problems, self.digest = {}, [], ""
        with contextlib.suppress(InputError, KeyError, TypeError):
            state = self._left_state()
            if state["plan"] == self.plan:
                left = {name: state[name] for name in STATE}
                vars(self).update(left)
                return
        shutil.rmtree(self.partial, ignore_errors=True)

    def _left_state(self):
        """The state that an earlier Writer left in ``partial``, or None. Raises InputError where that is damaged."""
        with contextlib.closing(LmdbFile(self.partial)) as left:
            return parse_json(left.get(STATE_KEY) or b"null", f"{self.partial}: its state")

    def _flush(self):
        """Write what waits, and how far it goes, all or nothing."""
        state = {name: getattr(self, name) for name in ("plan", *STATE)}
        while True:
            try:
                with self.env.begin(write=True) as txn:
                    for key, data in self._waiting:
                        txn.put(key, data)
                    txn.put(STATE_KEY, json.dumps(state).encode())
                break
            except lmdb.MapFullError:
                self.env.set_mapsize(2 * self.env.info()["map_size"])
            except lmdb.Error as error:
                raise self._interrupted(error) from None
        self._waiting, self._waiting_bytes = [], 0

    def _interrupted(self, error):
        """The InputError to raise as the disk takes no more; what it has taken is kept."""
        self._keep = True
        return InputError(
            f"{self.path} cannot be written: {error}; {self.partial} keeps what there is, and the same command goes on"
        )

    def close(self):
        """Finish: write what the database says of itself, sync, rename. Raises InputError as ``put`` does."""
        about = {
            "format": FORMAT,
            "version": FORMAT_VERSION,
            "count": self.count,
            "masks": self.masks,
            "bytes": self.bytes,
            "sources": dict(sorted(self.sources.items())),
            "sha256": self.digest,
            "written": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "maskpose": __version__,
            **self.about,
        }
        self._waiting.append((ABOUT_KEY, json.dumps(about, indent=1).encode()))
        self._flush()
        try:
            with self.env.begin(write=True) as txn:
                txn.delete(STATE_KEY)
            self.env.sync(True)
            self.env.close()
            about["data_bytes"] = (self.partial / "data.mdb").stat().st_size
            write_text(self.partial / "manifest.json", json.dumps(about, indent=1) + "\n")
            os.rename(self.partial, self.path)
        except (OSError, lmdb.Error) as error:
            raise self._interrupted(error) from None
        self._lock.release()

    def abandon(self):
        """Remove what was written, or leave it to be gone on with."""
        self.env.close()
        self._leave(self._keep)

    def _leave(self, keep):
        if not keep:
            shutil.rmtree(self.partial, ignore_errors=True)
        self._lock.release()
        if self._made_parent:
            with contextlib.suppress(OSError):  # it holds something by now
                self.path.parent.rmdir()

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        if kind is None:
            try:
                self.close()
            except BaseException:
                self.abandon()
                raise
            return
        if not issubclass(kind, Exception):  # Ctrl-C
            with contextlib.suppress(InputError):
                self._flush()
            self._keep = True
        self.abandon()


def chain_digest(before, data):
    """SHA-256, as hexadecimal digits, of such digits of all that came before and the bytes of one more record."""
    total = hashlib.sha256(before.encode())
    total.update(data)
    return total.hexdigest()


def _opened(path):
    """The LmdbFile of a database. Raises InputError that says what else ``path`` is."""
    if path.is_file():
        holder = path.parent if path.name == "data.mdb" else "an LMDB, a folder with data.mdb in it,"
        raise InputError(f"{path} is a file: give {holder} instead")
    if not (path / "data.mdb").exists():
        raise InputError(f"{path} is not an LMDB: it has no data.mdb (make one with `make lmdb`)")
    return LmdbFile(path)


def find_databases(path: str | os.PathLike) -> list[Path]:
    """The database ``path`` itself, or the databases in that folder and one level further down, by name.

    Raises InputError where there is none.
    """
    path = Path(path)
    if not path.is_dir() or (path / "data.mdb").exists():
        return [path]
    found = sorted(data.parent for depth in ("*", "*/*") for data in path.glob(f"{depth}/data.mdb"))
    found = [one for one in found if one.suffix != ".partial"]
    if not found:
        raise InputError(f"{path} is not an LMDB, and holds none: it has no data.mdb (make one with `make lmdb`)")
    return found


def _noted_bytes(path):
    """How long data.mdb was when it was written, as the manifest says, or 0."""
    with contextlib.suppress(InputError):
        noted = read_manifest(path).get("data_bytes")
        return noted if type(noted) is int else 0
    return 0


def read_manifest(path):
    """What a database says of itself, as a dict. Raises InputError where its manifest.json is missing or damaged."""
    file = Path(path) / "manifest.json"
    return values.json_object(read_json(file), file)


class Reader:
    """A database opened for reading: a sequence of samples. Any number of processes may have it open."""

    def __init__(self, path):
        """Raises InputError where ``path`` is not a whole, non-empty database of ours."""
        self.path = Path(path)
        self._file = _opened(self.path)
        try:
            self.about = self._checked_about()
            self.count = self.about["count"]
            self._refuse_incomplete()
        except BaseException:
            self._file.close()
            raise

    def _checked_about(self):
        """What the database says of itself, a dict. Raises InputError where it is not ours, or is empty."""
        foreign = f"{self.path} is not a maskpose database: make one with `make lmdb`"
        try:
            about = parse_json(self._file.get(ABOUT_KEY) or b"null", str(self.path))
        except InputError:
            raise InputError(foreign) from None
        if not isinstance(about, dict) or about.get("format") != FORMAT:
            raise InputError(foreign)
        if about.get("version") != FORMAT_VERSION:
            raise InputError(
                f"{self.path} has format version {short_repr(about.get('version'))}, this program reads "
                f"{FORMAT_VERSION}: make it again with `make lmdb`"
            )
        for key, kind in KINDS.items():
            if key in about and type(about[key]) is not kind:
                raise InputError(f"{self.path} is damaged: its {key} is {short_repr(about[key])}")
        if about.get("count", -1) < 0:
            raise InputError(f"{self.path} is damaged: it does not say how many samples it holds")
        if not about["count"]:
            raise InputError(f"{self.path} is empty: it holds no samples")
        return about

    def _refuse_incomplete(self):
        """Raise InputError where data are missing: what is there of a tree may be whole by itself."""
        noted, there = _noted_bytes(self.path), (self.path / "data.mdb").stat().st_size
        if there < noted:
            raise InputError(f"{self.path} is truncated: data.mdb has {there} of {noted} bytes; copy or make it again")
        for index, key in enumerate(self._file.keys[: self.count]):
            if key != b"%08d" % index:
                raise self._missing(index)
        if self.count > len(self._file.keys):
            raise self._missing(len(self._file.keys))

    def _missing(self, index):
        return InputError(f"{self.path} is damaged: record {index} of {self.count} is missing; copy or make it again")

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        if not 0 <= index < self.count:
            raise IndexError(index)
        return Sample.parse(self.record(index), f"{self.path}: record {index}")

    def __iter__(self):
        for index in range(self.count):
            yield self[index]

    def record(self, index):
        """The bytes of a record."""
        data = self._file.get(b"%08d" % index)
        if data is None:
            raise self._missing(index)
        return data

    def digest(self):
        """The ``chained`` SHA-256 of all records in their order; the database itself says what it should be."""
        total = ""
        for index in range(self.count):
            total = chain_digest(total, self.record(index))
        return total

    def refuse_damaged(self):
        """Raise InputError where the records are not those that were written, by their checksum."""
        if self.about.get("sha256") not in (None, self.digest()):
            raise InputError(
                f"{self.path} is damaged: its records' checksum is not the one it was written with (make verify says "
                "more)"
            )

    def close(self):
        """Release the file."""
        self._file.close()
