import json

import lmdb
import numpy as np
import pytest

from conftest import build
from maskpose import database
from maskpose.database import Reader, Writer
from maskpose.errors import InputError
from maskpose.records import Sample, pack_mask


def sample(i, image=b"image"):
    rng = np.random.default_rng(i)
    return Sample(
        name=f"{i}.jpg",
        image=image,
        width=100 + i,
        height=50,
        keypoints=rng.uniform(0, 50, (21, 2)).astype(np.float32),
        visible=rng.random(21) < 0.5,
        mask=b"mask" if i % 2 else b"",
        source="even" if i % 2 == 0 else "odd",
    )


def same(a, b):
    arrays = np.array_equal(a.keypoints, b.keypoints) and np.array_equal(a.visible, b.visible)
    fields = ("name", "image", "width", "height", "mask", "source")
    return arrays and all(getattr(a, field) == getattr(b, field) for field in fields)


def test_samples_come_back_as_they_went_in(tmp_path):
    manifest = build(tmp_path / "x.lmdb", [sample(i) for i in range(5)], {"dataset": "test"})
    reader = Reader(tmp_path / "x.lmdb")
    assert len(reader) == 5 and all(same(got, sample(i)) for i, got in enumerate(reader))
    assert (manifest["count"], manifest["masks"], manifest["dataset"]) == (5, 2, "test")
    assert manifest["sources"] == {"even": 3, "odd": 2}
    with pytest.raises(IndexError):
        reader[5]
    reader.close()


def test_the_map_grows_on_demand(tmp_path, monkeypatch):
    monkeypatch.setattr(database, "FIRST_MAP_SIZE", 64 << 10)
    images = [bytes([i]) * 100_000 for i in range(8)]
    build(tmp_path / "x.lmdb", [sample(i, image) for i, image in enumerate(images)])
    reader = Reader(tmp_path / "x.lmdb")
    assert [one.image for one in reader] == images
    reader.close()


def test_a_database_is_not_overwritten(tmp_path):
    build(tmp_path / "x.lmdb", [sample(0)])
    with pytest.raises(InputError, match="exists already"):
        Writer(tmp_path / "x.lmdb", {}, "plan")


def test_what_is_not_ours_is_said(tmp_path):
    with pytest.raises(InputError, match="not an LMDB"):
        Reader(tmp_path / "nothing")
    foreign = lmdb.open(str(tmp_path / "foreign"))
    with foreign.begin(write=True) as txn:
        txn.put(b"00000000", b"datum")
    foreign.close()
    with pytest.raises(InputError, match="not a maskpose database"):
        Reader(tmp_path / "foreign")
    (tmp_path / "rubbish").mkdir()
    (tmp_path / "rubbish" / "data.mdb").write_bytes(b"rubbish" * 2000)
    with pytest.raises(InputError, match="rubbish"):
        Reader(tmp_path / "rubbish")


def ours_with(path, about, records=()):
    env = lmdb.open(str(path))
    with env.begin(write=True) as txn:
        txn.put(database.ABOUT_KEY, json.dumps(about).encode())
        for i, data in enumerate(records):
            txn.put(b"%08d" % i, data)
    env.close()


def test_empty_and_newer_databases_are_said(tmp_path):
    ours_with(tmp_path / "empty", {"format": database.FORMAT, "version": database.FORMAT_VERSION, "count": 0})
    with pytest.raises(InputError, match="is empty"):
        Reader(tmp_path / "empty")
    ours_with(tmp_path / "newer", {"format": database.FORMAT, "version": 99, "count": 1})
    with pytest.raises(InputError, match="version 99"):
        Reader(tmp_path / "newer")


def test_a_mask_comes_back_bit_for_bit_or_not_at_all():
    hand = np.random.default_rng(0).random((13, 11)) < 0.3
    sample = Sample("a.jpg", b"", 11, 13, np.zeros((21, 2), np.float32), np.ones(21, bool), pack_mask(hand))
    assert np.array_equal(sample.decode_mask(), np.where(hand, 255, 0))
    sample.height = 14
    with pytest.raises(InputError, match=r"a\.jpg .*size, 11x14"):
        sample.decode_mask()
    sample.mask = sample.mask[:-3]
    with pytest.raises(InputError, match=r"mask of a\.jpg is damaged"):
        sample.decode_mask()


def test_a_database_that_was_cut_short_is_said_at_once(tmp_path):
    rng = np.random.default_rng(0)
    samples = [sample(n, rng.bytes(40_000)) for n in range(30)]
    build(tmp_path / "a.lmdb", samples)
    data = tmp_path / "a.lmdb/data.mdb"
    whole = data.read_bytes()
    database.Reader(tmp_path / "a.lmdb").close()
    data.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=rf"a\.lmdb is truncated: data\.mdb has {len(whole) // 2} of"):
        database.Reader(tmp_path / "a.lmdb")


def test_a_small_database_that_lacks_a_page_is_said(tmp_path):
    build(tmp_path / "a.lmdb", [sample(n) for n in range(3)])
    data = tmp_path / "a.lmdb/data.mdb"
    data.write_bytes(data.read_bytes()[:-1])
    with pytest.raises(InputError, match=r"a\.lmdb is truncated"):
        database.Reader(tmp_path / "a.lmdb")


def test_a_damaged_record_is_named(tmp_path):
    about = {"format": database.FORMAT, "version": database.FORMAT_VERSION, "count": 2}
    ours_with(tmp_path / "x", about, [b"\xff\xff\xff"])
    reader = Reader(tmp_path / "x")
    with pytest.raises(InputError, match="record 0"):
        reader[0]
    with pytest.raises(InputError, match="record 1 is missing"):
        reader[1]
    reader.close()
