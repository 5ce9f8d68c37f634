"""The drill for machines with a GPU, on the CPU."""

import json
import sys

import pytest

from conftest import ROOT, run_tool
from maskpose.errors import InputError
from maskpose.gpu_drill import layers, plan, runner, summary
from maskpose.model.variants import get_variant
from maskpose.runtime import import_caffe

# A stand-in for maskpose.gpu_drill.steps: what each function does with FOLDER, DB, SETTINGS.
FAKE = """
import json, sys, time
from pathlib import Path
function, folder, db, settings = sys.argv[1:]
settings = json.loads(settings)
with open(Path(folder) / "calls", "a") as calls:
    calls.write(function + "\\n")
if function == "database":
    print(json.dumps({"db": "drawn"}), flush=True)
print(json.dumps({"saw": db, **settings}), flush=True)
print("no JSON", flush=True)
if function == "slow":
    time.sleep(60)
if function == "broken" or (function == "device" and settings):
    sys.exit("error: it is broken")
"""


@pytest.fixture
def fake(tmp_path):
    path = tmp_path / "fake.py"
    path.write_text(FAKE)
    return sys.executable, str(path)


def lines_of(folder):
    return [json.loads(line) for line in (folder / "steps.jsonl").read_text().splitlines() if line]


def drill(fake, folder, *steps, seconds=60.0, **options):
    return runner.Drill(steps, folder, seconds, command=fake, **options).run()


def test_a_slow_and_a_broken_step_end_alone(fake, tmp_path):
    out = tmp_path / "out"
    steps = [plan.Step("database", "database", 20), plan.Step("slow", "slow", 4), plan.Step("broken", "broken", 20),
             plan.Step("last", "quick", 20, {"n": 1})]  # fmt: skip
    assert not drill(fake, out, *steps)
    ends = {line["step"]: (line["status"], line["reason"]) for line in lines_of(out) if "status" in line}
    assert ends == {
        "database": ("done", ""),
        "slow": ("timed out", "after 4 s"),
        "broken": ("failed", "it is broken"),
        "last": ("done", ""),
    }
    saw = {line["step"]: line["saw"] for line in lines_of(out) if "saw" in line}
    assert saw == {"database": "", "slow": "drawn", "broken": "drawn", "last": "drawn"}
    text = (out / "summary.md").read_text()
    assert "| slow | timed out after 4 s |" in text and "| broken | failed it is broken |" in text


def test_a_drill_goes_on_where_it_ended(fake, tmp_path):
    out = tmp_path / "out"
    steps = [
        plan.Step("one", "one", 20),
        plan.Step("broken", "broken", 20),
        plan.Step("end", "end", 20, is_endless=True),
    ]
    drill(fake, out, *steps, seconds=90.0)
    with open(out / "steps.jsonl", "a") as journal:
        journal.write('{"step": "tw')  # as the machine stops
    drill(fake, out, *steps, plan.Step("two", "two", 20), seconds=90.0)
    assert (out / "calls").read_text().split() == ["one", "broken", "end", "broken", "end", "two"]
    kept = runner.read_journal(out)
    assert {line["step"] for line in kept} == {"broken", "end", "one", "two"}
    assert sum(line["step"] == "broken" and "saw" in line for line in kept) == 1, "of its last try alone"


def test_steps_without_time_are_left_out(fake, tmp_path):
    out = tmp_path / "out"
    assert drill(fake, out, plan.Step("one", "one", 20), seconds=1.0)
    assert not (out / "calls").exists() and lines_of(out)[-1]["status"] == "left out: no time"


def test_nothing_follows_a_gpu_that_cannot_be_used(fake, tmp_path):
    steps = [plan.Step("device", "device", 20, {"gpu": 0}), plan.Step("one", "one", 20)]
    with pytest.raises(InputError, match=r"^the drill ends here: it is broken$"):
        drill(fake, tmp_path / "out", *steps)
    assert (tmp_path / "out/calls").read_text().split() == ["device"]
    assert "it is broken" in (tmp_path / "out/summary.md").read_text()


def test_losses_of_another_drill_are_taken(fake, tmp_path):
    cpu = plan.Step("losses x on the CPU", "losses", 20, {"total": 5.0})
    drill(fake, tmp_path / "first", cpu, plan.Step("other", "other", 20))
    out = tmp_path / "second"
    drill(fake, out, cpu, plan.Step("other", "other", 20), reference=tmp_path / "first")
    assert (out / "calls").read_text().split() == ["other"]
    assert [line["total"] for line in lines_of(out) if "total" in line] == [5.0]


