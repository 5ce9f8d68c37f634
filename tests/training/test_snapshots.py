import csv
import os
import random
import shutil
import signal
import subprocess
import sys

import h5py
import numpy as np
import pytest

from conftest import ROOT, blobs_of, files_of_at_most, solver_state
from maskpose.errors import InputError
from maskpose.io.locks import FileLock
from maskpose.model.variants import get_variant
from maskpose.training import snapshots
from maskpose.training.loss_log import read_losses
from maskpose.training.run import Run
from maskpose.training.trainer import train


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
    assert [path.name for path in snapshots.list_snapshots(finished)] == [
        f"mask_pose_iter_{n}.solverstate" for n in (6, 4, 2)
    ]
    assert not any((finished / snapshots.PARTIAL).iterdir())
    state = solver_state(finished / "mask_pose_iter_4.solverstate")
    assert state.iter == 4 and state.learned_net == str(finished / "mask_pose_iter_4.caffemodel")


def truncate(path):
    path.write_bytes(path.read_bytes()[:-1000])


@pytest.mark.parametrize("suffix", ["caffemodel", "solverstate"])
def test_a_truncated_newest_snapshot_is_skipped(finished, drawn_db, tmp_path, suffix, capsys):
    copy_of(finished, tmp_path, (2, 4))
    truncate(tmp_path / f"mask_pose_iter_4.{suffix}")
    train(make_run(drawn_db, tmp_path), resume="auto", progress=False)
    line = capsys.readouterr().err.strip()
    assert line.startswith("skipping snapshot: ") and "iter_4" in line and "\n" not in line
    assert_same_end(finished, tmp_path)


def test_a_truncated_snapshot_asked_for_is_an_error(finished, drawn_db, tmp_path):
    copy_of(finished, tmp_path, (4,))
    truncate(tmp_path / "mask_pose_iter_4.solverstate")
    with pytest.raises(InputError, match="truncated"):
        train(make_run(drawn_db, tmp_path), resume=tmp_path / "mask_pose_iter_4.solverstate", progress=False)


def test_a_moved_run_can_be_resumed(finished, drawn_db, tmp_path):
    copy_of(finished, tmp_path, (4,))
    train(make_run(drawn_db, tmp_path), resume="auto", progress=False)
    assert_same_end(finished, tmp_path)


def test_auto_without_a_snapshot_begins_a_new_run(finished, drawn_db, tmp_path):
    train(make_run(drawn_db, tmp_path), resume="auto", progress=False)
    assert_same_end(finished, tmp_path)


def test_old_snapshots_are_pruned(drawn_db, tmp_path):
    train(make_run(drawn_db, tmp_path, keep=2), progress=False)
    names = {path.name for path in tmp_path.glob("*_iter_*")}
    assert names == {f"mask_pose_iter_{n}.{s}" for n in (4, 6) for s in ("caffemodel", "solverstate")}


def test_resuming_with_another_type_of_solver_is_an_error(finished, drawn_db, tmp_path):
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


def test_a_full_disk_is_an_error_and_leaves_nothing_half_written(drawn_db, tmp_path, monkeypatch):
    save = snapshots.save

    def on_a_full_disk(*arguments):
        with files_of_at_most(20_000):  # a snapshot is larger
            return save(*arguments)

    train(make_run(drawn_db, tmp_path, iterations=2), progress=False)
    monkeypatch.setattr(snapshots, "save", on_a_full_disk)
    with pytest.raises(InputError, match=r"no snapshot could be written to .*: File too large"):
        train(make_run(drawn_db, tmp_path), resume="auto", progress=False)
    assert {path.name for path in tmp_path.rglob("*_iter_*")} == {f"mask_pose_iter_2.{s}" for s in (
        "caffemodel", "solverstate")}  # fmt: skip
    monkeypatch.setattr(snapshots, "save", save)
    assert train(make_run(drawn_db, tmp_path), resume="auto", progress=False).name == "mask_pose_iter_6.caffemodel"


