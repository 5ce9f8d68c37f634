"""Each kind of file, as its own program writes it: ours by that program, others' by hand from their documentation."""

import csv
import json
import pickle
import re

import numpy as np
import pytest

from maskpose.data.datasets.mmpose import read_annotations
from maskpose.errors import InputError
from maskpose.evaluation import prediction_readers
from maskpose.evaluation.predictions import Predictions
from maskpose.inference import writers
from maskpose.inference.hand import Hand
from maskpose.inference.image_paths import ImageFile
from maskpose.io import files
from maskpose.io.left_out import LeftOut
from maskpose.keypoints import KEYPOINT_NAMES

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
    photographs = [ImageFile(folder / "1.jpg", "1"), ImageFile(folder / "sub/2.jpg", "sub/2")]
    for photograph, hands in zip(photographs, ([bad, good], [good])):
        writers.write_hands(folder, photograph, image, hands, 0.2, formats)
    files.note_names(folder, ["1.json"])
    writers.write_tables(folder, photographs, formats)


@pytest.mark.parametrize("form", ["json", "hdf5", "csv"])
def test_our_files_say_whether_there_is_a_hand(tmp_path, form):
    image, sure = np.zeros((60, 50, 3), np.uint8), SURE.astype(np.float32)
    absent, present = (
        Hand(POINTS, confidences, None, np.zeros((22, 3, 3), np.float32), np.eye(2, 3), score, score > 0.5)
        for confidences, score in ((sure, 0.25), (sure / 2, 0.75))
    )
    photographs = [ImageFile(tmp_path / "1.jpg", "1"), ImageFile(tmp_path / "2.jpg", "2")]
    for photograph, hands in zip(photographs, ([absent], [absent, present])):
        writers.write_hands(tmp_path, photograph, image, hands, 0.2, ("json", form))
    files.note_names(tmp_path, ["1.json"])
    writers.write_tables(tmp_path, photographs, (form,))
    if form == "hdf5":
        for path in tmp_path.glob("*.json"):
            path.unlink()
    found = prediction_readers.read_predictions(tmp_path / "keypoints.csv" if form == "csv" else tmp_path)
    assert found.claimed.tolist() == [False, True] and found.scores.tolist() == [0.25, 0.75]
    np.testing.assert_allclose(found.confidences[1], SURE / 2, atol=1e-4)  # the surer one is said to be no hand


@pytest.mark.parametrize("formats", [("json",), ("hdf5",), ("json", "openpose", "coco", "csv")])
def test_a_folder_of_ours(tmp_path, formats):
    write_ours(tmp_path / "out", formats)
    if "json" not in formats:
        for path in (tmp_path / "out").rglob("[!.]*.json"):
            path.unlink()
    found = prediction_readers.read_predictions(tmp_path / "out")
    assert_found(found, ["1.jpg", "sub/2.jpg"])
    assert found.predictor == "out" and found.names_all


def test_tables_of_ours(tmp_path):
    write_ours(tmp_path, ("json", "csv", "coco"))
    assert_found(prediction_readers.read_predictions(tmp_path / "keypoints.csv"), ["1.jpg", "sub/2.jpg"])
    coco = prediction_readers.read_predictions(tmp_path / "coco_results.json")
    assert_found(coco, ["1.jpg", "sub/2.jpg"])
    assert not coco.names_all  # a photograph without a hand is not in it
    with pytest.raises(InputError, match=r"1\.json is no file of predictions.*give the folder"):
        prediction_readers.read_predictions(tmp_path / "1.json")


@pytest.mark.parametrize("suffix", [".json", ".h5"])
def test_what_predictions_write(tmp_path, suffix):
    Predictions.from_hands("peer 1.0", {"a.jpg": (POINTS, SURE), "b.jpg": None}).write(tmp_path / f"x{suffix}")
    found = prediction_readers.read_predictions(tmp_path / f"x{suffix}")
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
    found = prediction_readers.read_predictions(tmp_path)
    assert found.names == ["1", "2.b", "3"] and found.found.tolist() == [True, False, False]
    assert np.isnan(found.keypoints[0, 1]).all() and (found.keypoints[0, 2:] == POINTS[2:]).all()
    assert found.names_all


