"""Each kind of file, as its own program writes it: ours by that program, others' by hand from their documentation."""

import csv
import json
import pickle

import numpy as np
import pytest

from maskpose import files, output, prediction_files
from maskpose.datasets.mmpose import annotations
from maskpose.errors import InputError
from maskpose.inputs import Photograph
from maskpose.predictions import Predictions
from maskpose.predictor import Hand
from maskpose.skeleton import KEYPOINT_NAMES

POINTS = np.arange(42.0).reshape(21, 2) + 0.25
SURE = np.round(np.linspace(0.5, 1, 21), 3)


def flat(points=POINTS, confidences=SURE):
    return np.column_stack([points, confidences]).ravel().tolist()


def assert_found(predictions, names, found=None):
    """POINTS and SURE in each of ``names`` that ``found`` says, all where None."""
    assert predictions.names == list(names)
    found = np.ones(len(predictions.names), bool) if found is None else np.array(found)
    assert predictions.found.tolist() == found.tolist()
    for points, confidences in zip(predictions.keypoints[found], predictions.confidences[found]):
        np.testing.assert_allclose(points, POINTS, atol=1e-4)
        np.testing.assert_allclose(confidences, SURE, atol=1e-4)


def write_ours(folder, formats):
    """What tools/predict.py leaves of a photograph with two hands, the second the surer, and of one in a folder."""
    image, ones = np.zeros((60, 50, 3), np.uint8), np.full(21, 0.2, np.float32)
    good, bad = (Hand(points, conf, None, np.zeros((22, 3, 3), np.float32), np.eye(2, 3))
                 for points, conf in ((POINTS, SURE.astype(np.float32)), (POINTS + 9, ones)))  # fmt: skip
    photographs = [Photograph(folder / "1.jpg", "1"), Photograph(folder / "sub/2.jpg", "sub/2")]
    for photograph, hands in zip(photographs, ([bad, good], [good])):
        output.write_hands(folder, photograph, image, hands, 0.2, formats)
    files.note_names(folder, ["1.json"])
    output.write_tables(folder, photographs, formats)


@pytest.mark.parametrize("formats", [("json",), ("hdf5",), ("json", "openpose", "coco", "csv")])
def test_a_folder_of_ours(tmp_path, formats):
    write_ours(tmp_path / "out", formats)
    if "json" not in formats:
        for path in (tmp_path / "out").rglob("[!.]*.json"):
            path.unlink()
    found = prediction_files.read(tmp_path / "out")
    assert_found(found, ["1.jpg", "sub/2.jpg"])
    assert found.predictor == "out" and found.names_all


def test_tables_of_ours(tmp_path):
    write_ours(tmp_path, ("json", "csv", "coco"))
    assert_found(prediction_files.read(tmp_path / "keypoints.csv"), ["1.jpg", "sub/2.jpg"])
    coco = prediction_files.read(tmp_path / "coco_results.json")
    assert_found(coco, ["1.jpg", "sub/2.jpg"])
    assert not coco.names_all  # a photograph without a hand is not in it
    with pytest.raises(InputError, match=r"1\.json is no file of predictions.*give the folder"):
        prediction_files.read(tmp_path / "1.json")


@pytest.mark.parametrize("suffix", [".json", ".h5"])
def test_what_predictions_write(tmp_path, suffix):
    Predictions.of_hands("peer 1.0", {"a.jpg": (POINTS, SURE), "b.jpg": None}).write(tmp_path / f"x{suffix}")
    found = prediction_files.read(tmp_path / f"x{suffix}")
    assert found.predictor == "peer 1.0"
    if suffix == ".h5":
        assert_found(found, ["a.jpg", "b.jpg"], [True, False])
    else:
        assert_found(found, ["a.jpg"])
    assert found.names_all == (suffix == ".h5")


