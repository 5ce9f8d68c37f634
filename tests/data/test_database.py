import json
from dataclasses import replace

import cv2
import lmdb
import numpy as np
import pytest

from conftest import build
from maskpose.codecs.masks import pack_mask
from maskpose.data import database
from maskpose.data.database import Reader, Writer
from maskpose.data.sample import Sample
from maskpose.errors import InputError


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
        origin="even" if i % 2 == 0 else "odd",
    )


def same(a, b):
    arrays = np.array_equal(a.keypoints, b.keypoints) and np.array_equal(a.visible, b.visible)
    fields = ("name", "image", "width", "height", "mask", "origin")
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


OURS = {"format": database.FORMAT, "version": database.FORMAT_VERSION}


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


def test_an_image_of_another_size_than_its_record_says_is_damaged():
    image = cv2.imencode(".png", np.zeros((30, 40, 3), np.uint8))[1].tobytes()
    assert replace(sample(1), image=image, width=40, height=30).decode_image().shape == (30, 40, 3)
    for width, height in ((30, 40), (39, 30), (0, 0), (2**31 - 1, 2**31 - 1)):
        with pytest.raises(InputError, match=f"is 40x30, its sample says {width}x{height}"):
            replace(sample(1), image=image, width=width, height=height).decode_image()


@pytest.mark.parametrize("part", ["name", "origin", "side", "group"])
@pytest.mark.parametrize("text", ["gr\udcfcn.jpg", "\ud800", "a\0b"])
def test_no_record_is_made_of_what_is_no_text(part, text):
    with pytest.raises(InputError, match="is not text in UTF-8: no sample"):
        replace(sample(1), **{part: text}).serialize()


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
    whole = sample(1).serialize()
    ours_with(tmp_path / "x", {**OURS, "count": 5}, [b"\xff\xff\xff", whole, whole[:-1], whole[:9], b""])
    reader = Reader(tmp_path / "x")
    for index in (0, 2, 3, 4):
        with pytest.raises(InputError, match=f"x: sample {index} is not a"):
            reader[index]
    assert same(reader[1], sample(1))
    reader.close()


@pytest.mark.parametrize(("keys", "missing"), [([0, 1], 2), ([0, 2], 1), ([1, 2], 0), ([0, 1, 3, 4], 2)])
def test_a_missing_record_is_named_at_once(tmp_path, keys, missing):
    env = lmdb.open(str(tmp_path / "x"))
    with env.begin(write=True) as txn:
        txn.put(database.ABOUT_KEY, json.dumps({**OURS, "count": 3}).encode())
        for key in keys:
            txn.put(b"%08d" % key, sample(key).serialize())
    env.close()
    with pytest.raises(InputError, match=f"x is damaged: sample {missing} of 3 is missing"):
        Reader(tmp_path / "x")


@pytest.mark.parametrize(
    ("about", "message"),
    [
        ([], "not a maskpose database"),
        (None, "not a maskpose database"),
        ({"format": "Datum"}, "not a maskpose database"),
        (dict(OURS), "does not say how many"),
        ({**OURS, "count": -1}, "does not say how many"),
        ({**OURS, "count": "1"}, "its count is '1'"),
        ({**OURS, "count": True}, "its count is True"),
        ({**OURS, "count": 10**18}, "sample 1 of 1000000000000000000 is missing"),
        ({**OURS, "count": 1, "sha256": 5}, "its sha256 is 5"),
        ({**OURS, "count": 1, "sources": []}, r"its sources is \[\]"),
        ({**OURS, "version": [[]]}, r"format version \[\[\]\]"),
    ],
)
def test_what_a_database_says_of_itself_is_checked(tmp_path, about, message):
    ours_with(tmp_path / "x", about, [sample(0).serialize()])
    with pytest.raises(InputError, match=rf"x .*{message}"):
        Reader(tmp_path / "x")


def test_databases_are_found_in_folders(tmp_path):
    names = ["my data/train.lmdb", "my data/deeper/test.lmdb", "my data/left.lmdb.partial", "my data/a/b/too_deep.lmdb"]
    for name in names:
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "data.mdb").touch()
    top = tmp_path / "my data"
    assert database.find_databases(top) == [top / "deeper/test.lmdb", top / "train.lmdb"]
    assert database.find_databases(top / "train.lmdb") == [top / "train.lmdb"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="empty is not an LMDB, and holds none"):
        database.find_databases(tmp_path / "empty")


def test_a_file_in_a_databases_place_is_said(tmp_path):
    build(tmp_path / "x.lmdb", [sample(0)])
    with pytest.raises(InputError, match=r"data\.mdb is a file: give .*x\.lmdb instead"):
        Reader(tmp_path / "x.lmdb/data.mdb")
    (tmp_path / "file.lmdb").write_bytes(b"anything")
    with pytest.raises(InputError, match=r"file\.lmdb is a file: give an LMDB"):
        Reader(tmp_path / "file.lmdb")


@pytest.mark.parametrize("manifest", [None, "[]", "{", '{"data_bytes": "many"}', '{"data_bytes": null}'])
def test_a_database_reads_without_a_manifest_that_makes_sense(tmp_path, manifest):
    build(tmp_path / "x.lmdb", [sample(0)])
    (tmp_path / "x.lmdb/manifest.json").unlink()
    if manifest is not None:
        (tmp_path / "x.lmdb/manifest.json").write_text(manifest)
    assert same(Reader(tmp_path / "x.lmdb")[0], sample(0))


def test_one_process_reads_a_database_twice(tmp_path):
    build(tmp_path / "x.lmdb", [sample(0)])
    one, other = Reader(tmp_path / "x.lmdb"), Reader(tmp_path / "x.lmdb")
    one.close()
    assert same(other[0], sample(0))
    other.close()
