import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from conftest import ROOT
from maskpose.data import database
from maskpose.data.build import build_items
from maskpose.data.database import Reader
from maskpose.data.datasets import onehand10k
from maskpose.data.sample import Sample
from maskpose.errors import InputError

BYTES = 50_000


def make(number):
    """Two samples for every third item, one for the others; 7 is broken."""
    if number == 7:
        raise InputError("item 7 is broken")
    data = np.random.default_rng(number).bytes(BYTES)
    return [
        Sample(f"{number}_{k}", data, 10, 10, np.zeros((21, 2), np.float32), np.ones(21, bool))
        for k in range(2 if number % 3 == 0 else 1)
    ]


def records(path):
    reader = Reader(path)
    found = [(sample.name, sample.image) for sample in reader]
    reader.close()
    return found


def expected(count):
    return [(sample.name, sample.image) for n in range(count) if n != 7 for sample in make(n)]


@pytest.mark.parametrize("workers", [1, 4])
def test_samples_come_in_the_items_order(tmp_path, workers, capsys):
    def slow_first(number):
        time.sleep(0.02 if number % 2 else 0)
        return make(number)

    manifest, problems = build_items(tmp_path / "a.lmdb", list(range(12)), slow_first, workers=workers)
    assert records(tmp_path / "a.lmdb") == expected(12) and problems == ["item 7 is broken"]
    assert manifest["count"] == len(expected(12)) and "left out: item 7" in capsys.readouterr().err
    assert {path.name for path in tmp_path.iterdir()} == {"a.lmdb"}


def test_the_first_that_are_left_out_are_told_one_by_one(tmp_path, capsys):
    def broken(number):
        if number:
            raise InputError(f"item {number} is broken")
        return make(0)

    _, problems = build_items(tmp_path / "a.lmdb", list(range(31)), broken)
    assert len(problems) == 30 and capsys.readouterr().err.count("left out: ") == 20


def test_a_build_by_another_command_begins_anew(tmp_path):
    def stopped(number):
        if number == 10:
            raise KeyboardInterrupt
        return make(number)

    with pytest.raises(KeyboardInterrupt):
        build_items(tmp_path / "a.lmdb", list(range(20)), stopped, about={"command": "x --crop 1"})
    seen = []
    build_items(tmp_path / "a.lmdb", list(range(20)), lambda n: seen.append(n) or make(n), about={"command": "x"})
    assert sorted(seen) == list(range(20))


def test_strict_stops_and_leaves_nothing(tmp_path):
    with pytest.raises(InputError, match="item 7 is broken"):
        build_items(tmp_path / "new/a.lmdb", list(range(12)), make, strict=True)
    assert not (tmp_path / "new").exists()
    with pytest.raises(InputError, match="item 7 is broken"):
        build_items(tmp_path / "a.lmdb", list(range(12)), make, strict=True)
    with pytest.raises(InputError, match="no usable sample"):
        build_items(tmp_path / "b.lmdb", [7], make)
    assert list(tmp_path.iterdir()) == []


def test_a_stopped_build_goes_on_without_doing_again_what_is_done(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(database, "TOGETHER", 4 * BYTES)
    made = []

    def until(stop):
        def read(number):
            if number == stop:
                raise KeyboardInterrupt
            made.append(number)
            return make(number)

        return read

    items = list(range(20))
    with pytest.raises(KeyboardInterrupt):
        build_items(tmp_path / "a.lmdb", items, until(15), workers=1)
    assert not (tmp_path / "a.lmdb").exists()
    made.clear()
    _, problems = build_items(tmp_path / "a.lmdb", items, until(99), workers=1)
    assert min(made) >= 5 and "continuing after" in capsys.readouterr().err
    assert records(tmp_path / "a.lmdb") == expected(20) and problems == ["item 7 is broken"]


def test_another_plan_begins_anew(tmp_path):
    def stop_at_10(number):
        if number == 10:
            raise KeyboardInterrupt
        return make(number)

    with pytest.raises(KeyboardInterrupt):
        build_items(tmp_path / "a.lmdb", list(range(20)), stop_at_10)
    build_items(tmp_path / "a.lmdb", list(range(3, 20)), make)
    assert next(name for name, _ in records(tmp_path / "a.lmdb")) == "3_0"


SCRIPT = """
import sys, time
sys.path[:0] = ["tests", "tests/data"]
from maskpose.data import database
from maskpose.data.build import build_items
from test_building import make
database.TOGETHER = 200_000
def read(number):
    time.sleep(0.01)
    return make(number)
build_items(sys.argv[1], list(range(int(sys.argv[2]))), read, workers=2)
"""


def test_killed_builds_go_on_and_end_as_if_they_had_not_been(tmp_path):
    count, rng = 150, np.random.default_rng(8)
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "a.lmdb"), str(count)]
    kills = 0
    for _ in range(3):
        process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
        while not (tmp_path / "a.lmdb.partial").exists() and process.poll() is None:
            time.sleep(0.02)
        time.sleep(rng.uniform(0.05, 0.4))
        process.send_signal(signal.SIGKILL)
        kills += process.wait() != 0
        assert kills == 0 or not (tmp_path / "a.lmdb").exists()
    subprocess.run(command, cwd=ROOT, check=True, stderr=subprocess.DEVNULL)
    assert kills and records(tmp_path / "a.lmdb") == expected(count)


