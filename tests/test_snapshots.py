import csv
import os
import random
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest

from conftest import ROOT, blobs_of
from maskpose import snapshots
from maskpose.errors import InputError
from maskpose.losses import read_losses
from maskpose.training import Run, train
from maskpose.variants import get_variant


def make_run(db, folder, iterations=6, **changes):
    settings = {"snapshot_every": 2, "log_every": 1, "data": {"batch_size": 2, "input_size": 64}, **changes}
    return Run(get_variant("compact/mask_pose"), str(db), folder, iterations, **settings)


@pytest.fixture(scope="module")
def finished(drawn_db, tmp_path_factory):
    """A run of six iterations with a snapshot every second one."""
    folder = tmp_path_factory.mktemp("whole")
    train(make_run(drawn_db, folder), progress=False)
    return folder


def copy_of(finished, folder, iterations):
    """A run's folder as it is if only the snapshots of ``iterations`` were taken."""
    for n in iterations:
        for suffix in ("caffemodel", "solverstate"):
            name = f"mask_pose_iter_{n}.{suffix}"
            (folder / name).write_bytes((finished / name).read_bytes())
    (folder / "losses.csv").write_bytes((finished / "losses.csv").read_bytes())
    return folder


def assert_same_end(folder, other):
    one, two = (blobs_of(f / "mask_pose_iter_6.caffemodel") for f in (folder, other))
    assert all(np.array_equal(one[name], two[name]) for name in one)
    rows = [[(row["iteration"], row["total"]) for row in read_losses(f / "losses.csv")] for f in (folder, other)]
    assert rows[0] == rows[1] and [n for n, _ in rows[0]] == [1, 2, 3, 4, 5, 6]


def test_a_snapshot_is_caffes_own_pair(finished):
    assert [path.name for path in snapshots.states(finished)] == [f"mask_pose_iter_{n}.solverstate" for n in (6, 4, 2)]
    assert not any((finished / snapshots.PARTIAL).iterdir())
    state = snapshots.read_state(finished / "mask_pose_iter_4.solverstate")
    assert state.iter == 4 and state.learned_net == str(finished / "mask_pose_iter_4.caffemodel")


def truncate(path):
    path.write_bytes(path.read_bytes()[:-1000])


@pytest.mark.parametrize("suffix", ["caffemodel", "solverstate"])
def test_a_truncated_newest_snapshot_is_passed_over(finished, drawn_db, tmp_path, suffix, capsys):
    copy_of(finished, tmp_path, (2, 4))
    truncate(tmp_path / f"mask_pose_iter_4.{suffix}")
    train(make_run(drawn_db, tmp_path), resume="auto", progress=False)
    line = capsys.readouterr().err.strip()
    assert line.startswith("passed over: ") and "iter_4" in line and "\n" not in line
    assert_same_end(finished, tmp_path)


def test_a_truncated_snapshot_asked_for_is_an_error(finished, drawn_db, tmp_path):
    copy_of(finished, tmp_path, (4,))
    truncate(tmp_path / "mask_pose_iter_4.solverstate")
    with pytest.raises(InputError, match="truncated"):
        train(make_run(drawn_db, tmp_path), resume=tmp_path / "mask_pose_iter_4.solverstate", progress=False)


def test_a_moved_run_goes_on(finished, drawn_db, tmp_path):
    copy_of(finished, tmp_path, (4,))
    train(make_run(drawn_db, tmp_path), resume="auto", progress=False)
    assert_same_end(finished, tmp_path)


def test_auto_without_a_snapshot_starts_anew(finished, drawn_db, tmp_path):
    train(make_run(drawn_db, tmp_path), resume="auto", progress=False)
    assert_same_end(finished, tmp_path)


def test_old_snapshots_are_pruned(drawn_db, tmp_path):
    train(make_run(drawn_db, tmp_path, keep=2), progress=False)
    names = {path.name for path in tmp_path.glob("*_iter_*")}
    assert names == {f"mask_pose_iter_{n}.{s}" for n in (4, 6) for s in ("caffemodel", "solverstate")}


def test_resuming_with_another_type_of_solver_is_said(finished, drawn_db, tmp_path):
    run = make_run(drawn_db, tmp_path, solver={"type": "SGD"})
    with pytest.raises(InputError, match="another type of solver"):
        train(run, resume=finished / "mask_pose_iter_4.solverstate", progress=False)