def test_mmposes_folder(tmp_path):
    """As MMPoseInferencer's pred_out_dir has it."""
    one = {"keypoints": POINTS.tolist(), "keypoint_scores": SURE.tolist(), "bbox": [[0, 0, 5, 5]], "bbox_score": 1.0}
    worse = one | {"keypoint_scores": (0.5 * SURE).tolist(), "keypoints": (POINTS + 3).tolist()}
    (tmp_path / "1.json").write_text(json.dumps([worse, one]))
    (tmp_path / "2.json").write_text("[]")
    assert_found(prediction_readers.read_predictions(tmp_path), ["1", "2"], [True, False])


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
    return read_annotations(tmp_path / "annotations.json")


def test_mmposes_keypoint_results(tmp_path, dataset):
    results = [{"image_id": 9, "category_id": 1, "keypoints": flat(), "score": 0.9},
               {"image_id": 7, "keypoints": np.reshape(flat(), (21, 3)).tolist(), "bbox_id": 0}]  # fmt: skip
    (tmp_path / "r.keypoints.json").write_text(json.dumps(results))
    found = prediction_readers.read_predictions(tmp_path / "r.keypoints.json", dataset)
    assert_found(found, ["Test/source/9.jpg", "Test/source/7.jpg"])
    with pytest.raises(InputError, match=r"result 0: which file is image 9.*--annotations"):
        prediction_readers.read_predictions(tmp_path / "r.keypoints.json")
    (tmp_path / "r.keypoints.json").write_text(json.dumps([results[0] | {"image_id": 8}]))
    with pytest.raises(InputError, match=r"annotations\.json has no image: 8 is missing"):
        prediction_readers.read_predictions(tmp_path / "r.keypoints.json", dataset)


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
        assert_found(prediction_readers.read_predictions(tmp_path / "results.pkl"), ["/data/Test/source/1.jpg"])
    samples[0]["pred_instances"] = {"keypoints": [Tensor()], "keypoint_scores": [SURE]}
    (tmp_path / "results.pkl").write_bytes(pickle.dumps(samples))
    with pytest.raises(InputError, match=r"results\.pkl, sample 0, .*1\.jpg must have 21 keypoints"):
        prediction_readers.read_predictions(tmp_path / "results.pkl")


def write_table(path, rows, *more):
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", *(f"{name}_{part}" for name in KEYPOINT_NAMES for part in ("x", "y")), *more])
        writer.writerows(rows)


def test_a_plain_csv(tmp_path):
    """No confidences: 1; empty cells: not found."""
    row = POINTS.ravel().tolist()
    write_table(tmp_path / "x.csv", [["1.jpg", *row], ["2.jpg", "", "", *row[2:]], ["3.jpg", *[""] * 42]])
    found = prediction_readers.read_predictions(tmp_path / "x.csv")
    assert found.found.tolist() == [True, True, False] and (found.confidences[:2] == 1).all()
    assert np.isnan(found.keypoints[1, 0]).all() and (found.keypoints[1, 1:] == POINTS[1:]).all()
    write_table(tmp_path / "x.csv", [["1.jpg", "left", *row[1:]]])
    with pytest.raises(InputError, match=r"x\.csv, line 2, wrist_x: expected a number, not 'left'"):
        prediction_readers.read_predictions(tmp_path / "x.csv")
    write_table(tmp_path / "x.csv", [["1.jpg", *row[1:]]])
    with pytest.raises(InputError, match=r"x\.csv, line 2 has fewer columns than the header"):
        prediction_readers.read_predictions(tmp_path / "x.csv")
    (tmp_path / "x.csv").write_text("image,wrist_x\n")
    with pytest.raises(InputError, match="wrist_y is missing"):
        prediction_readers.read_predictions(tmp_path / "x.csv")


def test_labels_and_crops(tmp_path):
    Predictions.from_hands("peer", {"a.jpg": (POINTS, SURE)}).write(tmp_path / "x.json")
    Predictions.from_hands("peer", {"c.png": (POINTS / 2, SURE)}).write(tmp_path / "y=1.json")
    maps = {"c.png": ("a.jpg", np.array([[0.5, 0, 0], [0, 0.5, 0]]))}
    found = prediction_readers.read_all_predictions([tmp_path / "x.json"], [(f"half={tmp_path / 'y=1.json'}", maps)])
    assert list(found) == ["peer", "half"]
    for predictions in found.values():
        assert_found(predictions, ["a.jpg"])
    assert list(prediction_readers.read_all_predictions([tmp_path / "y=1.json"])) == ["peer"]
    with pytest.raises(InputError, match="there are two of peer: give one a name"):
        prediction_readers.read_all_predictions([tmp_path / "x.json", tmp_path / "y=1.json"])


