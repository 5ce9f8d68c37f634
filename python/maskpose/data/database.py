"""The LMDB of samples: keys 00000000, 00000001 …, and one more key for the manifest."""

import contextlib
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import lmdb

from maskpose import __version__
from maskpose.data.sample import Sample
from maskpose.errors import InputError, short_repr
from maskpose.io import values
from maskpose.io.files import make_folder, read_json, refuse_existing, write_text
from maskpose.io.lmdb_file import LmdbFile
from maskpose.io.locks import FileLock
from maskpose.io.paths import PathLike
from maskpose.io.text import parse_json

ABOUT_KEY = b"about"
STATE_KEY = b"state"  # of a database that is being written
STATE = ("count", "bytes", "masks", "sources", "digest", "position", "problems")  # attributes of a Writer
TOGETHER = 16 << 20  # bytes that are written at once
FORMAT = "maskpose.Record"
FORMAT_VERSION = 2
KINDS = {"count": int, "masks": int, "sources": dict, "sha256": str}  # of values in the manifest
FIRST_MAP_SIZE = 64 << 20  # bytes


class Writer:
    """Writes a database beside its final name and renames it once it is whole.

    It is a context manager. Leaving it by an exception removes what was written, unless the user or the disk stopped
    it: then another Writer of the same plan continues. ``manifest.json`` beside the data repeats the manifest for
    people, and has the length of the data's file.
    """

    def __init__(self, path: PathLike, about: dict[str, Any], plan: str):
        """Begin a database, or continue one that was stopped.

        Afterwards ``position`` is the last one that an earlier Writer of this plan has marked, else 0.

        Args:
            path: of the database.
            about: what the manifest holds besides, JSON-able.
            plan: a text that differs if what will be written differs.

        Raises:
            InputError: ``path`` exists, another process writes it, or it cannot be written.
        """
        self.path = Path(path)
        self.partial = self.path.with_name(f"{self.path.name}.partial")
        self.about, self.plan = about, plan
        self._waiting: list[tuple[bytes, bytes]] = []
        self._waiting_bytes = 0
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

    def put(self, sample: Sample, data: bytes) -> None:
        """Add a sample at the end; ``data`` is what ``sample.serialize`` gives."""
        self._waiting.append((b"%08d" % self.count, data))
        self._waiting_bytes += len(data)
        self.count += 1
        self.bytes += len(data)
        self.digest = chain_digest(self.digest, data)
        self.masks += bool(sample.mask)
        self.sources[sample.origin] = self.sources.get(sample.origin, 0) + 1

    def mark(self, position: int, problems: Sequence[str] = ()) -> None:
        """Note that all samples of the plan's first ``position`` items are put, and what was left out until then."""
        self.position, self.problems = position, list(problems)
        if self._waiting_bytes > TOGETHER:
            self._flush()

    def _restart(self) -> None:
        """Continue what an earlier Writer of the same plan left, or remove it."""
        self.count = self.bytes = self.masks = self.position = 0
        self.sources: dict[str, int] = {}
        self.problems: list[str] = []
        self.digest = ""
        with contextlib.suppress(InputError, KeyError, TypeError):
            state = self._left_state()
            if state["plan"] == self.plan:
                left = {name: state[name] for name in STATE}
                vars(self).update(left)
                return
        shutil.rmtree(self.partial, ignore_errors=True)

    def _left_state(self) -> Any:
        """Return the state that an earlier Writer left in ``partial``, or None. Raises InputError if it is damaged."""
        with contextlib.closing(LmdbFile(self.partial)) as left:
            return parse_json(left.get(STATE_KEY) or b"null", f"{self.partial}: its state")

    def _flush(self) -> None:
        """Write the samples that wait, and the state with them, all or nothing."""
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

    def _interrupted(self, error: Exception) -> InputError:
        """Return the error to raise if the disk takes no more, and keep what it has taken."""
        self._keep = True
        return InputError(
            f"{self.path} cannot be written: {error}; {self.partial} keeps what is written, and the same command "
            "continues"
        )

    def close(self) -> None:
        """Write the manifest, sync and rename the database. Raises InputError if the disk takes no more."""
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

    def abandon(self) -> None:
        """Remove what was written, or leave it for another Writer that continues."""
        self.env.close()
        self._leave(self._keep)

    def _leave(self, keep: bool) -> None:
        if not keep:
            shutil.rmtree(self.partial, ignore_errors=True)
        self._lock.release()
        if self._made_parent:
            with contextlib.suppress(OSError):  # it holds something by now
                self.path.parent.rmdir()

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, traceback: object) -> None:
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


