import zlib

import numpy as np
import pytest

from conftest import build
from maskpose.data import recombining, subsets
from maskpose.data.database import Reader
from maskpose.data.sample import Sample
from maskpose.errors import InputError


def sample(name, source="a", group=""):
    points = np.random.default_rng(zlib.crc32(name.encode())).uniform(0, 9, (21, 2)).astype(np.float32)
    return Sample(name, name.encode() * 9, 10, 10, points, np.ones(21, bool), b"", source, "left", group)


def db(path, samples):
    build(path, samples)
    return Reader(path)


def names(path):
    reader = Reader(path)
    found = [one.name for one in reader]
    reader.close()
    return found


def test_merged_records_are_the_same_bytes(tmp_path):
    first = db(tmp_path / "1.lmdb", [sample(f"{n}.jpg") for n in range(3)])
    second = db(tmp_path / "2.lmdb", [sample(f"{n}.jpg", "b") for n in range(2)])
    expected = [reader.sample_bytes(n) for reader in (first, second) for n in range(len(reader))]
    first.close(), second.close()
    manifest = recombining.merge([tmp_path / "1.lmdb", tmp_path / "2.lmdb"], tmp_path / "all.lmdb")
    assert manifest["count"] == 5 and manifest["sources"] == {"a": 3, "b": 2} and len(manifest["merged"]) == 2
    merged = Reader(tmp_path / "all.lmdb")
    assert [merged.sample_bytes(n) for n in range(5)] == expected and merged.about["sha256"] == merged.digest()


def test_a_photograph_that_is_in_two_is_an_error(tmp_path):
    for n in (1, 2):
        db(tmp_path / f"{n}.lmdb", [sample("x.jpg")]).close()
    with pytest.raises(InputError, match=r"x\.jpg of a is in .*1\.lmdb and in .*2\.lmdb"):
        recombining.merge([tmp_path / "1.lmdb", tmp_path / "2.lmdb"], tmp_path / "all.lmdb")
    assert not (tmp_path / "all.lmdb").exists()


def test_a_damaged_database_is_not_made_another_of(tmp_path):
    db(tmp_path / "1.lmdb", [sample(f"{n}.jpg") for n in range(3)]).close()
    data = tmp_path / "1.lmdb/data.mdb"
    data.write_bytes(data.read_bytes().replace(b"1.jpg" * 9, b"7.jpg" * 9))
    with pytest.raises(InputError, match=r"1\.lmdb is damaged: the checksum of its samples"):
        subsets.list_entries(Reader(tmp_path / "1.lmdb"))
    db(tmp_path / "2.lmdb", [sample("x.jpg")]).close()
    with pytest.raises(InputError, match="damaged"):
        recombining.merge([tmp_path / "2.lmdb", tmp_path / "1.lmdb"], tmp_path / "all.lmdb")
    assert not (tmp_path / "all.lmdb").exists()


def test_a_database_is_not_merged_with_itself(tmp_path):
    db(tmp_path / "1.lmdb", [sample("x.jpg")]).close()
    with pytest.raises(InputError, match="named twice"):
        recombining.merge([tmp_path / "1.lmdb", tmp_path / "." / "1.lmdb"], tmp_path / "all.lmdb")


def test_a_split_keeps_groups_together_and_nothing_is_lost(tmp_path):
    samples = [sample(f"{n}.jpg", group=f"person{n % 10}") for n in range(100)]
    samples += [sample(f"alone{n}.jpg") for n in range(20)]
    entries = subsets.list_entries(db(tmp_path / "x.lmdb", samples))
    assert [entry.name for entry in entries] == [one.name for one in samples]
    parts = subsets.split(entries, [0.7, 0.2, 0.1], seed=3)
    assert sorted(entry.index for part in parts for entry in part) == list(range(120))
    assert [len(part) for part in parts] == pytest.approx([84, 24, 12], abs=8)
    homes = [{samples[entry.index].group for entry in part} - {""} for part in parts]
    assert not homes[0] & homes[1] and not homes[1] & homes[2] and not homes[0] & homes[2]
    assert parts == subsets.split(entries, [0.7, 0.2, 0.1], seed=3)
    assert parts != subsets.split(entries, [0.7, 0.2, 0.1], seed=4)
    ungrouped = subsets.split(entries, [0.5, 0.5], seed=3, by_group=False)
    assert [len(part) for part in ungrouped] == [60, 60]
    assert {entry.group for entry in ungrouped[0]} & {entry.group for entry in ungrouped[1]}


def test_shares_that_cannot_be(tmp_path):
    entries = subsets.list_entries(db(tmp_path / "x.lmdb", [sample("a", group="g"), sample("b", group="g")]))
    for shares, message in (([0.5, 0.4], "1 together"), ([1.0, 0.0], "above 0"), ([0.5, 0.5], "too few groups")):
        with pytest.raises(InputError, match=message):
            subsets.split(entries, shares, 1)


def test_samples_by_a_list_of_names_and_patterns(tmp_path):
    reader = db(tmp_path / "x.lmdb", [sample(f"{kind}_{n}.jpg") for n in range(4) for kind in ("day", "night")])
    entries = subsets.list_entries(reader)
    chosen = subsets.select_named(entries, ["day_2.jpg", "night_*"])
    manifest = recombining.extract(reader, chosen, tmp_path / "EA.lmdb")
    assert manifest["count"] == 5
    assert names(tmp_path / "EA.lmdb") == ["night_0.jpg", "night_1.jpg", "day_2.jpg", "night_2.jpg", "night_3.jpg"]
    subsets.write_list(chosen, tmp_path / "EA.txt")
    assert (tmp_path / "EA.txt").read_text().split() == names(tmp_path / "EA.lmdb")
    with pytest.raises(InputError, match="no sample is called dusk"):
        subsets.select_named(entries, ["dusk"])


def test_names_that_several_origins_have(tmp_path):
    samples = [sample("1.jpg", "day"), sample("1.jpg", "night"), sample("2.jpg", "night"), sample("1.jpg", "")]
    entries = subsets.list_entries(db(tmp_path / "x.lmdb", samples))
    for part in ([0, 2], [1], [3]):
        subsets.write_list([entries[n] for n in part], tmp_path / "part.txt", entries)
        again = subsets.select_named(entries, (tmp_path / "part.txt").read_text().split())
        assert [entry.index for entry in again] == part
    assert (tmp_path / "part.txt").read_text() == "/1.jpg\n"
    with pytest.raises(InputError, match=r"1\.jpg may be that of day and of night: write origin/name"):
        subsets.select_named(entries, ["1.jpg"])


def test_samples_of_some_origins(tmp_path):
    samples = [sample(f"{n}.jpg", source=source) for n, source in enumerate(("day", "night", "", "day", "dusk"))]
    entries = subsets.list_entries(db(tmp_path / "x.lmdb", samples))
    assert [entry.name for entry in subsets.select_origins(entries, ["dusk", "day"])] == ["0.jpg", "3.jpg", "4.jpg"]
    with pytest.raises(InputError, match="no sample has the origin noon; the origins are day, dusk, night"):
        subsets.select_origins(entries, ["day", "noon"])
