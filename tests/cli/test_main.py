"""The ``maskpose`` command: its sub-commands, their help, what they import, and the scripts that do the same."""

import importlib
import json
import os
import pkgutil
import subprocess
import sys
import venv

import pytest
import tomllib
from in_process import run_script, status_of

import maskpose.cli
from conftest import ROOT, build, sample_with_hand
from maskpose import __version__
from maskpose.cli import benchmark, commands
from maskpose.cli.commands import COMMANDS
from maskpose.cli.main import main

SCRIPTS = sorted(path.relative_to(ROOT) for part in ("tools", "data_prep") for path in (ROOT / part).glob("[a-z]*.py"))
OF_THE_REPOSITORY = {"check_initialisation", "fuzz", "make_prototxt"}  # scripts that are no sub-commands
PHOTOGRAPH = "examples/rendered_hands/Test/source/0.jpg"


def run_maskpose(*arguments, **environment):
    command = [sys.executable, "-m", "maskpose", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env={**os.environ, **environment})


def help_of(capsys, *arguments):
    assert status_of(lambda: main([*arguments, "--help"])) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_ends_in_an_example_of_it(name, capsys):
    text = help_of(capsys, *name.split())
    example = text.partition("\nExample:\n")[2]
    assert f"maskpose {name} " in example and "tools/" not in example and "data_prep/" not in example
    assert text.startswith(f"usage: maskpose {name} ")


@pytest.mark.parametrize("name", ["packages", "prefill", "assign", "submit", "review", "validate", "release", "status",
                                  "corrections", "spread", "export"])  # fmt: skip
def test_the_help_of_annotates_commands_ends_in_an_example(name, capsys):
    assert f"\nExample:\n    maskpose annotate {name} " in help_of(capsys, "annotate", name)


@pytest.mark.parametrize("script", SCRIPTS, ids=str)
def test_the_help_of_a_script_ends_in_an_example_of_it(script, capsys, monkeypatch):
    assert run_script(script, ["--help"], monkeypatch) == 0
    text = capsys.readouterr().out
    assert f"/bin/python {script}" in text.partition("\nExample:\n")[2]
    assert text.startswith(f"usage: {script.name} ") and "maskpose predict" not in text.partition("Example:")[2]


def test_the_overview_names_every_command_and_ends_in_an_example(capsys):
    assert status_of(lambda: main([])) == 0
    text = capsys.readouterr().out
    assert help_of(capsys) == text and len(text.splitlines()) < 50
    assert {name for name in COMMANDS if " " not in name} | {"data"} <= {line.split()[0] for line in lines(text)}
    assert text.splitlines()[-2:] == ["Example:", "    maskpose predict photo.jpg --out out"]
    text = help_of(capsys, "data")
    assert {name[5:] for name in COMMANDS if name.startswith("data ")} <= {line.split()[0] for line in lines(text)}
    assert text.splitlines()[-2] == "Example:" and text.splitlines()[-1].startswith("    maskpose data ")


def lines(text):
    """The indented lines of a help: those of commands and options."""
    return [line for line in text.splitlines() if line.startswith("  ")]


def test_every_module_with_a_main_is_a_command_and_has_a_script():
    modules = {info.name for info in pkgutil.walk_packages(maskpose.cli.__path__, "maskpose.cli.") if not info.ispkg}
    with_main = {name for name in modules if hasattr(importlib.import_module(name), "main")} - {"maskpose.cli.main"}
    assert with_main == {f"maskpose.cli.{command.module}" for command in COMMANDS.values()}
    assert {str(script) for script in SCRIPTS if script.stem not in OF_THE_REPOSITORY} == {
        command.script for command in COMMANDS.values()
    }


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["predct", "photo.jpg"], "unknown command 'predct': did you mean `maskpose predict`?"),
        (["plot_losses"], "unknown command 'plot_losses': did you mean `maskpose plot-losses`?"),
        (["data", "onehand"], "unknown command 'onehand': did you mean `maskpose data onehand10k`?"),
        (["data", "zzz"], "unknown command 'zzz': see `maskpose data --help`"),
        (["--nope"], "unknown option '--nope': see `maskpose --help`"),
    ],
)
def test_an_unknown_command_is_one_line_that_names_the_nearest(words, hint, capsys):
    assert status_of(lambda: main(words)) == 2
    assert capsys.readouterr().err == f"error: {hint}\n"


def test_the_docs_list_every_command_with_its_script_and_summary():
    rows = [line for line in (ROOT / "docs/commands.md").read_text().splitlines() if line.startswith("| `maskpose ")]
    assert rows == [f"| `maskpose {one.name}` | `{one.script}` | {one.summary} |" for one in COMMANDS.values()]


def test_the_installed_command_is_this_function():
    target = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]["maskpose"]
    module, _, name = target.partition(":")
    assert getattr(importlib.import_module(module), name) is main


def test_version():
    assert run_maskpose("--version").stdout == f"maskpose {__version__}\n"


def test_a_whole_installation_is_said():
    result = run_maskpose("--check")
    assert result.returncode == 0 and result.stdout.startswith("ok")


IMPORTED = """
import sys
from maskpose.cli.main import main
try:
    main(sys.argv[1:])
finally:
    print("imported:", *sys.modules)
"""


