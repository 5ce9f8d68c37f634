import csv
import dataclasses
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from conftest import ROOT, blobs_of
from maskpose.errors import InputError, Stopped
from maskpose.model.variants import get_variant
from maskpose.training import trainer
from maskpose.training.distributed import SingleProcess
from maskpose.training.loss_log import read_losses
from maskpose.training.run import Run, write_definitions
from maskpose.training.snapshots import list_snapshots
from maskpose.training.trainer import train

SMALL = {"batch_size": 2, "input_size": 64}


def small_run(db, folder, iterations=4, **data):
    return Run(get_variant("compact/mask_pose"), str(db), Path(folder), iterations, data={**SMALL, **data}, log_every=2)


@pytest.fixture(scope="module")
def finished(drawn_db, tmp_path_factory):
    """A run of four iterations with a snapshot at the second."""
    folder = tmp_path_factory.mktemp("run")
    run = small_run(drawn_db, folder)
    run.snapshot_every = 2
    return folder, train(run, progress=False)


def test_files_and_log_that_a_run_leaves(finished):
    folder, weights = finished
    assert weights == folder / "mask_pose_iter_4.caffemodel"
    names = {path.name for path in folder.iterdir()}
    assert {"train.prototxt", "solver.prototxt", "losses.csv", "losses.png", "mask_pose_iter_2.solverstate"} <= names
    rows = list(csv.DictReader((folder / "losses.csv").open()))
    assert [row["iteration"] for row in rows] == ["2", "4"]
    for row in rows:
        heat = sum(float(row[f"heatmap_loss_stage{stage}"]) for stage in range(2, 5))
        assert float(row["total"]) == pytest.approx(heat + 0.5 * float(row["mask_loss"]), rel=1e-4)


def test_the_first_loss_is_what_an_undecided_network_must_have(finished):
    # Outputs near 0 on an 8x8 grid. Mask: ln 2 a cell. Heatmaps: half the sum of squared labels, which is at
    # most pi (sigma 1) for each of 21 joints and 1 for each of 64 cells of background.
    row = read_losses(finished[0] / "losses.csv")[0]
    assert row["mask_loss"] == pytest.approx(64 * np.log(2), rel=0.35)
    assert 16 < row["heatmap_loss_stage4"] < (21 * np.pi + 64) / 2


def test_resumed_is_the_same_as_never_stopped(finished, drawn_db, tmp_path):
    folder, weights = finished
    for suffix in ("caffemodel", "solverstate"):
        name = f"mask_pose_iter_2.{suffix}"
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    (tmp_path / "losses.csv").write_text((folder / "losses.csv").read_text())
    resumed = train(small_run(drawn_db, tmp_path), resume="auto", progress=False)
    expected, got = blobs_of(weights), blobs_of(resumed)
    assert all(np.array_equal(expected[name], got[name]) for name in expected)
    for one, other in zip(read_losses(folder / "losses.csv"), read_losses(tmp_path / "losses.csv")):
        assert one["total"] == other["total"] and one["iteration"] == other["iteration"]


def test_starting_from_weights_copies_them(finished, drawn_db, tmp_path):
    run = small_run(drawn_db, tmp_path, iterations=1)
    run.solver["base_lr"] = 1e-30
    weights = train(run, initial_weights=finished[1], progress=False)
    expected, got = blobs_of(finished[1]), blobs_of(weights)
    assert all(np.allclose(expected[name], got[name], rtol=0, atol=1e-20) for name in expected)


def test_definitions_are_the_repositorys_with_the_users_changes(drawn_db, tmp_path):
    run = small_run(drawn_db, tmp_path, iterations=7, seed=5)
    run.solver["base_lr"] = 0.25
    write_definitions(run)
    text = (tmp_path / "solver.prototxt").read_text()
    assert "max_iter: 7" in text and "base_lr: 0.25" in text and 'type: "Adam"' in text
    net = (tmp_path / "train.prototxt").read_text()
    assert re.search(r'\\"seed\\": 5', net) and str(drawn_db) in net


@pytest.mark.parametrize(
    "change,said",
    [
        ({"solver": {"lr": 1}}, "no setting lr"), ({"solver": {"max_iter": 5}}, "--iterations and --solver max_iter"),
        ({"data": {"sgima": 1}}, "sgima"),
        ({"solver": {"test_iter": [5]}}, "test_iter is the trainer's own: give --val-db"),
        ({"solver": {"snapshot": 5}}, "give --snapshot-every"), ({"solver": {"train_net": "x"}}, "variant's network"),
        ({"solver": {"regularization_type": "L3"}}, "regularization_type: expected one of L1, L2 .*'L3'"),
    ],
)  # fmt: skip
def test_unknown_settings_are_errors(drawn_db, tmp_path, change, said):
    run = small_run(drawn_db, tmp_path)
    for field, value in change.items():
        getattr(run, field).update(value)
    with pytest.raises(InputError, match=said):
        write_definitions(run)