@pytest.mark.parametrize(
    "name,content,said",
    [
        ("x.json", "no JSON", "is not JSON"),
        ("x.json", '"text"', "is no file of predictions"),
        ("x.json", '{"hands": {}}', "is no file of predictions"),
        ("x.json", json.dumps({"predictor": "x", "hands": {"7.jpg": flat()[:60]}}), "7.jpg must have 21 keypoints"),
        ("x.json", json.dumps({"predictor": "x", "hands": {"7.jpg": "left"}}), "7.jpg must have 21 keypoints"),
        ("x.json", "[3]", "result 0: 'image_id' is missing"),
        ("x.h5", "no HDF5", "is no HDF5 file that can be read"),
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
        prediction_readers.read_predictions(tmp_path / name.split("/")[0])
    assert str(tmp_path / name.split("/")[0]) in str(error.value)


ODD_ROWS = {  # in the place of a hand's 21 [x, y, confidence]
    "null": None, "a text": "left", "a number": 5, "an object": {"x": 1}, "one number too few": flat()[:62],
    "texts of numbers": [str(value) for value in flat()], "truth values": [True] * 63, "infinite": [float("inf")] * 63,
    "of too many digits": [10**400] * 63, "too far away": [1e300] * 63, "deeper": [[[value]] for value in flat()],
}  # fmt: skip


def json_of(document):
    return json.dumps(document)


def ours(n, rows):
    return json_of({"image": f"{n}.jpg", "keypoints": rows})


def folder_of(path, files):
    path.mkdir()
    for name, content in files.items():
        (path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def written_with_one_odd_hand(tmp_path, kind, rows):
    """A file or folder of two photographs, of which 2 has the odd ``rows``."""
    coco = [{"file_name": "1.jpg", "keypoints": flat()}, {"file_name": "2.jpg", "keypoints": rows}]
    if kind == "hands":
        files = {"x.json": json_of({"predictor": "x", "hands": {"1.jpg": flat(), "2.jpg": rows}})}
    elif kind == "COCO":
        files = {"x.json": json_of(coco)}
    elif kind == "ours":
        return folder_of(tmp_path / "x", {"1.json": ours(1, flat()), "2.json": ours(2, rows)})
    elif kind == "OpenPose":
        people = [json_of({"people": [{"hand_left_keypoints_2d": one}]}) for one in (flat(), rows)]
        return folder_of(tmp_path / "x", {f"{n}_keypoints.json": one for n, one in enumerate(people, start=1)})
    elif kind == "mmpose":
        hands = [json_of([{"keypoints": one, "keypoint_scores": [1] * 21}]) for one in (POINTS.tolist(), rows)]
        return folder_of(tmp_path / "x", {f"{n}.json": one for n, one in enumerate(hands, start=1)})
    (tmp_path / "x.json").write_text(files["x.json"])
    return tmp_path / "x.json"


@pytest.mark.parametrize("kind", ["hands", "COCO", "ours", "OpenPose", "mmpose"])
@pytest.mark.parametrize("odd", ODD_ROWS)
def test_a_hand_that_is_broken_is_left_out_by_name_and_the_others_are_read(tmp_path, kind, odd):
    path = written_with_one_odd_hand(tmp_path, kind, ODD_ROWS[odd])
    left_out = LeftOut()
    found = prediction_readers.read_predictions(path, left_out=left_out)
    assert found.names[0].startswith("1") and found.found[0] and not found.found[1:].any()
    if kind in ("ours", "OpenPose") and odd == "null":  # nothing found, as both programs write it
        assert not left_out.problems
        return
    assert len(left_out.problems) == 1 and str(path) in left_out.problems[0] and "2" in left_out.problems[0]
    assert len(left_out.problems[0]) < 1000
    with pytest.raises(InputError):
        prediction_readers.read_predictions(path)


@pytest.mark.parametrize(
    "name,content",
    [
        ("2_keypoints.json", "{"),
        ("2_keypoints.json", "[" * 100_000),
        ("2_keypoints.json", json.dumps({"people": [{}]}).encode("utf-16")[:21]),
        ("2_keypoints.json", json.dumps({"people": None})),
        ("2_keypoints.json", json.dumps({"people": [None]})),
        ("2_keypoints.json", json.dumps({"people": "two"})),
    ],
)
def test_a_file_of_a_folder_that_is_broken_is_left_out_by_name(tmp_path, name, content):
    one = json.dumps({"people": [{"hand_right_keypoints_2d": flat()}]})
    path = folder_of(tmp_path / "x", {"1_keypoints.json": "\ufeff" + one, name: content})
    left_out = LeftOut()
    found = prediction_readers.read_predictions(path, left_out=left_out)
    assert_found(found, ["1"])
    assert [name in problem for problem in left_out.problems] == [True]


def test_other_files_of_a_folder_do_not_matter(tmp_path):
    other = {"list.json": "[1, 2]", "text.json": '"x"', "keypoints.json": '{"keypoints": 3}', "empty.json": "{}"}
    people = json.dumps({"people": [{"hand_right_keypoints_2d": flat()}]})
    path = folder_of(tmp_path / "x", {"1_keypoints.json": people, "2_keypoints.json": people, **other})
    assert_found(prediction_readers.read_predictions(path), ["1", "2"])


def test_a_photograph_of_two_files_of_a_folder_is_read_once(tmp_path):
    files = {"a.json": ours(1, flat()), "b.json": ours(1, flat(POINTS + 9)), "c.json": ours(2, [])}
    path = folder_of(tmp_path / "x", files)
    left_out = LeftOut()
    assert_found(prediction_readers.read_predictions(path, left_out=left_out), ["1.jpg", "2.jpg"], [True, False])
    assert left_out.problems == [f"{path / 'b.json'} is of 1.jpg, as {path / 'a.json'} is"]


def test_more_hands_that_are_no_list_of_hands_leave_the_photograph_out(tmp_path):
    odd = ([{}], None, 3, ["x"], [None])
    document = {"keypoints": flat()}
    files = {f"{n}.json": json.dumps({**document, "image": f"{n}.jpg", "more_hands": one}) for n, one in enumerate(odd)}
    path = folder_of(tmp_path / "x", {**files, "9.json": ours(9, flat())})
    left_out = LeftOut()
    assert_found(prediction_readers.read_predictions(path, left_out=left_out), ["9.jpg"])
    assert len(left_out.problems) == len(odd)


def test_keypoints_of_null_or_nan_were_not_found(tmp_path):
    rows = np.column_stack([POINTS, SURE]).tolist()
    rows[1][:2], rows[2][0], rows[3], rows[4][2] = [None, None], float("nan"), [None] * 3, None
    (tmp_path / "x.json").write_text(json.dumps({"predictor": "x", "hands": {"1.jpg": rows}}))
    found = prediction_readers.read_predictions(tmp_path / "x.json")
    assert np.isnan(found.keypoints[0, 1:4]).all() and (found.keypoints[0, 4:] == POINTS[4:]).all()
    assert found.confidences[0].tolist() == [*SURE[:3], 0, 0, *SURE[5:]]


def test_rows_of_a_csv_that_are_broken_are_left_out_by_line(tmp_path):
    row = POINTS.ravel().tolist()
    odd = [["2.jpg", *row[:-1]], ["", *row], *([f"{x}.jpg", x, *row[1:]] for x in ("1,5", "inf", "1e999"))]
    write_table(tmp_path / "x.csv", [["1.jpg", *row], *odd, ["=7.jpg", *row]])
    left_out = LeftOut()
    found = prediction_readers.read_predictions(tmp_path / "x.csv", left_out=left_out)
    assert np.array(found.names)[found.found].tolist() == ["1.jpg", "=7.jpg"]
    assert [int(re.search(r"line (\d+)", problem)[1]) for problem in left_out.problems] == [3, 4, 5, 6, 7]
    with pytest.raises(InputError, match=r"x\.csv, line 3 has fewer columns"):
        prediction_readers.read_predictions(tmp_path / "x.csv")
    text = (tmp_path / "x.csv").read_text()
    (tmp_path / "16.csv").write_bytes(text.encode("utf-16"))
    assert prediction_readers.read_predictions(tmp_path / "16.csv", left_out=LeftOut()).names == found.names


def test_samples_of_a_dump_that_are_broken_are_left_out_by_number(tmp_path):
    def sample(name, keypoints=POINTS[None], scores=SURE[None]):
        return {"img_path": name, "pred_instances": {"keypoints": keypoints, "keypoint_scores": scores}}

    odd = [
        {}, None, sample(None), sample(["3.jpg"]), sample("4.jpg", POINTS[None, :20]), sample("5.jpg", scores=SURE),
        sample("6.jpg", POINTS[None] * np.inf), sample("7.jpg", [[1, [2]]]), sample("8.jpg", Tensor()),
        sample("9.jpg", 5), {"img_path": "10.jpg"},
        sample("11.jpg", np.array(3.0), np.array(3.0)), sample("12.jpg", "text", "text"),
    ]  # fmt: skip
    (tmp_path / "x.pkl").write_bytes(pickle.dumps([sample("C:\\set\\1.jpg"), *odd]))
    left_out = LeftOut()
    found = prediction_readers.read_predictions(tmp_path / "x.pkl", left_out=left_out)
    assert len(left_out.problems) == len(odd) and found.found.sum() == 1
    for number, problem in enumerate(left_out.problems, start=1):
        assert problem.startswith(f"{tmp_path / 'x.pkl'}, sample {number}")
    assert found.match(["1.jpg"], left_out=LeftOut()).found.all()


def test_hands_of_an_hdf5_file_that_are_infinite_are_left_out_by_name(tmp_path):
    far = POINTS.copy()
    far[3, 1] = np.inf
    Predictions.from_hands("x", {"1.jpg": (POINTS, SURE), "2.jpg": (far, SURE)}).write(tmp_path / "x.h5")
    left_out = LeftOut()
    found = prediction_readers.read_predictions(tmp_path / "x.h5", left_out=left_out)
    assert_found(found, ["1.jpg", "2.jpg"], [True, False])
    assert found.claimed.tolist() == [True, False] and "2.jpg" in left_out.problems[0]


def test_a_file_of_which_nothing_can_be_read_is_an_error_all_the_same(tmp_path):
    (tmp_path / "x.json").write_text(json.dumps([{"file_name": "1.jpg"}, {"file_name": "2.jpg"}]))
    with pytest.raises(InputError, match="result 0: 'keypoints' is missing"):
        prediction_readers.read_predictions(tmp_path / "x.json", left_out=LeftOut())


def test_annotations_that_are_broken_are_left_out_by_number(tmp_path):
    boxes = [[3, 4, 30, 50.5], None, [1, 2], ["a"] * 4, [1, 2, float("nan"), 3]]
    images = [{"id": n, "file_name": f"{n}.jpg"} for n in range(len(boxes))]
    document = {
        "images": [*images, {"id": 0, "file_name": "again.jpg"}, {"id": [8], "file_name": "x"}, {"id": 9}, None],
        "annotations": [
            *({"id": n, "image_id": n, "bbox": box} for n, box in enumerate(boxes)),
            {"image_id": 0, "bbox": [0, 0, 9, 9]}, {"image_id": 77, "bbox": [0, 0, 9, 9]}, {"image_id": {}}, 5,
        ],
    }  # fmt: skip
    (tmp_path / "a.json").write_text(json.dumps(document))
    left_out = LeftOut()
    read = read_annotations(tmp_path / "a.json", left_out)
    assert read.boxes == {"0.jpg": 50.5} and len(read.names) == len(boxes) and len(left_out.problems) == 4 + 4 + 4
    sizes = read.sizes(["1.jpg", "0.jpg"], left_out)["dataset"]
    assert np.isnan(sizes[0]) and sizes[1] == 50.5 and left_out.problems[-1].endswith("says no dataset size of 1.jpg")
    with pytest.raises(InputError, match="image 5: expected an id of its own, not 0"):
        read_annotations(tmp_path / "a.json")