def imported_by(*arguments):
    """The modules that a command has imported when it ends; it must succeed."""
    command = [sys.executable, "-c", IMPORTED, *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert result.returncode == 0, result.stderr
    return set(result.stdout.rpartition("imported: ")[2].split())


def test_the_overview_imports_no_library():
    for arguments in (["--help"], ["data", "--help"], ["--version"]):
        assert not imported_by(*arguments) & {"numpy", "cv2", "caffe", "google.protobuf", "maskpose.cli.options"}


def test_prediction_imports_no_database_no_trainer_and_no_plots(tmp_path):
    imported = imported_by("predict", PHOTOGRAPH, "--out", tmp_path, "--engine", "caffe")
    assert (tmp_path / "0.json").is_file() and {"caffe", "maskpose.inference.batch"} <= imported
    assert not {"lmdb", "matplotlib", "jinja2", "maskpose.data.database", "maskpose.training.trainer",
                "maskpose.evaluation.evaluate"} & imported  # fmt: skip


def test_an_exported_network_predicts_without_caffe(tmp_path):
    pytest.importorskip("openvino")
    weights = ROOT / "weights/compact_mask_pose_int8.xml"
    imported = imported_by("predict", PHOTOGRAPH, "--out", tmp_path, "--weights", weights)
    assert (tmp_path / "0.json").is_file() and not {"caffe", "lmdb", "matplotlib", "jinja2", "scipy"} & imported


def test_a_missing_package_is_one_line(tmp_path, monkeypatch, capsys):
    (tmp_path / "losses.csv").write_text("iteration,total\n1,5\n2,4\n")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert status_of(lambda: main(["plot-losses", str(tmp_path), "--out", str(tmp_path / "a.png")])) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: `maskpose plot-losses` needs the package matplotlib, which ")
    assert error.count("\n") == 1


def test_without_the_repository_there_are_no_benchmarks(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(benchmark, "FOLDER", tmp_path / "benchmarks")
    assert status_of(lambda: main(["benchmark", "load"])) == 2
    assert capsys.readouterr().err.startswith("error: benchmarks/ is missing: ")


@pytest.fixture(scope="module")
def bare_python(tmp_path_factory):
    """A Python without any package."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, with_pip=False)
    return folder / "bin/python"


@pytest.mark.parametrize("script", SCRIPTS, ids=str)
def test_a_python_without_packages_is_said_in_one_line(script, bare_python):
    command = [bare_python, ROOT / script, "x"]
    result = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": ""})
    assert result.returncode == 1
    assert result.stderr.startswith("error: ") and result.stderr.count("\n") == 1
    assert "lacks" in result.stderr and ".venv/bin/python" in result.stderr


def test_script_and_command_write_the_same_database(tmp_path, capsys, monkeypatch):
    build(tmp_path / "a.lmdb", [sample_with_hand("a.jpg", 50)])
    build(tmp_path / "b.lmdb", [sample_with_hand("b.jpg", 60)])
    given = [str(tmp_path / name) for name in ("a.lmdb", "b.lmdb")]
    outs = [str(tmp_path / name) for name in ("by_script.lmdb", "by_command.lmdb")]
    assert run_script("data_prep/merge.py", [outs[0], *given], monkeypatch) == 0
    monkeypatch.setattr(sys, "argv", ["/usr/local/bin/maskpose"])
    assert status_of(lambda: main(["data", "merge", outs[1], *given])) == 0
    said = capsys.readouterr().out.splitlines()
    assert said == [f"{out}: 2 samples, 0 with a mask" for out in outs]
    script, command = (json.loads((tmp_path / out / "manifest.json").read_text()) for out in outs)
    assert script.pop("command").split() == ["data_prep/merge.py", outs[0], *given]
    assert command.pop("command").split() == ["maskpose", "data", "merge", outs[1], *given]
    for one in (script, command):
        del one["written"], one["plan"]  # of the command
    assert script == command and script["count"] == 2


def test_script_and_command_predict_the_same(tmp_path, capsys, monkeypatch):
    options = [PHOTOGRAPH, "--formats", "json", "hdf5", "--out"]
    assert run_script("tools/predict.py", [*options, str(tmp_path / "script")], monkeypatch) == 0
    monkeypatch.setattr(sys, "argv", ["/usr/local/bin/maskpose"])
    assert status_of(lambda: main(["predict", *options, str(tmp_path / "command")])) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == said[2] and said[1].replace("/script", "/command") == said[3]
    for name in ("0.json", "0.h5"):
        assert (tmp_path / "script" / name).read_bytes() == (tmp_path / "command" / name).read_bytes()


def test_commands_in_texts_are_of_the_form_that_was_started(monkeypatch):
    text = "maskpose data merge a b, .venv-mediapipe/bin/maskpose mediapipe-predict, maskpose data"
    monkeypatch.setattr(sys, "argv", ["data_prep/merge.py"])
    assert commands.as_started(text, COMMANDS["data merge"]) == (
        ".venv/bin/python data_prep/merge.py a b, .venv-mediapipe/bin/python tools/mediapipe_predict.py, maskpose data"
    )
    monkeypatch.setattr(sys, "argv", ["/usr/local/bin/maskpose"])
    assert commands.as_started(text, COMMANDS["data merge"]) == text