def test_openposes_folder(tmp_path):
    """Of two people the surer hand; joints at 0, 0, 0 were not found; nobody, and hands of zeros, are no hand."""
    left, nothing = flat(), [0.0] * 63
    left[3:6] = [0.0, 0.0, 0.0]
    files = {
        "1": [{"hand_left_keypoints_2d": flat(POINTS + 5, 0.9 * SURE), "hand_right_keypoints_2d": nothing},
              {"hand_left_keypoints_2d": left, "hand_right_keypoints_2d": []}],
        "2.b": [], "3": [{"hand_left_keypoints_2d": nothing, "hand_right_keypoints_2d": nothing}],
    }  # fmt: skip
    for stem, people in files.items():
        (tmp_path / f"{stem}_keypoints.json").write_text(json.dumps({"version": 1.3, "people": people}))
    found = prediction_files.read(tmp_path)
    assert found.names == ["1", "2.b", "3"] and found.found.tolist() == [True, False, False]
    assert np.isnan(found.keypoints[0, 1]).all() and (found.keypoints[0, 2:] == POINTS[2:]).all()
    assert found.names_all


def test_mmposes_folder(tmp_path):
    """As MMPoseInferencer's pred_out_dir has it."""
    one = {"keypoints": POINTS.tolist(), "keypoint_scores": SURE.tolist(), "bbox": [[0, 0, 5, 5]], "bbox_score": 1.0}
    worse = one | {"keypoint_scores": (0.5 * SURE).tolist(), "keypoints": (POINTS + 3).tolist()}
    (tmp_path / "1.json").write_text(json.dumps([worse, one]))
    (tmp_path / "2.json").write_text("[]")
    assert_found(prediction_files.read(tmp_path), ["1", "2"], [True, False])


@pytest.fixture
def dataset(tmp_path):
    """The annotations of two photographs, as mmpose's JSON has them."""
    document = {
        "images": [{"id": 7, "file_name": "Test/source/7.jpg"}, {"id": 9, "file_name": "Test/source/9.jpg"}],
        "annotations": [
            {"id": 1, "image_id": 9, "bbox": [3, 4, 30, 50.5], "head_size": 12.5},
            {"id": 2, "image_id": 7, "bbox": [3, 4, 80, 50], "head_size": 10},
        ],
    }
    (tmp_path / "annotations.json").write_text(json.dumps(document))
    return annotations(tmp_path / "annotations.json")


def test_mmposes_keypoint_results(tmp_path, dataset):
    results = [{"image_id": 9, "category_id": 1, "keypoints": flat(), "score": 0.9},
               {"image_id": 7, "keypoints": np.reshape(flat(), (21, 3)).tolist(), "bbox_id": 0}]  # fmt: skip
    (tmp_path / "r.keypoints.json").write_text(json.dumps(results))
    found = prediction_files.read(tmp_path / "r.keypoints.json", dataset)
    assert_found(found, ["Test/source/9.jpg", "Test/source/7.jpg"])
    with pytest.raises(InputError, match=r"result 0: which photograph is image 9.*--annotations"):
        prediction_files.read(tmp_path / "r.keypoints.json")
    (tmp_path / "r.keypoints.json").write_text(json.dumps([results[0] | {"image_id": 8}]))
    with pytest.raises(InputError, match=r"annotations\.json has no image: 8 is missing"):
        prediction_files.read(tmp_path / "r.keypoints.json", dataset)


def test_sizes_of_annotations(dataset):
    sizes = dataset.sizes(["7.jpg", "9.jpg"])
    assert {kind: values.tolist() for kind, values in sizes.items()} == {"dataset": [80, 50.5], "head": [10, 12.5]}
    with pytest.raises(InputError, match=r"annotations\.json says no dataset size of 8\.jpg"):
        dataset.sizes(["9.jpg", "8.jpg"])


class Tensor:
    """Stands for what is not NumPy's in a dump; unpickling it would run code."""

    def __reduce__(self):
        return _explode, ("boom",)


def _explode(text):
    raise AssertionError(text)


