"""Folders of photographs, as tools/predict.py runs them: bad ones, stops, ranks."""

import json
import shutil
import subprocess
import sys

import cv2
import numpy as np
import pytest

from conftest import ROOT, random_net
from maskpose import output, prediction
from maskpose.errors import InputError
from maskpose.inputs import photographs
from maskpose.parallel import Alone
from maskpose.prediction import Job
from maskpose.predictor import Predictor


@pytest.fixture(scope="module")
def album(tmp_path_factory):
    """A folder of seven photographs of several sizes, one of which is none, and its list."""
    folder = tmp_path_factory.mktemp("album")
    rng = np.random.default_rng(4)
    (folder / "more").mkdir()
    for n, size in enumerate([(60, 90), (90, 60), (64, 64), (40, 200), (150, 100), (80, 80)]):
        picture = cv2.resize(rng.integers(0, 256, (7, 7, 3), np.uint8), size, interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(folder / ("more" if n > 3 else "") / f"{n}.png"), picture)
    (folder / "3half.png").write_bytes((folder / "3.png").read_bytes()[:100])
    return folder, photographs([folder])


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "w.caffemodel"
    random_net("compact/mask_pose").save(str(path))
    return path


def results(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_is_predicted_as_its_photographs_are_alone(album, weights, tmp_path, capsys):
    _, listed = album
    predictor = Predictor("compact/mask_pose", weights, engine="caffe", batch=4)
    done, bad = prediction.run(predictor, listed, Job(tmp_path, ("json", "csv")), Alone())
    assert (done, bad) == (6, 1) and "3half.png" in capsys.readouterr().err
    for one in listed:
        if "half" in one.key:
            assert not (tmp_path / f"{one.key}.json").exists()
            continue
        hand = predictor.predict(one.path)
        document = json.loads((tmp_path / f"{one.key}.json").read_text())
        assert np.abs(np.array(document["keypoints"])[:, :2] - hand.keypoints).max() < 0.006
    assert len((tmp_path / "keypoints.csv").read_text().splitlines()) == 7


def test_a_stopped_run_goes_on_with_what_is_missing(album, weights, tmp_path, monkeypatch, capsys):
    _, listed = album
    predictor = Predictor("compact/mask_pose", weights, engine="caffe", batch=2)
    job = Job(tmp_path / "cut", ("json", "overlay", "hdf5", "coco"), resume=True)
    written, write = [], output.write_hands

    def write_three(*arguments):
        if len(written) == 3:
            raise KeyboardInterrupt
        written.append(arguments)
        write(*arguments)

    monkeypatch.setattr(output, "write_hands", write_three)
    with pytest.raises(KeyboardInterrupt):
        prediction.run(predictor, listed, job, Alone())
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "cut").rglob("*.json")}
    monkeypatch.setattr(output, "write_hands", write)
    assert prediction.run(predictor, listed, job, Alone()) == (6, 1)
    assert "3 of 7 photographs are done" in capsys.readouterr().out
    photographs_done = {path: time for path, time in times.items() if path.name != output.SETTINGS}
    assert len(photographs_done) == 3
    assert all(path.stat().st_mtime_ns == time for path, time in photographs_done.items())
    whole = Job(tmp_path / "whole", job.formats)
    prediction.run(predictor, listed, whole, Alone())
    assert results(tmp_path / "cut") == results(tmp_path / "whole")
    with pytest.raises(InputError, match="begun with hands 1"):
        prediction.run(predictor, listed, Job(tmp_path / "cut", job.formats, hands=2, resume=True), Alone())


@pytest.mark.skipif(not shutil.which("mpirun"), reason="mpirun (openmpi-bin) is not installed")
def test_ranks_write_what_one_process_does(album, weights, tmp_path):
    pytest.importorskip("mpi4py")
    folder, _ = album
    options = ["--weights", weights, "--engine", "caffe", "--formats", "json", "mask", "csv", "coco"]
    command = [sys.executable, "tools/predict.py", folder, *options, "--out"]
    one = subprocess.run(list(map(str, [*command, tmp_path / "one"])), capture_output=True, text=True, cwd=ROOT)
    mpirun = ["mpirun", "--allow-run-as-root", "--oversubscribe", "-np", "3"]
    three = subprocess.run(
        list(map(str, [*mpirun, *command, tmp_path / "three"])), capture_output=True, text=True, cwd=ROOT
    )
    for run in (one, three):
        assert run.stdout.count("6 of 7 photographs done") == 1, run.stderr
        assert run.returncode == 2 and run.stderr.count("3half.png") == 1
    assert results(tmp_path / "one") == results(tmp_path / "three")
