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
from maskpose.errors import InputError
from maskpose.files import make_folder, read_json, refuse_existing
from maskpose.io.locks import FileLock
from maskpose.io.text import parse_json
from maskpose.records import Sample

ABOUT_KEY = b"about"
STATE_KEY = b"state"  # of a database that is being written
STATE = ("count", "bytes", "masks", "sources", "digest", "position", "problems")
TOGETHER = 16 << 20  # bytes that are written at once
FREE_PAGES = 64  # that may be missing at a whole file's end
FORMAT = "maskpose.Record"
FORMAT_VERSION = 2
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
            self._lock.release()
            raise InputError(f"{self.path} cannot be written: {error}") from None

    def put(self, sample, data):
        """Add a sample, and ``data``, its record, at the end."""
        self._waiting.append((b"%08d" % self.count, data))
        self._waiting_bytes += len(data)
        self.count += 1
        self.bytes += len(data)
        self.digest = chained(self.digest, data)
        self.masks += bool(sample.mask)
        self.sources[sample.source] = self.sources.get(sample.source, 0) + 1

    def mark(self, position, problems=()):
        """All samples of the plan's first ``position`` parts have been put; ``problems``: what there is to tell."""
        self.position, self.problems = position, list(problems)
        if self._waiting_bytes > TOGETHER:
            self._flush()

    def _restart(self):
        """Take up what an earlier Writer of the same plan left, or remove it."""
        self.count = self.bytes = self.masks = self.position = 0
        self.sources, self.problems, self.digest = {}, [], ""
        state = None
        if (self.partial / "data.mdb").is_file():
            with contextlib.suppress(lmdb.Error, ValueError, InputError):
                state = self._left_state()
        if state and state["plan"] == self.plan:
            for name in STATE:
                setattr(self, name, state[name])
        else:
            shutil.rmtree(self.partial, ignore_errors=True)

    def _left_state(self):
        """The state that an earlier Writer left in ``partial``, or None. Raises lmdb.Error, ValueError, InputError."""
        with contextlib.closing(lmdb.open(str(self.partial), readonly=True, lock=False)) as env:
            refuse_truncated(env, self.partial)
            with env.begin() as txn:
                return parse_json(txn.get(STATE_KEY, b"null"), f"{self.partial}: its state")

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
                self._keep = True
                raise InputError(
                    f"{self.path} cannot be written: {error}; {self.partial} keeps what there is, and the same command "
                    "goes on"
                ) from None
        self._waiting, self._waiting_bytes = [], 0

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
            (self.partial / "manifest.json").write_text(json.dumps(about, indent=1) + "\n")
            os.rename(self.partial, self.path)
        except (OSError, lmdb.Error) as error:
            self._keep = True
            raise InputError(f"{self.path} cannot be written: {error}") from None
        self._lock.release()

    def abandon(self):
        """Remove what was written, or leave it to be gone on with."""
        self.env.close()
        if not self._keep:
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


def chained(before, data):
    """SHA-256, as hexadecimal digits, of such digits of all that came before and the bytes of one more record."""
    total = hashlib.sha256(before.encode())
    total.update(data)
    return total.hexdigest()


def refuse_truncated(env, path):
    """Raise InputError where the data file is shorter than the environment that it holds.

    Reading a page beyond its end would end the process without a word. The manifest says how long the file was; without
    one, the very last pages may be free ones that LMDB never wrote.
    """
    needed = (env.info()["last_pgno"] + 1 - FREE_PAGES) * env.stat()["psize"]
    with contextlib.suppress(InputError):
        needed = max(needed, manifest(path).get("data_bytes", 0))
    there = (Path(path) / "data.mdb").stat().st_size
    if there < needed:
        raise InputError(f"{path} is truncated: data.mdb has {there} of {needed} bytes; copy or make it again")


def manifest(path):
    """What a database says of itself, as a dict."""
    return read_json(Path(path) / "manifest.json")


class Reader:
    """A database opened for reading: a sequence of samples. LMDB allows one a process for the same path."""

    def __init__(self, path):
        """Raises InputError where ``path`` is not a whole, non-empty database of ours."""
        self.path = Path(path)
        if not (self.path / "data.mdb").is_file():
            raise InputError(f"{self.path} is not an LMDB: it has no data.mdb (make one with `make lmdb`)")
        try:
            self.env = lmdb.open(str(self.path), readonly=True, lock=False, readahead=False, max_readers=512)
            refuse_truncated(self.env, self.path)
            with self.env.begin() as txn:
                about = txn.get(ABOUT_KEY)
        except lmdb.Error as error:
            raise InputError(f"{self.path} cannot be read as an LMDB: {error}") from None
        try:
            self.about = parse_json(about, str(self.path)) if about else {}
        except ValueError:
            self.about = {}
        if self.about.get("format") != FORMAT:
            raise InputError(f"{self.path} is not a maskpose database: make one with `make lmdb`")
        if self.about.get("version") != FORMAT_VERSION:
            raise InputError(
                f"{self.path} has format version {self.about.get('version')}, this program reads {FORMAT_VERSION}: "
                "make it again with `make lmdb`"
            )
        self.count = self.about["count"]
        if not self.count:
            raise InputError(f"{self.path} is empty: it holds no samples")

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
        with self.env.begin(buffers=False) as txn:
            data = txn.get(b"%08d" % index)
        if data is None:
            raise InputError(f"{self.path}: record {index} is missing; the database is damaged")
        return data

    def digest(self):
        """The ``chained`` SHA-256 of all records in their order; the database itself says what it should be."""
        total = ""
        for index in range(self.count):
            total = chained(total, self.record(index))
        return total

    def refuse_damaged(self):
        """Raise InputError where the records are not those that were written, by their checksum."""
        if self.about.get("sha256") not in (None, self.digest()):
            raise InputError(
                f"{self.path} is damaged: its records' checksum is not the one it was written with (make verify says "
                "more)"
            )

    def close(self):
        """Release the files."""
        self.env.close()
