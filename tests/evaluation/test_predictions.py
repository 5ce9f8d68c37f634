import json

import h5py
import numpy as np
import pytest

from maskpose.errors import InputError
from maskpose.evaluation import prediction_readers, predictions
from maskpose.evaluation.predictions import Predictions
from maskpose.io.left_out import LeftOut
from maskpose.io.name_index import NameIndex

HAND = (np.arange(42.0).reshape(21, 2) + 0.125, np.linspace(0.5, 1, 21))


def peer(names, **more):
    """A hand in each of ``names``, ten pixels further right in each."""
    hands = {name: (HAND[0] + (10 * n, 0), HAND[1]) for n, name in enumerate(names)}
    return Predictions.from_hands("peer", hands, where="peer.json", **more)


def test_one_of_several_hands_and_none():
    found = Predictions.from_hands("peer", {"1.jpg": HAND, "2.jpg": None})
    assert found.found.tolist() == [True, False] and np.isnan(found.keypoints[1]).all()
    assert Predictions.from_hands("peer", {}).keypoints.shape == (0, 21, 2)


def test_json_has_the_hands_that_were_found(tmp_path):
    Predictions.from_hands("peer", {"1.jpg": HAND, "2.jpg": None}).write(tmp_path / "x.json")
    document = json.loads((tmp_path / "x.json").read_text())
    assert document["predictor"] == "peer" and list(document["hands"]) == ["1.jpg"]
    np.testing.assert_allclose(document["hands"]["1.jpg"], np.column_stack(HAND), atol=5e-4)
    part = HAND[0].copy()
    part[3] = np.nan
    Predictions.from_hands("peer", {"1.jpg": (part, HAND[1])}).write(tmp_path / "x.json")
    assert json.loads((tmp_path / "x.json").read_text())["hands"]["1.jpg"][3] == [None, None, 0.575]
    np.testing.assert_allclose(prediction_readers.read_predictions(tmp_path / "x.json").keypoints[0], part, atol=5e-4)


def test_hdf5_has_every_photograph(tmp_path):
    Predictions.from_hands("peer", {"1.jpg": HAND, "2.jpg": None}).write(tmp_path / "x.h5")
    with h5py.File(tmp_path / "x.h5") as file:
        assert [name.decode() for name in file["names"]] == ["1.jpg", "2.jpg"] and file.attrs["predictor"] == "peer"
        np.testing.assert_allclose(file["keypoints"][0], HAND[0])
        assert np.isnan(file["keypoints"][1]).all() and not file["confidences"][1].any()


def test_hdf5_keeps_scores_and_which_hands_are_claimed(tmp_path):
    found = peer(["1.jpg", "2.jpg"])
    found.claimed, found.scores = np.array([True, False]), np.array([0.75, 0.25])
    found.write(tmp_path / "x.h5")
    again = prediction_readers.read_predictions(tmp_path / "x.h5")
    assert again.claimed.tolist() == [True, False] and again.scores.tolist() == [0.75, 0.25]
    with h5py.File(tmp_path / "x.h5", "a") as file:
        del file["claimed"], file["scores"]
    again = prediction_readers.read_predictions(tmp_path / "x.h5")
    assert again.claimed.all() and np.isnan(again.scores).all()
    with h5py.File(tmp_path / "x.h5", "a") as file:
        file["claimed"] = [True]
    with pytest.raises(InputError, match=r"x\.h5: expected claimed \(2\) of numbers, not \(1,\)"):
        prediction_readers.read_predictions(tmp_path / "x.h5")


def test_names_whole_without_folders_and_without_suffix():
    known = NameIndex(["a/1.jpg", "b/1.jpg", "b/2.jpg", "img.003.png", "img.003.jpg", "img.004.jpg"])
    found = {"b/1.jpg": 1, "x/y/2.jpg": 2, "2": 2, "2.png": 2, "img.003.jpg": 4, "img.004": 5, "z/img.004": 5}
    assert {name: known.find(name) for name in found} == found
    assert known.find("3.jpg") is None and known.find("img") is None
    for name in ("1.jpg", "1", "c/1.jpg", "img.003"):
        with pytest.raises(InputError, match=f"x.json: {name} may be .* or "):
            known.find(name, "x.json")