def test_mmposes_dump_without_running_what_is_in_it(tmp_path):
    found = {"keypoints": np.stack([POINTS + 3, POINTS]).astype(np.float32),
             "keypoint_scores": np.stack([SURE / 2, SURE]).astype(np.float32)}  # fmt: skip
    samples = [{"img_path": "/data/Test/source/1.jpg", "pred_instances": found, "gt_instance_labels": {"w": Tensor()}}]
    for protocol in (2, 5):
        (tmp_path / "results.pkl").write_bytes(pickle.dumps(samples, protocol))
        assert_found(prediction_files.read(tmp_path / "results.pkl"), ["/data/Test/source/1.jpg"])
    samples[0]["pred_instances"] = {"keypoints": [Tensor()], "keypoint_scores": [SURE]}
    (tmp_path / "results.pkl").write_bytes(pickle.dumps(samples))
    with pytest.raises(InputError, match=r"results\.pkl, sample 0, .*1\.jpg must have 21 keypoints"):
        prediction_files.read(tmp_path / "results.pkl")


def write_table(path, rows, *more):
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", *(f"{name}_{part}" for name in KEYPOINT_NAMES for part in ("x", "y")), *more])
        writer.writerows(rows)


def test_a_plain_csv(tmp_path):
    """No confidences: 1; empty cells: not found."""
    row = POINTS.ravel().tolist()
    write_table(tmp_path / "x.csv", [["1.jpg", *row], ["2.jpg", "", "", *row[2:]], ["3.jpg", *[""] * 42]])
    found = prediction_files.read(tmp_path / "x.csv")
    assert found.found.tolist() == [True, True, False] and (found.confidences[:2] == 1).all()
    assert np.isnan(found.keypoints[1, 0]).all() and (found.keypoints[1, 1:] == POINTS[1:]).all()
    write_table(tmp_path / "x.csv", [["1.jpg", "left", *row[1:]]])
    with pytest.raises(InputError, match=r"x\.csv, line 2 must have 21"):
        prediction_files.read(tmp_path / "x.csv")
    write_table(tmp_path / "x.csv", [["1.jpg", *row[1:]]])
    with pytest.raises(InputError, match=r"x\.csv, line 2: 42 columns, the heading has 43"):
        prediction_files.read(tmp_path / "x.csv")
    (tmp_path / "x.csv").write_text("image,wrist_x\n")
    with pytest.raises(InputError, match="wrist_y is missing"):
        prediction_files.read(tmp_path / "x.csv")


def test_labels_and_crops(tmp_path):
    Predictions.of_hands("peer", {"a.jpg": (POINTS, SURE)}).write(tmp_path / "x.json")
    Predictions.of_hands("peer", {"c.png": (POINTS / 2, SURE)}).write(tmp_path / "y=1.json")
    maps = {"c.png": ("a.jpg", np.array([[0.5, 0, 0], [0, 0.5, 0]]))}
    found = prediction_files.read_all([tmp_path / "x.json"], [(f"half={tmp_path / 'y=1.json'}", maps)])
    assert list(found) == ["peer", "half"]
    for predictions in found.values():
        assert_found(predictions, ["a.jpg"])
    assert list(prediction_files.read_all([tmp_path / "y=1.json"])) == ["peer"]
    with pytest.raises(InputError, match="there are two of peer: give one a name"):
        prediction_files.read_all([tmp_path / "x.json", tmp_path / "y=1.json"])


@pytest.mark.parametrize(
    "name,content,said",
    [
        ("x.json", "no JSON", "is not JSON"),
        ("x.json", '"text"', "is no file of predictions"),
        ("x.json", '{"hands": {}}', "is no file of predictions"),
        ("x.json", json.dumps({"predictor": "x", "hands": {"7.jpg": flat()[:60]}}), "7.jpg must have 21 keypoints"),
        ("x.json", json.dumps({"predictor": "x", "hands": {"7.jpg": "left"}}), "7.jpg must have 21 keypoints"),
        ("x.json", "[3]", "result 0: 'image_id' is missing"),
        ("x.h5", "no HDF5", "is no HDF5 file of predictions"),
        ("x.pkl", "no pickle", "is not a pickle, or damaged"),
        ("x.mat", "", "expected a folder, or one of .json"),
        ("x/1.json", '{"other": 1}', "holds no predictions"),
        ("x/1.json", json.dumps({"people": [{"hand_left_keypoints_2d": [1, 2]}]}), "1.json must have 21 keypoints"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path, name, content, said):
    (tmp_path / "x").mkdir()
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=said) as error:
        prediction_files.read(tmp_path / name.split("/")[0])
    assert str(tmp_path / name.split("/")[0]) in str(error.value)