def test_a_layer_that_computes_otherwise_is_found(tmp_path):
    caffe = import_caffe()
    caffe.set_mode_cpu()
    variant = get_variant("compact/no_mask")
    definitions = [layers.definition(variant, 2, 48, engine) for engine in ("caffe", "default")]
    for layer in definitions[1].layer:
        if layer.name == "relu3_2":
            layer.relu_param.negative_slope = 0.1
    nets = [layers.open_net(one, tmp_path, str(n)) for n, one in enumerate(definitions)]
    layers.fill(nets[0])
    found = list(layers.compare(*nets, caffe.set_mode_cpu, caffe.set_mode_cpu))
    wrong = [(name, direction) for name, direction, values in found if max(values.values()) > 1e-4]
    assert wrong == [("relu3_2", "forward"), ("relu3_2", "backward")]
    assert {name for name, direction, _ in found if direction == "backward"} >= set(nets[0].params)


def test_the_plan_has_every_part_in_order():
    names = [step.name for step in plan.steps(0)]
    assert len(set(names)) == len(names)
    firsts = [names.index(next(name for name in names if name.startswith(part)))
              for part in ("device", "layers", "losses", "speed mask_pose", "batch 13", "training")]  # fmt: skip
    assert firsts == sorted(firsts) and names[-1] == "training"
    batches = [step.settings["data"]["batch_size"] for step in plan.steps(0) if step.name.startswith("batch")]
    assert batches == [13, 32, 64, 128, 13, 32, 64, 128]
    speeds = {(step.settings["engine"], bool(step.environment)) for step in plan.steps(0) if "speed" in step.name}
    assert len(speeds) == 4, "with cuDNN and without, TF32 on and off"


def test_the_summary_sets_losses_and_times_beside_the_papers():
    lines = [
        {"step": "losses m", "iteration": 1, "total": 110.0},
        {"step": "losses m on the CPU", "iteration": 1, "total": 100.0},
        {"step": "losses m on the CPU", "iteration": 2, "total": 90.0},
        {"step": "speed mask_pose default TF32 off", "batch": 13, "seconds": 0.25, "first": 1.0},
        {"step": "layers caffe", "layer": "conv1_1", "type": "Convolution", "direction": "forward", "difference": 0.5,
         "agrees": False},
    ]  # fmt: skip
    text = summary.text(lines)
    assert "| 1 | 110 | 100 | 0.1 |" in text and "| 2 | – | 90 | – |" in text
    assert "| mask_pose | default | off | 13 | 0.25 | 1 |" in text and "0.49 s" in text
    assert "| layers caffe | conv1_1 | Convolution | forward | 0.5 |" in text


def test_the_drill_rehearses_on_the_cpu(drawn_db, tmp_path):
    out = tmp_path / "out"
    words = ["layers default", "losses compact", "speed compact/mask_pose default TF32 on", "batch 2 from"]
    common = ["--rehearse", "--db", drawn_db, "--out", out, "--only"]
    result = run_tool("tools/gpu_drill.py", "--minutes", "20", *common, *words)
    assert result.returncode == 0, result.stdout + result.stderr
    lines = lines_of(out)
    compared = [line for line in lines if "direction" in line]
    assert all(line["agrees"] for line in compared)
    assert {line["direction"] for line in compared} == {"forward", "backward"}
    here, there = ([line["total"] for line in lines if line["step"] == name and "total" in line]
                   for name in ("losses compact/mask_pose", "losses compact/mask_pose on the CPU"))  # fmt: skip
    assert there == here and len(here) == 3
    assert sum("images_per_second" in line for line in lines) == 2
    training = run_tool("tools/gpu_drill.py", "--minutes", "0.7", *common, "training")
    assert training.returncode == 0, training.stdout + training.stderr
    (end,) = [line for line in lines_of(out) if line["step"] == "training" and "stopped" in line]
    iteration = int(end["stopped"].split()[1])
    assert iteration > 0 and (out / f"training/mask_pose_iter_{iteration}.caffemodel").is_file()


def test_wrong_arguments_end_in_a_line(tmp_path):
    result = run_tool("tools/gpu_drill.py", "--out", tmp_path / "out", "--db", tmp_path / "none.lmdb")
    assert result.returncode == 2 and result.stderr == f"error: {tmp_path}/none.lmdb: no such database\n"
    assert not (tmp_path / "out").exists()
    assert (ROOT / "tools/gpu_drill.py").stat().st_mode & 0o100
