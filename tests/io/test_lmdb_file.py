"""LmdbFile against the LMDB library, and on files that would end a process which maps them."""

import os
import struct

import lmdb
import numpy as np
import pytest

from maskpose.errors import InputError
from maskpose.io.lmdb_file import LmdbFile

PAGE = 4096


@pytest.fixture(scope="module")
def contents():
    """{key: value} of values in leaves, in one overflow page and in several, none included, over three levels."""
    rng = np.random.default_rng(0)
    lengths = [0, 1, 2000, 2025, 2026, 4079, 4080, 4081, 50_000, *rng.integers(0, 6000, 400)]
    numbered = {b"%08d" % n: rng.bytes(int(length)) for n, length in enumerate(lengths)}
    return numbered | {b"about": b"{}", b"x" * 500: b""}


@pytest.fixture(scope="module")
def written(contents, tmp_path_factory):
    """The folder of an LMDB that the library wrote in several transactions, with values changed and removed."""
    folder = tmp_path_factory.mktemp("lmdb") / "x.lmdb"
    env = lmdb.open(str(folder), map_size=64 << 20, sync=False)
    for start in range(3):
        with env.begin(write=True) as txn:
            txn.put(b"removed%d" % start, bytes(9000))
            for key in list(contents)[start::3]:
                txn.put(key, b"another value")
                txn.put(key, contents[key])
    with env.begin(write=True) as txn:
        assert all(txn.delete(b"removed%d" % n) for n in range(3))
    env.close()
    return folder


def copied(written, tmp_path, data):
    """A folder of an LMDB whose file has these bytes."""
    folder = tmp_path / "y.lmdb"
    folder.mkdir(exist_ok=True)
    (folder / "data.mdb").write_bytes(data)
    return folder


def read(folder):
    """{key: value} by LmdbFile."""
    file = LmdbFile(folder)
    try:
        return {key: file.get(key) for key in file.keys}
    finally:
        file.close()


def test_keys_and_values_are_those_that_the_library_wrote(written, contents):
    file = LmdbFile(written)
    assert file.keys == sorted(contents) and read(written) == contents
    assert file.get(b"removed0") is None and file.get(b"") is None and file.get(b"zzz") is None
    file.close()


def test_a_copy_without_free_pages_reads_the_same(written, contents, tmp_path):
    env = lmdb.open(str(written), readonly=True, lock=False)
    (tmp_path / "y.lmdb").mkdir()
    env.copy(str(tmp_path / "y.lmdb"), compact=True)
    env.close()
    assert read(tmp_path / "y.lmdb") == contents


def test_an_environment_without_keys_reads_as_empty(tmp_path):
    lmdb.open(str(tmp_path / "x")).close()
    assert read(tmp_path / "x") == {}


@pytest.mark.parametrize("share", [0, 0.001, 0.01, 0.3, 0.9])
def test_a_truncated_file_is_an_error(written, tmp_path, share):
    whole = (written / "data.mdb").read_bytes()
    with pytest.raises(InputError, match=r"y\.lmdb is truncated"):
        read(copied(written, tmp_path, whole[: int(share * len(whole))]))


def test_a_file_that_lacks_free_pages_only_reads_the_same(contents, tmp_path):
    env = lmdb.open(str(tmp_path / "x"), map_size=64 << 20, sync=False)
    for value in (bytes(1_000_000), None):
        with env.begin(write=True) as txn:
            for key in contents:
                txn.put(key, contents[key])
            txn.put(b"removed", value) if value else txn.delete(b"removed")
    env.close()
    os.truncate(tmp_path / "x/data.mdb", os.path.getsize(tmp_path / "x/data.mdb") - PAGE)
    assert read(tmp_path / "x") == contents


def test_a_file_truncated_while_it_is_open_is_an_error(written, contents, tmp_path):
    file = LmdbFile(copied(written, tmp_path, (written / "data.mdb").read_bytes()))
    os.truncate(tmp_path / "y.lmdb/data.mdb", 2 * PAGE)
    with pytest.raises(InputError, match=rf"truncated: data\.mdb has {2 * PAGE} of"):
        for key in contents:
            file.get(key)
    file.close()


def test_whatever_bytes_change_only_our_error_comes_out(written, tmp_path):
    """In the pages' heads, where places, lengths and page numbers are, some bytes at a time."""
    whole = np.fromfile(written / "data.mdb", np.uint8)
    rng, errors = np.random.default_rng(1), 0
    for _ in range(300):
        data, pages = whole.copy(), rng.integers(0, len(whole) // PAGE, 8)
        at = pages * PAGE + rng.integers(0, rng.choice([16, 64, 200, PAGE]), 8)
        data[at] = rng.choice([0, 1, 4, 127, 128, 255], 8)
        try:
            read(copied(written, tmp_path, data.tobytes()))
        except InputError:
            errors += 1
    assert errors > 100


def with_number(data, place, number, form="<Q"):
    changed = bytearray(data)
    struct.pack_into(form, changed, place, number)
    return bytes(changed)


def newer_meta(data):
    """Where the meta page that holds begins: that of the larger transaction, 8 bytes at 144 of each."""
    return max(0, PAGE, key=lambda place: struct.unpack_from("<Q", data, place + 144)[0])


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("magic", "does not begin like one"),
        ("version", "has version 999"),
        ("a root beyond the end", "cannot be part of the tree"),
        ("a tree in itself", "cannot be part of the tree"),
        ("another number of keys", "are stated"),
        ("another kind of keys", "of a kind that this program does not read"),
    ],
)
def test_what_is_wrong_with_the_beginning_is_said(written, tmp_path, what, message):
    data = (written / "data.mdb").read_bytes()
    meta = newer_meta(data)
    root = struct.unpack_from("<Q", data, meta + 128)[0]
    child = root * PAGE + struct.unpack_from("<H", data, root * PAGE + 16)[0]  # the node of the root's first child
    changed = {
        "magic": lambda: with_number(data, 16, 0, "<I"),
        "version": lambda: with_number(data, 20, 999, "<I"),
        "a root beyond the end": lambda: with_number(data, meta + 128, 2**62),
        "a tree in itself": lambda: with_number(data, child, root, "<H"),
        "another number of keys": lambda: with_number(data, meta + 120, 7),
        "another kind of keys": lambda: with_number(data, meta + 92, 8, "<H"),
    }[what]()
    with pytest.raises(InputError, match=message):
        LmdbFile(copied(written, tmp_path, changed))


def test_a_value_whose_first_page_is_another_is_named(written, tmp_path):
    data = (written / "data.mdb").read_bytes()
    env = lmdb.open(str(written), readonly=True, lock=False)
    with env.begin() as txn:
        value = txn.get(b"00000008")
    env.close()
    page = data.index(value) // PAGE
    file = LmdbFile(copied(written, tmp_path, with_number(data, page * PAGE, page + 1)))
    assert len(file.get(b"00000007")) == 4081
    with pytest.raises(InputError, match=rf"page {page} does not begin the value of 00000008"):
        file.get(b"00000008")
    file.close()


def test_what_is_no_file_is_an_error(tmp_path):
    for name in ("folder", "pipe", "missing"):
        (tmp_path / name).mkdir()
    (tmp_path / "folder/data.mdb").mkdir()
    os.mkfifo(tmp_path / "pipe/data.mdb")
    for name in ("folder", "pipe", "missing"):
        with pytest.raises(InputError, match=rf"{name} (cannot be read|is truncated)"):
            LmdbFile(tmp_path / name)
