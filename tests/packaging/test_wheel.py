"""The wheel: built, installed where there is neither Caffe nor a checkout, and beside Caffe's answers."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from conftest import ROOT
from maskpose.inference.predictor import Predictor
from maskpose.io.images import read_color

pytestmark = pytest.mark.slow
MOST_BYTES = 15 << 20
IMAGE = ROOT / "examples/rendered_hands/Test/source/3.jpg"
TOLERANCE = 0.05  # pixels: float32 sums in another order


def run(*command, cwd=None):
    """Run a program without this process's paths to modules; give what it did."""
    env = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
    return subprocess.run([*map(str, command)], capture_output=True, text=True, cwd=cwd, env=env)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Made as `python -m build` makes it: a source distribution, and the wheel of that."""
    folder = tmp_path_factory.mktemp("wheel")
    result = run(sys.executable, "-m", "build", "--outdir", folder, ROOT)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """A new environment with the wheel and its core dependencies; its folder is outside the checkout."""
    venv = tmp_path_factory.mktemp("somewhere") / "venv"
    assert run(sys.executable, "-m", "venv", venv).returncode == 0
    result = run(venv / "bin/python", "-m", "pip", "install", "--quiet", wheel)
    assert result.returncode == 0, result.stderr
    return venv


def test_the_wheel_is_small_and_holds_networks_and_weights(wheel):
    assert wheel.stat().st_size <= MOST_BYTES
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        for path in (ROOT / "weights/compact_mask_pose.caffemodel", *(ROOT / "prototxt").rglob("*.prototxt")):
            assert archive.read(f"maskpose/shipped/{path.relative_to(ROOT)}") == path.read_bytes()
    package = ROOT / "python/maskpose"
    files = {path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    own = {name for name in names if name.startswith("maskpose/") and not name.startswith("maskpose/shipped/")}
    assert own == {f"maskpose/{path.relative_to(package)}" for path in files}, "none missing, none of an earlier build"


def test_it_predicts_as_caffe_does(installed, tmp_path):
    result = run(installed / "bin/maskpose", "predict", IMAGE, "--out", tmp_path / "out", cwd=tmp_path)
    assert result.returncode == 0 and "keypoints" in result.stdout, result.stderr
    found = json.loads((tmp_path / "out/3.json").read_text())
    hand = Predictor(engine="caffe").predict(read_color(IMAGE))
    keypoints = np.array([row or [np.nan] * 3 for row in found["keypoints"]], float)
    assert found["hand"] and hand.present
    assert np.abs(keypoints[:, :2] - hand.keypoints).max() < TOLERANCE
    assert np.abs(keypoints[:, 2] - hand.confidences).max() < 1e-3
    assert list((tmp_path / "out").glob("*overlay*"))


def test_it_reads_scores_and_reports(installed, tmp_path):
    maskpose = installed / "bin/maskpose"
    for arguments in (
        ["data", "onehand10k", ROOT / "examples/rendered_hands", "db", "--limit", "8"],
        ["data", "crop", "db/test.lmdb", "cropped.lmdb"],
        ["verify", "db/test.lmdb"],
        ["evaluate", "--db", "db/test.lmdb", "--ways", "single", "--out", "scores"],
        ["report", "scores", "--out", "report.html"],
        ["webcam", "--source", IMAGE.parent, "--json", "film.jsonl"],
    ):
        result = run(maskpose, *arguments, cwd=tmp_path)
        assert result.returncode == 0, f"{arguments}: {result.stderr}"
    scores = json.loads((tmp_path / "scores/scores.json").read_text())
    assert scores["scores"]["single"]["all"]["images"] == 8
    assert (tmp_path / "report.html").stat().st_size > 10000
    assert len((tmp_path / "film.jsonl").read_text().splitlines()) == len(list(IMAGE.parent.iterdir()))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["predict", IMAGE, "--engine", "caffe"], ["Caffe is not installed", "make caffe"]),
        (["train", "--db", "db"], ["Caffe is not installed", "make caffe"]),
        (["export", "--out", "hand.onnx"], ["pip install 'maskpose[engines]'"]),
        (["data", "synth", "--count", "1", "out"], ["pip install 'maskpose[synth]'"]),
        (["demo"], ["run this in a clone of the repository"]),
    ],
)
def test_what_is_missing_is_one_line(installed, tmp_path, arguments, words):
    result = run(installed / "bin/maskpose", *arguments, cwd=tmp_path)
    assert result.returncode == 2 and result.stderr.count("\n") == 1, result.stderr
    assert all(word in result.stderr for word in words), result.stderr
    assert not any(Path(tmp_path).iterdir())
