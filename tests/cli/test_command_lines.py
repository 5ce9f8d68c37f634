"""The scripts as a user runs them: what they write, and the one line that bad input ends in."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import venv

import cv2
import lmdb
import numpy as np
import pytest

from conftest import ROOT, exif_rotated, random_net
from maskpose.data.database import Reader
from maskpose.runtime import import_caffe
from maskpose.training.loss_log import read_losses

PHOTOGRAPH = "examples/rendered_hands/Test/source/0.jpg"


def run(script, *arguments, python=sys.executable, **environment):
    command = [python, str(script), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env={**os.environ, **environment})


def assert_one_line(result, *words):
    """The script ended on one line of error that has ``words``: no traceback, no abort, no success."""
    assert result.returncode in (1, 2), (result.returncode, result.stderr)
    lines = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1 and all(word in lines[0] for word in words), result.stderr
    assert "Traceback" not in result.stderr and "Check failure" not in result.stderr


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Random weights of compact/mask_pose."""
    path = tmp_path_factory.mktemp("weights") / "w.caffemodel"
    random_net("compact/mask_pose").save(str(path))
    return path


def photograph(width=90, height=60):
    ramp = np.linspace(0, 255, width)[None, :] * np.linspace(0.2, 1, height)[:, None]
    return np.dstack([ramp, ramp[::-1], ramp[:, ::-1]]).astype(np.uint8)


def test_predict_writes_everything_for_every_kind_of_picture(weights, tmp_path):
    image = photograph()
    cv2.imwrite(str(tmp_path / "plain.jpg"), image)
    cv2.imwrite(str(tmp_path / "grey.jpg"), image[..., 0])
    cv2.imwrite(str(tmp_path / "alpha.png"), np.dstack([image, image[..., 0]]))
    cv2.imwrite(str(tmp_path / "deep.png"), image.astype(np.uint16) * 257)
    (tmp_path / "turned.jpg").write_bytes(exif_rotated((tmp_path / "plain.jpg").read_bytes()))
    pictures = sorted(tmp_path.glob("*.*"))
    options = "--out", tmp_path / "out", "--weights", weights, "--score-threshold", "0"
    result = run("tools/predict.py", *pictures, *options)
    assert result.returncode == 0, result.stderr
    assert f"{len(pictures)} of {len(pictures)} images done, results in {tmp_path / 'out'}" in result.stdout
    for picture in pictures:
        document = json.loads((tmp_path / "out" / f"{picture.stem}.json").read_text())
        assert f"{picture.name}: {sum(document['detected'])} of 21 keypoints, hand mask " in result.stdout
        size = (60, 90) if picture.stem == "turned" else (90, 60)
        assert document["image"] == picture.name and (document["width"], document["height"]) == size
        assert len(document["keypoints"]) == 21 and all(len(point) == 3 for point in document["keypoints"])
        x, y, confidence = np.array(document["keypoints"]).T
        assert x.min() >= 0 and y.min() >= 0 and x.max() <= size[0] - 1 and y.max() <= size[1] - 1
        clear = np.abs(confidence - 0.2) > 1e-4  # it is written with four digits
        assert np.array_equal(np.array(document["detected"])[clear], confidence[clear] > 0.2) and clear.sum() > 10
        mask = cv2.imread(str(tmp_path / "out" / f"{picture.stem}_mask.png"), cv2.IMREAD_UNCHANGED)
        assert mask.shape == size[::-1] and set(np.unique(mask)) <= {0, 255}
        assert cv2.imread(str(tmp_path / "out" / f"{picture.stem}_overlay.png")).shape[:2] == size[::-1]
        assert (tmp_path / "out" / f"{picture.stem}_heatmaps.png").is_file()