DAMAGE = {  # of history 1, a bias's, or of the state
    "gradients of another length": lambda s, b: b.diff.extend([1.0] * 3),
    "double values of another length": lambda s, b: b.double_data.extend([1.0] * 3),
    "a value too few": lambda s, b: b.data.pop(),
    "an old dimension": lambda s, b: setattr(b, "num", 5),
    "a leading one": lambda s, b: b.shape.dim.insert(0, 1),
    "NaN": lambda s, b: b.data.__setitem__(0, float("nan")),
    "a negative sum of squares": lambda s, b: s.history[-1].data.__setitem__(0, -1.0),
    "a blob too few": lambda s, b: s.history.pop(),
    "a blob too many": lambda s, b: s.history.add().CopyFrom(b),
    "a negative iteration": lambda s, b: setattr(s, "iter", -4),
    "no iteration": lambda s, b: s.ClearField("iter"),
    "another iteration than its name": lambda s, b: setattr(s, "iter", 3),
    "a negative step": lambda s, b: setattr(s, "current_step", -1),
    "more steps than iterations": lambda s, b: setattr(s, "current_step", 5),
}


@pytest.fixture(scope="module")
def solver(finished):
    from maskpose.runtime import import_caffe

    solver = import_caffe().get_solver(str(finished / "solver.prototxt"))
    yield solver
    solver.net.layers[0].close()


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_newest_state_is_skipped_and_an_error_if_asked_for(finished, solver, tmp_path, capsys, damage):
    copy_of(finished, tmp_path, (2, 4))
    newest = tmp_path / "mask_pose_iter_4.solverstate"
    state = solver_state(newest)
    DAMAGE[damage](state, state.history[1])
    newest.write_bytes(state.SerializeToString())
    with pytest.raises(InputError, match="iter_4"):
        snapshots.restore(solver, newest)
    assert snapshots.restore_newest(solver, tmp_path).name == "mask_pose_iter_2.solverstate" and solver.iter == 2
    assert capsys.readouterr().err.startswith("skipping snapshot: ")


def test_the_path_of_weights_in_a_state_does_not_matter(finished, solver, tmp_path):
    copy_of(finished, tmp_path, (4,))
    state = solver_state(tmp_path / "mask_pose_iter_4.solverstate")
    state.learned_net = "/nowhere/else.caffemodel"
    (tmp_path / "mask_pose_iter_4.solverstate").write_bytes(state.SerializeToString())
    snapshots.restore(solver, tmp_path / "mask_pose_iter_4.solverstate")
    assert solver.iter == 4


def hdf5_of(finished, folder):
    """The snapshot of iteration 4, as Caffe writes it for snapshot_format HDF5."""
    shutil.copy(finished / "mask_pose_iter_4.caffemodel", folder / "mask_pose_iter_4.caffemodel.h5")
    state = solver_state(finished / "mask_pose_iter_4.solverstate")
    path = folder / "mask_pose_iter_4.solverstate.h5"
    with h5py.File(path, "w") as file:
        file["iter"], file["current_step"] = np.array([4], "i4"), np.array([0], "i4")
        for number, blob in enumerate(state.history):
            file[f"history/{number}"] = np.array(blob.data, "f4").reshape(blob.shape.dim)
    return path


def test_a_state_in_hdf5_is_restored_as_the_same_in_protobuf(finished, solver, tmp_path):
    assert snapshots.restore_newest(solver, hdf5_of(finished, tmp_path).parent).name.endswith(".h5")
    before = solver_state(finished / "mask_pose_iter_4.solverstate")
    model = snapshots.save(solver, finished, "mask_pose")
    state = solver_state(model.with_suffix(".solverstate"))
    assert model.name == "mask_pose_iter_4.caffemodel" and state.iter == 4
    assert [list(blob.data) for blob in state.history] == [list(blob.data) for blob in before.history]


