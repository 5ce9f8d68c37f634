"""The whole of tools/reproduce.py on a few drawn hands: stopped, killed, gone on with, done, and what it says."""

import csv
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from conftest import ROOT, build, sample_with_hand
from maskpose.errors import InputError
from maskpose.io.images import read_color
from maskpose.reproduction.options import Options
from maskpose.reproduction.plan import plan_steps
from maskpose.reproduction.setup import Setup

ITERATIONS = 4
ALONE = os.environ | {"OMP_NUM_THREADS": "1"}  # such small batches gain nothing by threads
TRAINING = "--data batch_size=1 --data workers=0 --snapshot-every 1 --log-every 2"


def command(data, out, *more):
    script = str(ROOT / "tools/reproduce.py")
    return [sys.executable, script, "--data", str(data), "--out", str(out), "--iterations", str(ITERATIONS),
            "--training", TRAINING, *map(str, more)]  # fmt: skip


def run(*arguments):
    return subprocess.run(command(*arguments), capture_output=True, text=True, cwd=ROOT, env=ALONE)


def ended_by(number, data, out, network):
    """(status, stdout) of a run that gets a signal as soon as the training of a network has a snapshot."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen(command(data, out), **pipes, text=True, cwd=ROOT, env=ALONE)
    while not list((out / "train/seed1" / network).glob("*.solverstate")):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)
    os.kill(process.pid, number)
    said, _ = process.communicate(timeout=60)
    return process.returncode, said


@pytest.fixture(scope="module")
def made(drawn_folder, tmp_path_factory):
    """(folder, what the last run said) of a reproduction that was stopped, killed and gone on with."""
    out = tmp_path_factory.mktemp("reproduction") / "out"
    status, said = ended_by(signal.SIGINT, drawn_folder, out, "mask_pose")
    assert status == 130 and "stopped in step 4 of 15, training of mask_pose, seed 1; to resume: " in said
    assert ended_by(signal.SIGKILL, drawn_folder, out, "no_mask")[0] == -signal.SIGKILL
    result = run(drawn_folder, out)
    assert result.returncode == 0, result.stderr
    assert "step 5 of 15, training of no_mask, seed 1: resuming\nresuming from " in result.stdout
    assert "step 4 of 15, training of mask_pose, seed 1: done before" in result.stdout
    return out, result.stdout


def test_a_stopped_training_trains_each_iteration_once(made):
    """Every iteration of the network that was killed is in its log once."""
    rows = list(csv.DictReader((made[0] / "train/seed1/no_mask/losses.csv").open()))
    assert [int(row["iteration"]) for row in rows] == list(range(1, ITERATIONS + 1))


def test_everything_that_the_index_names_is_there(made):
    out, said = made
    index = json.loads((out / "reproduction.json").read_text())
    files = [name for step in index["steps"].values() for name in step["files"]]
    assert all((out / name).exists() for name in files) and said.strip().endswith("summary.md")
    wanted = ["table1.md", "table1.csv", "summary.json", "summary.md", "timing.md"]
    wanted += [f"fig{n}.png" for n in (7, 8, 9, 11)] + ["fig9.svg", "fig9.csv"]
    assert set(wanted) <= set(files) and "scores/eb/seed1/mask_pose/predictions_single.h5" in files
    assert read_color(out / "fig7.png").shape[1] == 4 * 220
    page = (out / "summary.md").read_text()
    assert "| EB | 4 | 1703 |" in page and "Does the mask help the pose?" in page and "30 ms" in page


def test_the_table_and_the_curves_say_what_the_scores_say(made):
    out = made[0]
    scores = json.loads((out / "scores/eb/seed1/mask_pose/scores.json").read_text())["scores"]["single"]["all"]
    table = list(csv.DictReader((out / "table1.csv").open()))
    for name, figure in scores["ap"].items():
        ours = [row for row in table if (row["network"], row["seed"], row["figure"]) == ("mask_pose", "1", name)]
        assert [float(row["value"]) for row in ours] == ([100 * figure["value"]] if name != "AP50:95" else [])
    curve = list(csv.DictReader((out / "fig9.csv").open()))
    assert [float(row["all keypoints: proposed, EB"]) for row in curve] == scores["curve"]["value"]


def test_the_same_command_again_makes_nothing(made, drawn_folder):
    out = made[0]
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()}
    result = run(drawn_folder, out)
    assert result.returncode == 0 and result.stdout.count(": done before") == 15
    assert {path: path.stat().st_mtime_ns for path in before} == before
    listed = run(drawn_folder, out, "--list").stdout.splitlines()
    assert len(listed) == 15 and all(line.startswith("done") for line in listed)


def test_a_training_that_was_killed_after_its_end_is_not_trained_again(made, drawn_folder):
    """Its last snapshot is there, but not the note that it is done."""
    out = made[0]
    note = out / "steps/train/seed1/no_mask.json"
    note.write_text(json.dumps(json.loads(note.read_text()) | {"done": False}))
    weights = next((out / "train/seed1/no_mask").glob(f"*_iter_{ITERATIONS}.caffemodel"))
    before = weights.stat().st_mtime_ns
    result = run(drawn_folder, out)
    assert result.returncode == 0, result.stderr
    assert "training of no_mask, seed 1: resuming" in result.stdout and weights.stat().st_mtime_ns == before


def test_only_what_is_missing_is_made_again(made, drawn_folder):
    out = made[0]
    (out / "table1.csv").unlink()
    result = run(drawn_folder, out)
    (line,) = (line for line in result.stdout.splitlines() if "making it again" in line)
    assert line.startswith("step 10 of 15, Table 1: masks without and with the pose stage: ")
    assert line.endswith(f": making it again: {out / 'table1.csv'} is missing")
    assert result.stdout.count(": done before") == 14 and (out / "table1.csv").exists()


def test_a_failing_step_is_reported_with_the_command_that_resumes(made, drawn_folder, tmp_path):
    (tmp_path / "ea.txt").write_text("nobody.jpg\n")
    result = run(drawn_folder, made[0], "--ea", tmp_path / "ea.txt")
    last = result.stderr.strip().splitlines()[-1]
    assert result.returncode == 2 and "Traceback" not in result.stderr
    assert last.startswith("error: step 3 of 15, list of EA: ") and "no sample is called nobody.jpg" in last
    assert "to resume: " in last and "--ea" in last
    result = run(drawn_folder, made[0], "--training", TRAINING + " --solver nonsense=1")
    last = result.stderr.strip().splitlines()[-1]
    assert "begun with other settings (training " in last and "give another OUT" in last
    result = run(drawn_folder, tmp_path / "out", "--training", "--solver nonsense=1")
    last = result.stderr.strip().splitlines()[-1]
    assert "training of mask_pose, seed 1: the solver has no setting nonsense" in last


def test_ea_is_a_tenth_of_eb_by_numpys_permutation(tmp_path):
    build(tmp_path / "test.lmdb", [sample_with_hand(f"{n}.jpg", 50) for n in range(30)])
    (tmp_path / "train.lmdb").symlink_to(tmp_path / "test.lmdb")
    plan_steps(Options(data=tmp_path, out=tmp_path / "out"))[0].make()
    order = np.random.Generator(np.random.PCG64(1)).permutation(30)[:3]
    assert (tmp_path / "out/data/ea.txt").read_text() == "".join(f"{n}.jpg\n" for n in sorted(order))


def names_of(**options):
    return [step.name for step in plan_steps(Options(**options))]


def test_options_decide_which_steps_there_are(drawn_folder, tmp_path):
    (tmp_path / "cmu").mkdir()
    (tmp_path / "hand.caffemodel").touch()
    names = names_of(data=drawn_folder, out=tmp_path, scale="paper", seeds=2, x2=True, cmu=tmp_path / "cmu",
                     openpose=tmp_path / "hand.caffemodel")  # fmt: skip
    assert sum(name.startswith("train/") for name in names) == 8
    # on EB all nine, on each of CMU's three the seven with a pose stage
    assert sum(name.startswith("scores/") for name in names) == 9 + 3 * 7
    assert {"data/mpi_nzsl", "data/syn2", "data/syn3", "fig10", "scores/syn2/openpose_hand"} <= set(names)
    options = Options(data=drawn_folder, out=tmp_path, scale="paper")
    steps, setup = {step.name: step for step in plan_steps(options)}, Setup(options)
    assert setup.iterations == 200_000 and setup.modes == ("pyramid", "single")
    assert steps["scores/eb/seed1/no_pose"].settings["ways"] == ["single"]
    twice = plan_steps(Options(data=drawn_folder, out=tmp_path, modes=("refined", "pyramid")))
    modes = {step.name.split("/")[-1]: step.settings["ways"] for step in twice if step.name.startswith("scores")}
    assert modes == {"mask_pose": ["refined", "pyramid"], "no_mask": ["refined", "pyramid"],
                     "no_pose": ["refined", "single"]}  # fmt: skip
    assert steps["train/seed1/no_mask"].settings["variant"] == "no_mask"


def test_data_may_be_databases_and_other_folders_are_errors(drawn_folder, drawn_db, tmp_path):
    for part in ("train", "test"):
        (tmp_path / f"{part}.lmdb").symlink_to(drawn_db)
    names = names_of(data=tmp_path, out=tmp_path / "out")
    assert names[0] == "data/ea"
    with pytest.raises(InputError, match=r"neither in OneHand10K's layout .*Train/label_joint.txt is missing"):
        plan_steps(Options(data=tmp_path / "out", out=tmp_path / "out"))


@pytest.mark.parametrize(
    "given,said",
    [
        ({"mix": ("x.lmdb",)}, "expected LMDB=SHARE, not 'x.lmdb'"), ({"mix": ("x.lmdb=0.5",)}, "x.lmdb is missing"),
        ({"predictions": ("OpenPose=found",)}, "found is missing"), ({"ea": "ea.txt"}, "ea.txt is missing"),
        ({"predictions": ("found.json",)}, "found.json is missing"),
        ({"training": ("--weights=vgg19.caffemodel",)}, "vgg19.caffemodel is missing"),
        ({"training": ("--data", "seed=2", "--weights", "w.caffemodel")}, "w.caffemodel is missing"),
    ],
)  # fmt: skip
def test_missing_paths_are_errors_before_anything_is_made(drawn_folder, tmp_path, given, said):
    with pytest.raises(InputError, match=said):
        plan_steps(Options(data=drawn_folder, out=tmp_path, **given))