def test_predict_with_openposes_hand_network(tmp_path):
    """A file of its layers, whose blobs have OpenPose's names: keypoints and heatmaps, no mask."""
    caffe, definition = import_caffe(), (ROOT / "prototxt/openpose_hand/deploy.prototxt").read_text()
    theirs = definition.replace('"data"', '"image"').replace('top: "Mconv7_stage6"', 'top: "net_output"')
    (tmp_path / "pose_deploy.prototxt").write_text(theirs)
    net = caffe.Net(str(tmp_path / "pose_deploy.prototxt"), caffe.TEST)
    assert net.blobs["net_output"].data.shape == (1, 22, 46, 46) and net.inputs == ["image"]
    net.save(str(tmp_path / "pose_iter_102000.caffemodel"))
    cv2.imwrite(str(tmp_path / "a.jpg"), photograph())
    result = run(
        "tools/predict.py", tmp_path / "a.jpg", "--out", tmp_path / "out", "--variant", "openpose_hand",
        "--weights", tmp_path / "pose_iter_102000.caffemodel", "--engine", "caffe",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    document = json.loads((tmp_path / "out/a.json").read_text())
    assert len(document["keypoints"]) == 21 and "mask" not in result.stdout
    assert sorted(path.name for path in (tmp_path / "out").glob("a*")) == ["a.json", "a_heatmaps.png", "a_overlay.png"]


def test_predict_on_what_is_no_photograph(weights, tmp_path):
    assert_one_line(run("tools/predict.py", "nosuch.jpg", "--weights", weights, "--out", tmp_path), "nosuch.jpg")
    whole = cv2.imencode(".jpg", photograph(400, 300))[1].tobytes()
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    result = run("tools/predict.py", tmp_path / "cut.jpg", "--weights", weights, "--out", tmp_path / "out")
    assert_one_line(result, "cut.jpg", "truncated")
    assert not (tmp_path / "out").exists()
    (tmp_path / "text.jpg").write_text("no picture")
    result = run("tools/predict.py", tmp_path / "text.jpg", "--weights", weights, "--out", tmp_path / "out")
    assert_one_line(result, "text.jpg")


def test_predict_goes_on_after_a_bad_photograph(weights, tmp_path):
    cv2.imwrite(str(tmp_path / "good.jpg"), photograph())
    result = run(
        "tools/predict.py", "nosuch.jpg", tmp_path / "good.jpg", "--weights", weights, "--out", tmp_path / "out"
    )
    assert_one_line(result, "nosuch.jpg")
    assert "1 of 2 images done" in result.stdout and result.returncode == 2
    assert (tmp_path / "out/good.json").is_file()


def test_weights_of_another_variant(weights, tmp_path):
    cv2.imwrite(str(tmp_path / "a.jpg"), photograph())
    for variant in ("compact/no_mask", "mask_pose"):
        result = run("tools/predict.py", tmp_path / "a.jpg", "--weights", weights, "--variant", variant)
        assert_one_line(result, str(weights), "another variant")


def test_predict_where_nothing_can_be_written(weights, tmp_path):
    cv2.imwrite(str(tmp_path / "a.jpg"), photograph())
    (tmp_path / "file").touch()
    for out in (tmp_path / "file", tmp_path / "file/below"):
        result = run("tools/predict.py", tmp_path / "a.jpg", "--weights", weights, "--out", out)
        assert_one_line(result, f"{tmp_path / 'file'} is not a folder")


@pytest.mark.parametrize("script", ["tools/predict.py", "tools/evaluate.py"])
@pytest.mark.parametrize("value", ["2", "-0.1", "nan", "half"])
def test_a_threshold_that_is_no_confidence(script, value):
    assert_one_line(run(script, f"--threshold={value}"), "between 0 and 1")


def test_a_gpu_that_this_caffe_was_not_built_for(weights, tmp_path):
    cv2.imwrite(str(tmp_path / "a.jpg"), photograph())
    result = run("tools/predict.py", tmp_path / "a.jpg", "--weights", weights, "--out", tmp_path, "--gpu", "0")
    if result.returncode == 0:
        pytest.skip("this Caffe has a GPU")
    assert_one_line(result, "built for the CPU only", "CUDA")


def test_a_python_without_caffe_predicts_and_does_not_train(drawn_db, tmp_path):
    venv.create(tmp_path / "bare", with_pip=False)
    paths = [str(ROOT / "python")]
    paths += [path for path in sys.path if path.endswith("-packages")]
    # the packages but not Caffe: a finder that hides it
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "class Hide:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'caffe':\n"
        "            raise ModuleNotFoundError(\"No module named 'caffe'\")\n"
        "sys.meta_path.insert(0, Hide())\n"
    )
    environment = {"PYTHONPATH": os.pathsep.join([str(tmp_path), *paths])}
    bare = tmp_path / "bare/bin/python"
    result = run("tools/train.py", "--db", drawn_db, "--out", tmp_path / "run", python=bare, **environment)
    assert_one_line(result, "Caffe is not installed", "make caffe")
    result = run("tools/predict.py", ROOT / PHOTOGRAPH, "--out", tmp_path / "out", python=bare, **environment)
    assert result.returncode == 0 and (tmp_path / "out/0.json").is_file(), result.stderr