def test_auto_in_a_folder_of_another_variant_is_an_error(finished, drawn_db, tmp_path):
    copy_of(finished, tmp_path, (2,))
    run = make_run(drawn_db, tmp_path)
    run.variant = get_variant("compact/no_mask")
    with pytest.raises(InputError, match="another network"):
        train(run, resume="auto", progress=False)


def test_no_whole_snapshot_is_an_error(finished, drawn_db, tmp_path):
    copy_of(finished, tmp_path, (2,))
    truncate(tmp_path / "mask_pose_iter_2.solverstate")
    with pytest.raises(InputError, match="none of its 1 snapshots"):
        train(make_run(drawn_db, tmp_path), resume="auto", progress=False)


def test_a_full_disk_is_said_before_caffe_meets_it(drawn_db, tmp_path, monkeypatch):
    monkeypatch.setattr(snapshots.shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10, 10, 0))
    with pytest.raises(InputError, match="MB are free"):
        train(make_run(drawn_db, tmp_path, iterations=1), progress=False)


def test_a_state_of_another_network_is_said(finished, drawn_db, tmp_path):
    run = make_run(drawn_db, tmp_path)
    run.variant = get_variant("compact/no_mask")
    with pytest.raises(InputError, match="another network"):
        train(run, resume=finished / "mask_pose_iter_4.solverstate", progress=False)


# tools/train.py that from the start of training on counts the calls of and by maskpose. At call number KILL_AT it is
# killed, or, after KILL_AFTER seconds, wherever it then is, in Caffe too. COUNT: the file to leave their number in.
KILLED = """
import os, runpy, signal, sys
from maskpose import loss_curves
loss_curves.draw = lambda *arguments, **options: None  # for time's sake
calls, kill_at, kill_after = 0, int(os.environ["KILL_AT"]), float(os.environ["KILL_AFTER"])

def count(frame, event, argument):
    global calls
    if event not in ("call", "c_call") or not frame.f_globals.get("__name__", "").startswith("maskpose"):
        return
    if calls or frame.f_code.co_name == "iterate":
        calls += 1
        if calls == kill_at and kill_after:
            signal.setitimer(signal.ITIMER_REAL, kill_after)  # nobody handles its signal: that ends a process at once
        elif calls == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

script = os.environ["SCRIPT"]
sys.path.insert(0, os.path.dirname(script))
sys.setprofile(count)
runpy.run_path(script, run_name="__main__")
sys.setprofile(None)
open(os.environ["COUNT"], "w").write(str(calls))
"""


def test_killed_at_random_and_resumed_is_as_if_never_stopped(finished, drawn_db, tmp_path):
    """Up to four kills, each within three iterations, of a run that validates, beside one that never stopped."""

    def run(folder, kill_at=0, kill_after=0.0):
        command = [
            sys.executable, "-c", KILLED, "--db", str(drawn_db), "--out", str(folder), "--variant", "compact/mask_pose",
            "--iterations", "6", "--snapshot-every", "2", "--log-every", "1", "--data", "batch_size=2",
            "--data", "input_size=64", "--val-db", str(drawn_db), "--val-limit", "2", "--resume", "auto",
        ]  # fmt: skip
        environment = {"KILL_AT": str(kill_at), "KILL_AFTER": str(kill_after), "COUNT": str(tmp_path / "calls")}
        environment["SCRIPT"] = str(ROOT / "tools/train.py")
        return subprocess.run(command, capture_output=True, env={**os.environ, **environment}).returncode

    assert run(tmp_path / "whole") == 0
    calls = int((tmp_path / "calls").read_text())
    chance, ends = random.Random(1), []
    while len(ends) < 4 and 0 not in ends:
        kill_after = chance.random() * 0.1 * (len(ends) % 2)
        ends.append(run(tmp_path / "killed", chance.randint(1, calls // 2), kill_after))
    assert {-signal.SIGKILL, -signal.SIGALRM} <= set(ends) <= {-signal.SIGKILL, -signal.SIGALRM, 0}
    assert 0 in ends or run(tmp_path / "killed") == 0
    assert_same_end(finished, tmp_path / "killed")
    cells = [list(csv.DictReader((tmp_path / name / "losses.csv").open())) for name in ("whole", "killed")]
    for row in (row for rows in cells for row in rows):
        del row["images_per_second"], row["waiting_share"]
    assert cells[0] == cells[1] and [row["val_mask_iou"] != "" for row in cells[0]] == [False, True] * 3