def test_photographs_are_matched_in_the_order_that_is_asked_for():
    found = peer(["r/2.jpg", "1"])
    found.scores[:] = 0.2, 0.7
    found = found.match(["1.jpg", "2.jpg"])
    assert (found.keypoints[:, 0, 0] - HAND[0][0, 0]).tolist() == [10, 0] and found.names == ["1.jpg", "2.jpg"]
    np.testing.assert_array_equal(found.confidences, [HAND[1]] * 2)
    assert found.scores.tolist() == [0.7, 0.2]


def test_unknown_missing_and_double_names_are_said():
    with pytest.raises(InputError, match=r"peer\.json: no image of .* is called 3\.jpg \(its first is 1"):
        peer(["1.jpg", "3.jpg"]).match(["1.jpg"])
    with pytest.raises(InputError, match=r"peer\.json: nothing of 2\.jpg, nor of 1 more images"):
        peer(["1.jpg"]).match(["1.jpg", "2.jpg", "4.jpg"])
    with pytest.raises(InputError, match=r"peer\.json: 1\.jpg and a/1\.png are both 1\.jpg"):
        peer(["1.jpg", "a/1.png"]).match(["1.jpg"])
    for found in (peer(["1.jpg", "3.jpg"]).match(["2.jpg", "1.jpg"], lenient=True),
                  peer(["1.jpg"], names_all=False).match(["2.jpg", "1.jpg"])):  # fmt: skip
        assert np.isnan(found.keypoints[0]).all() and (found.keypoints[1] == HAND[0]).all()
        assert found.claimed.tolist() == [False, True]


def test_back_from_crops_to_photographs(tmp_path):
    """Crops that begin at (20, 30) and are half as large, pixel centres at integers."""
    to_crop = [[0.5, 0, -10.25], [0, 0.5, -15.25]]
    maps = {"crops": {"a/1.png": {"photograph": "a/1.jpg", "to_crop": to_crop}}}
    (tmp_path / "maps.json").write_text(json.dumps(maps))
    back = peer(["1"]).on_images(predictions.read_maps(tmp_path / "maps.json"))
    assert back.names == ["a/1.jpg"]
    np.testing.assert_allclose(back.keypoints[0], 2 * HAND[0] + (20.5, 30.5))
    with pytest.raises(InputError, match=r"peer\.json: there is no crop 2"):
        peer(["2"]).on_images(predictions.read_maps(tmp_path / "maps.json"))
    (tmp_path / "other.json").write_text('{"crops": {"1.png": {"photograph": "1.jpg"}}}')
    with pytest.raises(InputError, match=r"other\.json, 1\.png: 'to_crop' is missing"):
        predictions.read_maps(tmp_path / "other.json")


def test_broken_maps_of_crops_are_left_out_alone(tmp_path):
    good = {"photograph": "1.jpg", "to_crop": [[1, 0, 0], [0, 1, 0]]}
    crops = {"1.png": good, "2.png": None, "3.png": {**good, "to_crop": [[1, 0, 0], [1, 0, 0]]},
             "4.png": {**good, "photograph": 5}, "5.png": {**good, "to_crop": [[1e200, 0, 0], [0, 1e200, 0]]},
             "6.png": {**good, "to_crop": [[True, 0, 0], [0, "1", 0]]}}  # fmt: skip
    (tmp_path / "maps.json").write_text(json.dumps({"crops": crops}))
    left_out = LeftOut()
    assert list(predictions.read_maps(tmp_path / "maps.json", left_out)) == ["1.png"]
    assert [problem.split("maps.json, ")[1][:5] for problem in left_out.problems] == [f"{n}.png" for n in range(2, 7)]


def test_names_with_windows_separators_are_found_by_either():
    for known, asked in (("Train\\source\\7.jpg", "Train/source/7.jpg"), ("source/7.jpg", "source\\7.jpg")):
        assert NameIndex([known, "8.jpg"]).find(asked) == 0


def test_two_hands_of_one_photograph_in_a_file_are_no_hand(tmp_path):
    rows = json.dumps(np.column_stack([HAND[0], np.ones(21)]).tolist())
    text = f'{{"predictor": "P", "hands": {{"1.jpg": {rows}, "2.jpg": {rows}, "1.jpg": {rows}}}}}'
    (tmp_path / "p.json").write_text(text)
    left_out = LeftOut()
    found = prediction_readers.read_predictions(tmp_path / "p.json", left_out=left_out)
    assert found.names == ["1.jpg", "2.jpg"] and found.found.tolist() == [False, True]
    assert left_out.problems == [f"{tmp_path}/p.json, hands: '1.jpg' appears twice"]