def test_two_photographs_of_one_stem(weights, tmp_path):
    cv2.imwrite(str(tmp_path / "a.jpg"), photograph())
    cv2.imwrite(str(tmp_path / "a.png"), photograph())
    out = tmp_path / "out"
    result = run("tools/predict.py", tmp_path / "a.jpg", tmp_path / "a.png", "--weights", weights, "--out", out)
    assert_one_line(result, "a.json", "would both write")
    assert not out.exists()


def test_options_of_a_pyramid_that_is_not_there(weights, drawn_db, tmp_path):
    scripts = {"tools/predict.py": ["a.jpg"], "tools/evaluate.py": ["--db", drawn_db, "--ways", "single"]}
    for option in (("--levels", 2), ("--seed", 0), ("--centred",)):
        for script, given in scripts.items():
            assert_one_line(run(script, *given, "--weights", weights, *option), f"{option[0]} is the pyramid's")
    cv2.imwrite(str(tmp_path / "a.jpg"), photograph())
    options = ["--weights", weights, "--out", tmp_path / "out", "--pyramid", "--levels", 2]
    result = run("tools/predict.py", tmp_path / "a.jpg", *options)
    assert result.returncode == 0, result.stderr


def test_an_export_that_cannot_be_is_said_before_the_work(weights, tmp_path):
    given = ["--weights", weights, "--out", tmp_path / "hand.xml"]
    for options, words in (
        (["--db", tmp_path / "none.lmdb"], ["none.lmdb"]),
        (["--calibrate", tmp_path / "none"], ["only int8 is calibrated"]),
        (["--precision", "int8"], ["int8 needs images to calibrate on"]),
        (["--out", weights.with_suffix(".pb")], ["ends in .xml or .onnx"]),
    ):
        assert_one_line(run("tools/export.py", *given, *options), *words)
    assert not list(tmp_path.iterdir())


def test_make_predict_takes_a_name_with_spaces_or_several_names(weights, tmp_path):
    alone = ["my hand", "photo (1)", "it's $HOME"]
    for name in (*alone, "a", "b"):
        cv2.imwrite(str(tmp_path / f"{name}.jpg"), photograph())
    cases = [(f"{name}.jpg", [name]) for name in alone] + [("a.jpg b.jpg", ["a", "b"]), ("?.jpg", ["a", "b"])]
    for number, (names, keys) in enumerate(cases):
        out = tmp_path / str(number)
        images = str(tmp_path / names) if len(keys) == 1 else " ".join(str(tmp_path / name) for name in names.split())
        command = ["make", "predict", f"IMAGE={images}", f"OUT={out}", f"WEIGHTS={weights}", f"PYTHON={sys.executable}"]
        result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
        assert result.returncode == 0, result.stderr
        assert sorted(path.stem for path in out.glob("*.json") if path.name[0] != ".") == keys


