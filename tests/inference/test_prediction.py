"""Folders of photographs, as tools/predict.py runs them: bad ones, stops, ranks."""

import json
import os
import shutil
import subprocess
import sys

import cv2
import numpy as np
import pytest

from conftest import ROOT, random_net
from maskpose.errors import InputError
from maskpose.inference import batch, writers
from maskpose.inference.image_paths import find_images
from maskpose.inference.job import Job
from maskpose.inference.predictor import Predictor
from maskpose.io import files
from maskpose.training.distributed import SingleProcess


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
    return folder, find_images([folder])


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
    done, bad = batch.predict_files(predictor, listed, Job(tmp_path, ("json", "csv")), SingleProcess())
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
    written, write = [], writers.write_hands

    def write_three(*arguments):
        if len(written) == 3:
            raise KeyboardInterrupt
        written.append(arguments)
        write(*arguments)

    monkeypatch.setattr(writers, "write_hands", write_three)
    with pytest.raises(KeyboardInterrupt):
        batch.predict_files(predictor, listed, job, SingleProcess())
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "cut").rglob("*.json")}
    monkeypatch.setattr(writers, "write_hands", write)
    assert batch.predict_files(predictor, listed, job, SingleProcess()) == (6, 1)
    assert "3 of 7 images were done" in capsys.readouterr().out
    photographs_done = {path: time for path, time in times.items() if path.name != files.NAMES}
    assert len(photographs_done) == 3
    assert all(path.stat().st_mtime_ns == time for path, time in photographs_done.items())
    whole = Job(tmp_path / "whole", job.formats)
    batch.predict_files(predictor, listed, whole, SingleProcess())
    assert results(tmp_path / "cut") == results(tmp_path / "whole")


def test_resuming_does_anew_what_was_made_from_something_else(weights, tmp_path, capsys):
    """A photograph replaced, a file missing, more formats, other settings: each done again, and nothing else."""
    for n in range(3):
        cv2.imwrite(str(tmp_path / f"{n}.png"), np.full((50, 60, 3), 60 * n, np.uint8))
    listed, out = find_images([tmp_path / f"{n}.png" for n in range(3)]), tmp_path / "out"
    predictor = Predictor("compact/mask_pose", weights, engine="caffe")

    def redone(job, predictor=predictor):
        before = {path: path.stat().st_ino for path in out.glob("?.json")}  # a file written anew is another inode
        held = [path.open() for path in before]  # whose number is not given again as long as it is open
        assert batch.predict_files(predictor, listed, job, SingleProcess()) == (3, 0)
        for file in held:
            file.close()
        return [path.stem for path, inode in sorted(before.items()) if path.stat().st_ino != inode]

    job = Job(out, ("json", "mask"), resume=True)
    assert redone(job) == []
    assert redone(job) == [] and "3 of 3 images were done" in capsys.readouterr().out
    stamp = (tmp_path / "1.png").stat()
    cv2.imwrite(str(tmp_path / "1.png"), np.full((50, 60, 3), 61, np.uint8))
    os.utime(tmp_path / "1.png", ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert redone(job) == ["1"]
    (out / "2_mask.png").unlink()
    assert redone(job) == ["2"] and (out / "2_mask.png").is_file()
    for _ in range(2):
        assert redone(Job(out, ("json", "mask", "csv"), resume=True)) == []
    assert redone(Job(out, ("json", "mask", "hdf5"), resume=True)) == ["0", "1", "2"] and (out / "0.h5").is_file()
    assert redone(job) == []
    assert redone(Job(out, ("json", "mask"), threshold=0.3, resume=True)) == ["0", "1", "2"]
    assert not (out / "0.h5").exists()  # made with another threshold
    predictor.engine.precision = "bf16"
    assert redone(Job(out, ("json", "mask"), threshold=0.3, resume=True)) == ["0", "1", "2"]


def test_nothing_is_written_over_that_is_not_ours(weights, tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((20, 30, 3), np.uint8))
    (tmp_path / "a_overlay.png").write_text("mine")
    (tmp_path / "a.h5").write_text("mine, too")
    predictor = Predictor("compact/mask_pose", weights, engine="caffe")
    one = find_images([tmp_path / "a.png"])
    with pytest.raises(InputError, match=r"a_overlay\.png exists, and no earlier run wrote it"):
        batch.predict_files(predictor, one, Job(tmp_path), SingleProcess())
    assert not (tmp_path / "a.json").exists()
    for _ in range(2):  # its own files it does write over
        assert batch.predict_files(predictor, one, Job(tmp_path, ("json", "mask"), threshold=0.2), SingleProcess()) == (
            1,
            0,
        )
    batch.predict_files(predictor, one, Job(tmp_path, ("json",), threshold=0.5), SingleProcess())
    assert not (tmp_path / "a_mask.png").exists() and (tmp_path / "a.h5").read_text() == "mine, too"
    assert find_images([f"{tmp_path}/*.png"])[0].key == "a"


def test_what_was_removed_or_never_written_is_ours_no_more(album, weights, tmp_path):
    """A later run with fewer formats removes the old mask; of an unreadable photograph nothing was written."""
    _, listed = album
    predictor = Predictor("compact/mask_pose", weights, engine="caffe", refine=False)
    batch.predict_files(predictor, listed, Job(tmp_path, ("json", "mask")), SingleProcess())
    assert not files.noted_names(tmp_path) & {"3half.json", "3half_mask.png"}
    batch.predict_files(predictor, listed, Job(tmp_path, ("json",), threshold=0.3), SingleProcess())
    assert "0.json" in files.noted_names(tmp_path) and not (tmp_path / "0_mask.png").exists()
    (tmp_path / "0_mask.png").write_bytes(b"somebody's own")
    with pytest.raises(InputError, match=r"0_mask\.png exists, and no earlier run wrote it"):
        batch.predict_files(predictor, listed, Job(tmp_path, ("json", "mask")), SingleProcess())
    assert (tmp_path / "0_mask.png").read_bytes() == b"somebody's own"


@pytest.mark.parametrize(
    "names,formats,message",
    [
        (["a.png", "a.jpg"], ["json"], r"a\.png and .*a\.jpg would both write .*a\.json"),
        (["a.png", "a_keypoints.png"], ["openpose"], r"would both write .*a_keypoints\.json"),
        (["coco_results.png"], ["coco"], r"would both write .*coco_results\.json"),
        (["a.png", "a_mask.png"], ["mask"], r"a_mask\.png is read by this run, and .*a\.png would write over it"),
        (["a.png", "a_heatmaps_2.png"], ["heatmaps"], r"a_heatmaps_2\.png is read by this run"),
    ],
)
def test_names_that_collide_are_said_before_anything_is_written(weights, tmp_path, names, formats, message):
    for name in names:
        cv2.imwrite(str(tmp_path / name), np.zeros((20, 30, 3), np.uint8))
    before = set(tmp_path.iterdir())
    predictor = Predictor("compact/mask_pose", weights, engine="caffe")
    with pytest.raises(InputError, match=message):
        job = Job(tmp_path, formats, hands=2)
        batch.predict_files(predictor, find_images([tmp_path / name for name in names]), job, SingleProcess())
    assert set(tmp_path.iterdir()) == before


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
        assert run.stdout.count("6 of 7 images done") == 1, run.stderr
        assert run.returncode == 2 and run.stderr.count("3half.png") == 1
    assert results(tmp_path / "one") == results(tmp_path / "three")