def chain_digest(before: str, data: bytes) -> str:
    """Return the SHA-256 of the digest of all samples before and the bytes of one more, as hexadecimal digits."""
    total = hashlib.sha256(before.encode())
    total.update(data)
    return total.hexdigest()


def _opened(path: Path) -> LmdbFile:
    """Open a database. Raises InputError that says what ``path`` is instead."""
    if path.is_file():
        holder = path.parent if path.name == "data.mdb" else "an LMDB, a folder with data.mdb in it,"
        raise InputError(f"{path} is a file: give {holder} instead")
    if not (path / "data.mdb").exists():
        raise InputError(f"{path} is not an LMDB: it has no data.mdb (make one with `make lmdb`)")
    return LmdbFile(path)


def find_databases(path: PathLike) -> list[Path]:
    """Return ``path`` itself if it is a database, or the databases in that folder and one level below it, by name.

    Raises:
        InputError: there is none.
    """
    path = Path(path)
    if not path.is_dir() or (path / "data.mdb").exists():
        return [path]
    folders = sorted(data.parent for depth in ("*", "*/*") for data in path.glob(f"{depth}/data.mdb"))
    databases = [folder for folder in folders if folder.suffix != ".partial"]
    if not databases:
        raise InputError(f"{path} is not an LMDB, and holds none: it has no data.mdb (make one with `make lmdb`)")
    return databases


def _noted_bytes(path: Path) -> int:
    """Return the length of data.mdb when it was written, by the manifest, or 0."""
    with contextlib.suppress(InputError):
        noted = read_manifest(path).get("data_bytes")
        return noted if type(noted) is int else 0
    return 0


def read_manifest(path: PathLike) -> dict[str, Any]:
    """Return the manifest of a database. Raises InputError if its manifest.json is missing or damaged."""
    file = Path(path) / "manifest.json"
    return values.json_object(read_json(file), file)


class Reader:
    """A database opened for reading: a sequence of Samples. Any number of processes may have it open.

    >>> reader = Reader("data/train.lmdb")
    >>> len(reader), reader.about["masks"]
    (10, 10)
    >>> sample = reader[0]
    >>> sample.name, sample.decode_image().shape
    ('0.jpg', (240, 320, 3))
    >>> sum(int(sample.visible.sum()) for sample in reader)
    168
    >>> reader.close()
    """

    def __init__(self, path: PathLike):
        """Open a database.

        Args:
            path: of its folder.

        Raises:
            InputError: ``path`` is not a whole, non-empty database of ours.
        """
        self.path = Path(path)
        self._file = _opened(self.path)
        try:
            self.about = self._checked_about()
            self.count: int = self.about["count"]
            self._refuse_incomplete()
        except BaseException:
            self._file.close()
            raise

    def _checked_about(self) -> dict[str, Any]:
        """Return the manifest. Raises InputError if the database is not ours, or is empty."""
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

    def _refuse_incomplete(self) -> None:
        """Raise InputError if data are missing: what is left of a tree may be whole by itself."""
        noted, size = _noted_bytes(self.path), (self.path / "data.mdb").stat().st_size
        if size < noted:
            raise InputError(f"{self.path} is truncated: data.mdb has {size} of {noted} bytes; copy or make it again")
        for index, key in enumerate(self._file.keys[: self.count]):
            if key != b"%08d" % index:
                raise self._missing(index)
        if self.count > len(self._file.keys):
            raise self._missing(len(self._file.keys))

    def _missing(self, index: int) -> InputError:
        return InputError(f"{self.path} is damaged: sample {index} of {self.count} is missing; copy or make it again")

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Sample:
        if not 0 <= index < self.count:
            raise IndexError(index)
        return Sample.parse(self.sample_bytes(index), f"{self.path}: sample {index}")

    def __iter__(self) -> Iterator[Sample]:
        for index in range(self.count):
            yield self[index]

    def sample_bytes(self, index: int) -> bytes:
        """Return the bytes of a sample, as ``Sample.serialize`` made them. Raises InputError if they are missing."""
        data = self._file.get(b"%08d" % index)
        if data is None:
            raise self._missing(index)
        return data

    def digest(self) -> str:
        """Return the ``chain_digest`` of all samples in their order; the manifest says what it should be."""
        total = ""
        for index in range(self.count):
            total = chain_digest(total, self.sample_bytes(index))
        return total

    def refuse_damaged(self) -> None:
        """Raise InputError if the samples are not those that were written, by their checksum."""
        if self.about.get("sha256") not in (None, self.digest()):
            raise InputError(
                f"{self.path} is damaged: the checksum of its samples is not the one it was written with (make verify "
                "says more)"
            )

    def close(self) -> None:
        """Release the file."""
        self._file.close()