def test_tools_that_empty_a_folder_refuse_one_that_is_not_theirs(drawn_folder, tmp_path):
    (tmp_path / "precious").touch()
    for script, arguments in (("tools/overfit.py", [drawn_folder]), ("tools/demo.py", [])):
        assert_one_line(run(script, *arguments, "--out", tmp_path), "choose another folder")
    assert (tmp_path / "precious").exists()


@pytest.mark.parametrize("option", ["--log-every 0", "--iterations -3", "--snapshot-every x", "--gpu -1"])
def test_numbers_out_of_range(drawn_db, tmp_path, option):
    result = run("tools/train.py", "--db", drawn_db, "--out", tmp_path / "run", *option.split())
    assert_one_line(result, "expected an integer of")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("arguments", [["--variant", "compact/maskpose"], ["--nope"]])
def test_a_wrong_argument_is_one_line(drawn_db, arguments):
    result = run("tools/train.py", "--db", drawn_db, *arguments)
    assert_one_line(result, arguments[-1])
    assert result.stderr.count("\n") == 1


def test_overfitting_that_is_stopped_raises_no_alarm(drawn_folder, tmp_path):
    command = [sys.executable, "tools/overfit.py", drawn_folder, "--out", tmp_path / "run", "--iterations", "100000"]
    process = subprocess.Popen(list(map(str, command)), cwd=ROOT, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while len(read_losses(tmp_path / "run/losses.csv")) < 1 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.splitlines()[-1].startswith("stopped before it had learnt") and "PCK" not in errors


def test_a_log_of_a_training_is_its_result_and_a_line_of_progress(drawn_db, tmp_path):
    tiny = "compact/mask_pose+input_size=32+sub_stages=1+width=0.03125"
    given = ["--variant", tiny, "--db", drawn_db, "--iterations", "2", "--data", "workers=0"]
    first = run("tools/train.py", *given, "--out", tmp_path / "first")
    assert first.returncode == 0 and first.stderr.count("\n") == 1 and first.stderr.startswith("100% 2/2 [")
    (weights,) = (tmp_path / "first").glob("*.caffemodel")
    assert (
        first.stdout.startswith(f"weights: {weights}; try: .venv/bin/python tools/predict.py ")
        and first.stdout.count("\n") == 1
    )
    second = run("tools/train.py", *given, "--out", tmp_path / "second", "--weights", weights)
    assert f"{weights}: 24 of 24 layers filled weights: " in " ".join(second.stdout.split())


def test_training_and_scoring_on_what_is_not_ours(weights, tmp_path):
    lmdb.open(str(tmp_path / "foreign")).close()
    for db, said in ((tmp_path / "nothing", "not an LMDB"), (tmp_path / "foreign", "not a maskpose database")):
        assert_one_line(run("tools/train.py", "--db", db, "--out", tmp_path / "run"), str(db), said)
        assert_one_line(run("tools/evaluate.py", "--db", db, "--weights", weights), str(db), said)


def test_curves_of_two_runs(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "losses.csv").write_text("iteration,total,mask_loss\n1,5,2\n2,4,2\n")
    picture, runs = tmp_path / "pictures/curves.svg", (tmp_path / "one", tmp_path / "two/losses.csv")
    result = run("tools/plot_losses.py", *runs, "--out", picture, "--total-only")
    assert result.returncode == 0 and f"written to {picture}" in result.stdout, result.stderr
    assert picture.read_text().startswith("<?xml")
    assert_one_line(run("tools/plot_losses.py", tmp_path, "--out", picture), str(tmp_path), "losses.csv")


def test_an_unknown_setting_of_the_data_layer(drawn_db, tmp_path):
    result = run("tools/train.py", "--db", drawn_db, "--out", tmp_path / "run", "--data", "batchsize=3")
    assert_one_line(result, "--data: unknown key 'batchsize'; the keys are db,")


def test_a_label_line_with_41_numbers(drawn_folder, tmp_path):
    source = tmp_path / "source"
    (source / "Train").mkdir(parents=True)
    (source / "Train/source").symlink_to(drawn_folder / "Train/source")
    lines = (drawn_folder / "Train/label_joint.txt").read_text().splitlines()
    lines[2] = lines[2].rsplit(",", 4)[0]
    (source / "Train/label_joint.txt").write_text("\n".join(lines))
    strict = run("data_prep/onehand10k.py", source, tmp_path / "strict", "--strict")
    assert_one_line(strict, "line 3", "41 numbers")
    assert not (tmp_path / "strict").exists()
    lenient = run("data_prep/onehand10k.py", source, tmp_path / "db")
    (tmp_path / "names.txt").write_text(lines[0].partition(",")[0])
    options = ("--names", tmp_path / "names.txt", "--origin", "us")
    named = run("data_prep/onehand10k.py", source, tmp_path / "named", *options)
    assert named.returncode == 0, named.stderr
    assert json.loads((tmp_path / "named/train.lmdb/manifest.json").read_text())["sources"] == {"us": 1}
    assert lenient.returncode == 0 and "line 3" in lenient.stderr and "41 numbers" in lenient.stderr
    assert json.loads((tmp_path / "db/train.lmdb/manifest.json").read_text())["count"] == len(lines) - 1


def test_annotation_ends_in_one_line_where_it_must(drawn_folder, tmp_path):
    script, work = "data_prep/annotate.py", tmp_path / "work"
    assert_one_line(run(script, "status", work), "is no annotation project")
    result = run(script, "packages", drawn_folder / "Test/source", work, "--size", "2")
    assert result.returncode == 0 and "4 images in 2 packages" in result.stdout, result.stderr
    assert_one_line(run(script, "packages", drawn_folder / "Test/source", work), "exists already")
    result = run(script, "assign", work, "--to", "anna,ben")
    assert result.returncode == 0 and "more than 3 others" in result.stdout, result.stderr
    assert_one_line(run(script, "assign", work, "--to", "a/b"), "'a/b' is not a name")
    own = "anna" if "anna: p001" in result.stdout else "ben"
    assert_one_line(run(script, "submit", work, "--by", own, "p001"), "2 of 2 labels are not ready")
    assert_one_line(run(script, "submit", work, "--by", own, "p9"), "no package called p9")
    assert_one_line(run(script, "validate", work, "--by", own, "p001"), f"{own} has not taken p001")
    assert_one_line(run(script, "export", work, tmp_path / "out"), "2 of 2 packages are not complete")
    assert_one_line(run(script, "export", work, tmp_path / "out", "--incomplete"), "no package is annotated")
    status = run(script, "status", work)
    assert "2 packages: 2 assigned" in status.stdout and not (tmp_path / "out").exists()


def test_scores_on_a_drawn_database(weights, drawn_db, tmp_path):
    result = run(
        "tools/evaluate.py", "--db", drawn_db, "--weights", weights, "--out", tmp_path / "s", "--ways", "single"
    )
    assert result.returncode == 0, result.stderr
    document = json.loads((tmp_path / "s/scores.json").read_text())
    assert document["scores"]["single"]["all"]["images"] == 10
    assert "PCK@0.2" in result.stdout and (tmp_path / "s/pck.csv").is_file() and (tmp_path / "s/pck.png").is_file()
    ours = document["scores"]["single"]["all"]
    assert (tmp_path / "s/worst.png").is_file()
    shutil.copy(tmp_path / "s/predictions_single.h5", tmp_path / "s/predictions_pyramid.h5")
    fewer = run(
        "tools/evaluate.py", "--db", drawn_db, "--weights", weights, "--out", tmp_path / "s", "--worst", "0",
        "--ways", "single", "single",
    )  # fmt: skip
    assert fewer.stdout.count("predictions_single.h5") == 1
    assert not (tmp_path / "s/worst.png").exists() and not (tmp_path / "s/predictions_pyramid.h5").exists()
    again = run(  # what it found, scored as others' predictions
        "tools/evaluate.py", "--db", drawn_db, "--ways", "--predictions", tmp_path / "s/predictions_single.h5",
        f"OpenPose={tmp_path}/s/predictions_single.h5", "--out", tmp_path / "again", "--normaliser", "diagonal",
    )  # fmt: skip
    assert again.returncode == 0, again.stderr
    document = json.loads((tmp_path / "again/scores.json").read_text())
    assert list(document["scores"]) == ["compact/mask_pose, single", "OpenPose"]
    theirs = document["scores"]["OpenPose"]["all"]
    assert theirs["epe_mean"]["value"] == pytest.approx(ours["epe_mean"]["value"], abs=1e-3)
    assert theirs["pck"]["value"] >= ours["pck"]["value"] and document["settings"]["normaliser"] == "diagonal"


def test_scores_of_predictions_on_crops(drawn_db, tmp_path):
    """The truth, put into the crops by hand, comes back as the truth; a photograph less is said, and no file at all."""
    crops = run("data_prep/crop_pictures.py", drawn_db, tmp_path / "crops")
    assert crops.returncode == 0 and "10 crops" in crops.stdout, crops.stderr
    maps, hands = json.loads((tmp_path / "crops/maps.json").read_text())["crops"], {}
    for sample in Reader(drawn_db):
        (name,) = [name for name, one in maps.items() if one["photograph"] == sample.name]
        points = np.column_stack([sample.keypoints, np.ones(21)]) @ np.array(maps[name]["to_crop"]).T
        hands[name] = np.column_stack([points, np.ones(21)]).tolist()
    (tmp_path / "peer.json").write_text(json.dumps({"predictor": "peer", "hands": hands}))
    arguments = ["--ways", "--cropped", tmp_path / "peer.json", tmp_path / "crops/maps.json", "--out", tmp_path / "s"]
    result = run("tools/evaluate.py", "--db", drawn_db, *arguments)
    assert result.returncode == 0, result.stderr
    figures = json.loads((tmp_path / "s/scores.json").read_text())["scores"]["peer"]["all"]
    assert figures["pck"]["value"] == 1 and figures["epe_mean"]["value"] < 0.01
    assert_one_line(run("tools/evaluate.py", "--db", drawn_db, "--ways"), "nothing to score")
    assert_one_line(run("tools/evaluate.py", "--db", drawn_db, "--predictions", tmp_path / "x"), "/x: no such file")
    mmpose = run("tools/evaluate.py", "--db", drawn_db, *arguments, "--protocol", "mmpose")
    assert_one_line(mmpose, "needs the data set's annotations")
    names = enumerate(one["photograph"] for one in maps.values())
    pictures = [{"id": number, "file_name": name} for number, name in names]
    boxes = [{"image_id": one["id"], "bbox": [0, 0, 5, 9]} for one in pictures]
    (tmp_path / "a.json").write_text(json.dumps({"images": pictures, "annotations": boxes}))
    arguments += ["--protocol", "mmpose", "--annotations", tmp_path / "a.json", "--at", "1e-4"]
    result = run("tools/evaluate.py", "--db", drawn_db, *arguments)
    assert result.returncode == 0, result.stderr
    document = json.loads((tmp_path / "s/scores.json").read_text())
    assert document["settings"]["auc_pixels"] == 30 and document["settings"]["at"] == 1e-4
    assert document["scores"]["peer"]["all"]["auc"]["value"] == 0.95  # of 20 thresholds from 0 on, strictly


def test_the_json_has_a_keypoint_a_line(weights, tmp_path):
    cv2.imwrite(str(tmp_path / "a.jpg"), photograph())
    result = run("tools/predict.py", tmp_path / "a.jpg", "--weights", weights, "--out", tmp_path)
    assert result.returncode == 0, result.stderr
    lines = (tmp_path / "a.json").read_text().splitlines()
    document = json.loads("\n".join(lines))
    keys = ["image", "width", "height", "threshold", "hand", "score", "keypoints", "detected", "fingerprint"]
    assert list(document) == keys
    assert [json.loads(line.rstrip(",")) for line in lines if line.startswith("  [")] == document["keypoints"]
    assert sum("true" in line or "false" in line for line in lines) == 2  # hand, detected