def test_a_second_writer_is_told(tmp_path):
    def while_it_runs(number):
        with pytest.raises(InputError, match=r"a\.lmdb is being written by another process"):
            build_items(tmp_path / "a.lmdb", [1], make)
        return make(number)

    build_items(tmp_path / "a.lmdb", [1, 2], while_it_runs, workers=1)
    assert len(records(tmp_path / "a.lmdb")) == 2


FULL = """
import resource, sys
sys.path[:0] = ["tests", "tests/data"]
from maskpose.data import database
from maskpose.data.build import build_items
from maskpose.errors import InputError
from test_building import make
database.TOGETHER = 200_000
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    build_items(sys.argv[1], list(range(40)), make)
except InputError as error:
    sys.exit(f"error: {error}")
"""


def build_within(path, size=resource.RLIM_INFINITY, before=()):
    """Build items 0 to 39 in a process that may write files of ``size`` bytes at most: as on a disk that is full."""
    command = [*before, sys.executable, "-c", FULL, str(path), str(size)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def assert_one_line(result, *words):
    said = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert result.returncode == 1 and len(said) == 1 and all(word in said[0] for word in words), result.stderr
    assert "Traceback" not in result.stderr


@pytest.fixture(scope="module")
def whole_size(tmp_path_factory):
    """Bytes of data.mdb of items 0 to 39."""
    path = tmp_path_factory.mktemp("whole") / "a.lmdb"
    assert build_within(path).returncode == 0
    return (path / "data.mdb").stat().st_size


@pytest.mark.parametrize("share", [0, 0.001, 0.4, 0.9, 0.99, 0.999])
def test_a_full_disk_is_one_line_and_is_gone_on_with(tmp_path, whole_size, share):
    full = build_within(tmp_path / "a.lmdb", int(share * whole_size))
    assert not (tmp_path / "a.lmdb").exists()
    assert_one_line(full, "a.lmdb cannot be written")
    room = build_within(tmp_path / "a.lmdb")
    assert room.returncode == 0, room.stderr
    if share >= 0.4:
        assert "the same command continues" in full.stderr and "continuing after" in room.stderr
    assert records(tmp_path / "a.lmdb") == expected(40)
    assert [path.name for path in tmp_path.iterdir()] == ["a.lmdb"]


def test_a_folder_that_cannot_be_written(tmp_path):
    tmp_path.chmod(0o555)
    powerless = ["setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override"] if os.geteuid() == 0 else []
    if powerless and subprocess.run([*powerless, "true"]).returncode:
        pytest.skip("root may write anywhere here")
    result = build_within(tmp_path / "a.lmdb", before=powerless)
    tmp_path.chmod(0o755)
    assert_one_line(result, "a.lmdb cannot be written: Permission denied")
    assert list(tmp_path.iterdir()) == []


def test_photographs_that_vanish_midway_are_named(tmp_path, drawn_folder):
    shutil.copytree(drawn_folder / "Train", tmp_path / "set/Train")
    lines = onehand10k.plan(tmp_path / "set")["train"]
    read = onehand10k.LineReader(tmp_path / "set", lines)

    def vanishing(line):
        (tmp_path / "set/Train/source/4.jpg").unlink(missing_ok=True)
        return read(line)

    _, problems = build_items(tmp_path / "a.lmdb", lines, vanishing, workers=1)
    assert problems == [f"{tmp_path}/set/Train/label_joint.txt, line 5: {tmp_path}/set/Train/source/4.jpg cannot be "
                        "read: No such file or directory"]  # fmt: skip
    assert len(records(tmp_path / "a.lmdb")) == len(lines) - 1
    with pytest.raises(InputError, match=r"line 5: .*source/4\.jpg cannot be read: No such file"):
        build_items(tmp_path / "b.lmdb", lines, vanishing, strict=True)
    assert {path.name for path in tmp_path.iterdir()} == {"set", "a.lmdb"}


def test_a_half_made_database_that_vanishes(tmp_path):
    def read(number):
        if number == 30:
            shutil.rmtree(tmp_path / "a.lmdb.partial")
        return make(number)

    with pytest.raises(InputError, match=r"a\.lmdb cannot be written: .*No such file"):
        build_items(tmp_path / "a.lmdb", list(range(40)), read)
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_way(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be"):
        build_items(tmp_path / "file/a.lmdb", [1], make)


def test_memory_stays_flat(tmp_path):
    script = SCRIPT.replace("time.sleep(0.01)", "pass").replace("200_000", str(1 << 20))
    script += "\nfrom benchmarks.building import peak_memory\nprint(peak_memory())\n"
    peaks = []
    for count in (200, 3000):  # 13 MB and 200 MB of samples
        command = [sys.executable, "-c", script, str(tmp_path / f"{count}.lmdb"), str(count)]
        peaks.append(float(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout))
    manifest = json.loads((tmp_path / "3000.lmdb/manifest.json").read_text())
    assert manifest["bytes"] > 190e6
    assert peaks[1] - peaks[0] < 60  # MB; pages of the file that are mapped count, too