def test_resuming_a_finished_run_is_an_error(finished, drawn_db, capsys):
    with pytest.raises(InputError, match=r"ends at 4: to train further, give a larger --iterations"):
        train(small_run(drawn_db, finished[0]), resume="auto", progress=False)
    assert "resuming" not in capsys.readouterr().out


def test_changed_settings_are_reported_on_resuming(finished, drawn_db, tmp_path, capsys):
    folder = tmp_path / "run"
    shutil.copytree(finished[0], folder)
    train(small_run(drawn_db, folder, iterations=5, workers=2), resume="auto", progress=False)
    lines = [line for line in capsys.readouterr().out.splitlines() if "resuming with changed settings" in line]
    assert lines == ["resuming with changed settings: max_iter 5 (was 4)"]  # by which the learning rate falls otherwise
    run = small_run(drawn_db, folder, iterations=6, batch_size=3)
    run.solver["base_lr"] = 0.25
    train(run, resume=folder / "mask_pose_iter_5.solverstate", progress=False)
    lines = [line for line in capsys.readouterr().out.splitlines() if "resuming with changed settings" in line]
    assert len(lines) == 1 and "batch_size 3 (was 2)" in lines[0] and "base_lr 0.25 (was 0.001)" in lines[0]
    assert "max_iter 6 (was 5)" in lines[0] and lines[0].count("(was") == 3
    run = dataclasses.replace(run, variant=get_variant("compact/mask_pose+mask_loss_weight=0.25"), iterations=7)
    train(run, resume=folder / "mask_pose_iter_6.solverstate", progress=False)
    lines = [line for line in capsys.readouterr().out.splitlines() if "resuming with changed settings" in line]
    assert "loss weight of mask_loss 0.25 (was 0.5)" in lines[0] and lines[0].count("(was") == 2


def test_a_refused_run_leaves_the_definitions_of_the_one_before(finished, drawn_db):
    text = (finished[0] / "train.prototxt").read_text()
    for resume, said in ((None, "earlier run"), ("auto", "training ends at 4")):
        with pytest.raises(InputError, match=said):
            train(small_run(drawn_db, finished[0], batch_size=3), resume=resume, progress=False)
    assert (finished[0] / "train.prototxt").read_text() == text


def test_a_stopped_training_raises_stopped(drawn_db, tmp_path, monkeypatch):
    monkeypatch.setattr(trainer.StopRequest, "__enter__", lambda self: setattr(self, "asked", True) or self)
    monkeypatch.setattr(trainer.StopRequest, "__exit__", lambda self, *exception: None)
    with pytest.raises(Stopped, match="iteration 1 of 4"):
        train(small_run(drawn_db, tmp_path), progress=False)
    assert list_snapshots(tmp_path)


class Noting(SingleProcess):
    """A group of one that notes the last biases and their gradient before each update."""

    def connect(self, solver):
        biases, self.noted = solver.net.params["Mconv7_stage4"][1], []
        solver.add_callback(lambda: None, lambda: self.noted.append((biases.data.copy(), biases.diff.copy())))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize(
    "policy,factors",
    [
        ({"lr_policy": "fixed"}, [0.5, 1, 1, 1, 1, 1]),
        ({"lr_policy": "step", "gamma": 0.5, "stepsize": 3}, [0.5, 1, 1, 0.5, 0.5, 0.5]),
        ({"lr_policy": "exp", "gamma": 0.7}, [0.5, *(0.7**i for i in range(1, 6))]),
        ({"lr_policy": "inv", "gamma": 1.0, "power": 0.5}, [0.5, *((1 + i) ** -0.5 for i in range(1, 6))]),
        ({"lr_policy": "multistep", "gamma": 0.5, "stepvalue": [3, 5]}, [0.5, 1, 1, 0.5, 0.5, 0.25]),
        (
            {"lr_policy": "sigmoid", "gamma": 1.0, "stepsize": 3},
            [0.5 * sigmoid(-3), *(sigmoid(i - 3) for i in range(1, 6))],
        ),
        ({"lr_policy": "poly", "power": 2.0}, [0.5, *((1 - i / 7) ** 2 for i in range(1, 6))]),
    ],
    ids=lambda value: value["lr_policy"] if isinstance(value, dict) else "",
)
def test_the_learning_rate_of_a_row_is_that_of_the_update(drawn_db, tmp_path, policy, factors):
    """Plain SGD moves the biases against the gradient, by twice the rate (lr_mult); warm-up halves the first."""
    run = small_run(drawn_db, tmp_path, iterations=7, input_size=32, workers=0)
    run.solver = {"type": "SGD", "momentum": 0.0, "weight_decay": 0.0, "clip_gradients": -1.0, **policy}
    run.solver["base_lr"] = 1e-3
    run.log_every, run.warmup = 1, 2
    group = Noting()
    train(run, progress=False, group=group)
    used = []
    for (biases, gradient), (after, _) in zip(group.noted, group.noted[1:]):
        used.append(np.vdot(biases - after, gradient) / np.vdot(gradient, gradient) / 2)
    written = [row["learning_rate"] for row in read_losses(tmp_path / "losses.csv")]
    assert written[:6] == pytest.approx([1e-3 * factor for factor in factors], rel=1e-5)
    assert used == pytest.approx(written[:6], rel=1e-4)


