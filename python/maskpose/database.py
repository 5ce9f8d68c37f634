"""The LMDB of samples: keys 00000000, 00000001 …, and one key more that says what the database is."""

import json
import os
import shutil
import time
from pathlib import Path

import lmdb
from tqdm import tqdm

from maskpose import __version__
from maskpose.errors import InputError
from maskpose.files import make_folder
from maskpose.records import Sample

ABOUT_KEY = b"about"
FORMAT = "maskpose.Record"
FORMAT_VERSION = 2
FIRST_MAP_SIZE = 64 << 20


class Writer:
    """Writes a database beside its final name and renames it when whole.

    As a context manager: leaving by an exception removes what was written. ``manifest.json`` beside the
    data repeats what the database says of itself, for people.
    """

    def __init__(self, path, about=None):
        """``about``: what the manifest should say besides, JSON-able. Raises InputError if ``path`` exists."""
        self.path = Path(path)
        self.partial = self.path.with_name(f"{self.path.name}.partial-{os.getpid()}")
        self.about = dict(about or {})
        self.count = self.bytes = self.masks = 0
        self.sources = {}
        refuse_existing(self.path)
        make_folder(self.path.parent)
        self._remove_leftovers()
        try:
            self.env = lmdb.open(str(self.partial), map_size=FIRST_MAP_SIZE, sync=False, writemap=False)
        except (OSError, lmdb.Error) as error:
            raise InputError(f"{self.path} cannot be written: {error}") from None

    def put(self, sample):
        """Add a sample at the end."""
        data = sample.serialize()
        self._put(b"%08d" % self.count, data)
        self.count += 1
        self.bytes += len(data)
        self.masks += bool(sample.mask)
        self.sources[sample.source] = self.sources.get(sample.source, 0) + 1

    def _put(self, key, data):
        while True:
            try:
                with self.env.begin(write=True) as txn:
                    txn.put(key, data)
                return
            except lmdb.MapFullError:
                self.env.set_mapsize(2 * self.env.info()["map_size"])
            except lmdb.Error as error:
                raise InputError(f"{self.path} cannot be written: {error}") from None

    def _remove_leftovers(self):
        """Remove what killed builds of the same database left."""
        for path in self.path.parent.glob(f"{self.path.name}.partial-*"):
            pid = path.name.rpartition("-")[2]
            if pid.isdecimal() and not Path("/proc", pid).exists():
                shutil.rmtree(path, ignore_errors=True)

    def close(self):
        """Finish: write what the database says of itself, sync, rename."""
        about = {
            "format": FORMAT,
            "version": FORMAT_VERSION,
            "count": self.count,
            "masks": self.masks,
            "bytes": self.bytes,
            "sources": dict(sorted(self.sources.items())),
            "written": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "maskpose": __version__,
            **self.about,
        }
        text = json.dumps(about, indent=1)
        self._put(ABOUT_KEY, text.encode())
        self.env.sync(True)
        self.env.close()
        (self.partial / "manifest.json").write_text(text + "\n")
        os.rename(self.partial, self.path)

    def abandon(self):
        """Remove what was written."""
        self.env.close()
        shutil.rmtree(self.partial, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        if kind is None:
            try:
                self.close()
            except BaseException:
                self.abandon()
                raise
        else:
            self.abandon()


def refuse_existing(path):
    """Raise InputError where ``path`` is there: a database is never overwritten."""
    if Path(path).exists():
        raise InputError(f"{path} exists already: remove it or choose another name")


def build(path, samples, total, about=None):
    """Write ``samples`` into the database ``path`` with a progress bar; give the manifest as a dict.

    total: how many are expected. Raises InputError where ``path`` exists or no sample came.
    """
    with Writer(path, about) as writer:
        for sample in tqdm(samples, total=total, desc=str(path), unit="image", dynamic_ncols=True):
            writer.put(sample)
        if not writer.count:
            raise InputError(f"{path}: no usable sample to write")
    return json.loads((Path(path) / "manifest.json").read_text())


class Reader:
    """A database opened for reading: a sequence of samples. LMDB allows one a process for the same path."""

    def __init__(self, path):
        """Raises InputError where ``path`` is not a whole, non-empty database of ours."""
        self.path = Path(path)
        if not (self.path / "data.mdb").is_file():
            raise InputError(f"{self.path} is not an LMDB: it has no data.mdb (make one with `make lmdb`)")
        try:
            self.env = lmdb.open(str(self.path), readonly=True, lock=False, readahead=False, max_readers=512)
            with self.env.begin() as txn:
                about = txn.get(ABOUT_KEY)
        except lmdb.Error as error:
            raise InputError(f"{self.path} cannot be read as an LMDB: {error}") from None
        try:
            self.about = json.loads(about) if about else {}
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
        with self.env.begin(buffers=False) as txn:
            data = txn.get(b"%08d" % index)
        if data is None:
            raise InputError(f"{self.path}: record {index} is missing; the database is damaged")
        return Sample.parse(data, f"{self.path}: record {index}")

    def __iter__(self):
        for index in range(self.count):
            yield self[index]

    def close(self):
        """Release the files."""
        self.env.close()