@pytest.mark.parametrize("name,value", [
    ("history/1", np.zeros((1, 16), "f4")), ("history/1", np.array([b"x"] * 16)), ("iter", np.array([1.5])),
    ("iter", np.array([-4])), ("current_step", np.array([9])), ("history/999", np.zeros(3)),
])  # fmt: skip
def test_a_damaged_state_in_hdf5_is_an_error(finished, solver, tmp_path, name, value):
    path = hdf5_of(finished, tmp_path)
    with h5py.File(path, "r+") as file:
        if name in file:
            del file[name]
        file[name] = value
    with pytest.raises(InputError, match="iter_4"):
        snapshots.restore(solver, path)


def test_another_file_is_refused_as_a_state_and_the_state_beside_it_named(finished, solver, tmp_path):
    copy_of(finished, tmp_path, (4,))
    model = tmp_path / "mask_pose_iter_4.caffemodel"
    with pytest.raises(InputError, match=r"holds weights alone: expected the \.solverstate .*iter_4\.solverstate$"):
        snapshots.restore(solver, model)
    (tmp_path / "mask_pose_iter_4.solverstate").unlink()
    for path, said in ((model, "give --weights"), (tmp_path, "is a folder"), (tmp_path / "none", "no such file"),
                       (tmp_path / "losses.csv", "not a solver state")):  # fmt: skip
        with pytest.raises(InputError, match=rf"{said}.*"):
            snapshots.restore(solver, path)


def test_weights_that_are_not_finite_are_not_kept(finished, tmp_path):
    from maskpose.runtime import import_caffe

    solver = import_caffe().get_solver(str(finished / "solver.prototxt"))
    solver.net.params["conv1_1"][1].data[0] = np.nan
    with pytest.raises(InputError, match="diverged: the weights of conv1_1 are not finite"):
        snapshots.save(solver, tmp_path, "mask_pose")
    solver.net.layers[0].close()
    assert not list(tmp_path.iterdir())


def test_a_second_training_in_a_folder_is_refused(drawn_db, tmp_path):
    said = f"being written by another process: process {os.getpid()} on "
    with FileLock(tmp_path / ".lock", tmp_path), pytest.raises(InputError, match=said):
        train(make_run(drawn_db, tmp_path), progress=False)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_removed_during_the_training_ends_it(drawn_db, tmp_path, monkeypatch):
    save = snapshots.save
    monkeypatch.setattr(snapshots, "save", lambda *given: (save(*given), shutil.rmtree(tmp_path / "run")))
    with pytest.raises(InputError, match=r"run was removed or replaced: .* iteration 3 of 6"):
        train(make_run(drawn_db, tmp_path / "run"), progress=False)
    assert not (tmp_path / "run").exists()


def test_a_removed_folder_for_unfinished_snapshots_ends_the_training(drawn_db, tmp_path, monkeypatch):
    save = snapshots.save
    monkeypatch.setattr(snapshots, "save", lambda *given: (save(*given), shutil.rmtree(tmp_path / snapshots.PARTIAL)))
    with pytest.raises(InputError, match=r"\.partial has been removed during the training: no snapshot"):
        train(make_run(drawn_db, tmp_path), progress=False)
    assert [snapshots.iteration_of(path) for path in snapshots.list_snapshots(tmp_path)] == [2]


def test_a_state_of_another_network_is_an_error(finished, drawn_db, tmp_path):
    run = make_run(drawn_db, tmp_path)
    run.variant = get_variant("compact/no_mask")
    with pytest.raises(InputError, match="another network"):
        train(run, resume=finished / "mask_pose_iter_4.solverstate", progress=False)


# tools/train.py that from the start of training on counts the calls of and by maskpose. At call number KILL_AT it is
# killed, or, after KILL_AFTER seconds, wherever it then is, in Caffe too. COUNT: the file to leave their number in.
KILLED = """
import os, runpy, signal, sys
from maskpose.training import loss_curves
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