@pytest.mark.parametrize(
    "setting",
    [
        {"lr_policy": "step", "stepsize": 0},
        {"lr_policy": "exp", "gamma": -0.5},
        {"lr_policy": "multistep", "stepvalue": []},
        {"lr_policy": "multistep", "gamma": 0.5, "stepvalue": [4, 4]},
    ],
)
def test_a_learning_rate_policy_without_its_settings_is_an_error(drawn_db, tmp_path, setting):
    run = small_run(drawn_db, tmp_path)
    run.solver.update(setting)
    with pytest.raises(InputError, match=rf"solver {list(setting)[-1]}: lr_policy {setting['lr_policy']} needs"):
        train(run, progress=False)


def test_a_log_without_the_newer_columns_can_be_resumed(finished, drawn_db, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(finished[0], folder)
    for path in folder.glob("*_iter_4.*"):
        path.unlink()
    rows = list(csv.DictReader((folder / "losses.csv").open()))
    old = [column for column in rows[0] if column not in ("learning_rate", "val_pck", "val_mask_iou")]
    with (folder / "losses.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, old, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    train(small_run(drawn_db, folder), resume="auto", progress=False)
    now = list(csv.DictReader((folder / "losses.csv").open()))
    assert [row["total"] for row in now] == [row["total"] for row in rows]
    assert [row["learning_rate"] for row in now] == ["", rows[1]["learning_rate"]]


def test_a_snapshot_may_come_before_a_log_row(drawn_db, tmp_path):
    run = small_run(drawn_db, tmp_path, iterations=2)
    run.log_every, run.snapshot_every = 10, 1
    train(run, progress=False)
    assert [row["iteration"] for row in read_losses(tmp_path / "losses.csv")] == [1, 2]


@pytest.mark.parametrize(
    "setting,said", [({"type": "adam"}, "Adam"), ({"lr_policy": "cosine"}, "poly"), ({"iter_size": 2}, "batch_size")]
)
def test_solver_settings_at_which_caffe_would_abort_are_errors(drawn_db, tmp_path, setting, said):
    run = small_run(drawn_db, tmp_path)
    run.solver.update(setting)
    with pytest.raises(InputError, match=said):
        train(run, progress=False)


def test_a_folder_that_holds_another_run_is_refused(finished, drawn_db):
    with pytest.raises(InputError, match="holds snapshots of an earlier run"):
        train(small_run(drawn_db, finished[0]), progress=False)


def test_a_file_in_the_place_of_the_folder_is_an_error(drawn_db, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be made: File exists"):
        train(small_run(drawn_db, tmp_path / "file"), progress=False)


def start(db, folder, *arguments):
    command = [sys.executable, ROOT / "tools/train.py", "--db", db, "--out", folder, "--iterations", "100000"]
    command += ["--data", "batch_size=2", "--data", "input_size=64", "--log-every", "1", *arguments]
    process = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while len(read_losses(folder / "losses.csv")) < 2 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    return process


def test_ctrl_c_takes_a_snapshot_and_ends(drawn_db, tmp_path):
    process = start(drawn_db, tmp_path)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "stopping after this iteration" in errors
    state = list_snapshots(tmp_path)[0]
    again = shlex.split(output.partition("to resume: ")[2])
    assert again[-2:] == ["--resume", "auto"] and "Traceback" not in errors
    assert again[-len(process.args) - 1 : -2] == [str(part) for part in process.args][1:]
    assert state.with_suffix(".caffemodel").is_file()


def worker_of(process):
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return next(int(pid) for pid in children if b"maskpose.data.prefetch" in Path(f"/proc/{pid}/cmdline").read_bytes())


def test_a_training_that_diverges_ends_and_keeps_its_snapshots(drawn_db, tmp_path):
    run = small_run(drawn_db, tmp_path, iterations=40)
    run.snapshot_every, run.warmup = 1, 1
    run.solver = {"type": "SGD", "base_lr": 1.0, "lr_policy": "fixed", "clip_gradients": -1.0}
    with pytest.raises(InputError, match=r"diverged.*at iteration \d+.*base_lr"):
        train(run, progress=False)
    newest = list_snapshots(tmp_path)[0].with_suffix(".caffemodel")
    assert all(np.isfinite(blob).all() for blob in blobs_of(newest).values())


def test_a_dead_worker_ends_the_training_with_an_error(drawn_db, tmp_path):
    process = start(drawn_db, tmp_path)
    os.kill(worker_of(process), signal.SIGKILL)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2, errors[-1500:]
    assert "error: data worker 0 ended" in errors and "Traceback" not in errors
