import json

import numpy as np
import pytest

from maskpose import predictions
from maskpose.errors import InputError
from maskpose.predictions import Predictions

HAND = [[i, 2 * i + 0.125, 0.5] for i in range(21)]


def test_a_file_by_hand_and_back(tmp_path):
    (tmp_path / "theirs.json").write_text(json.dumps({"predictor": "theirs", "hands": {"1.jpg": HAND}}))
    read = predictions.read(tmp_path / "theirs.json")
    keypoints, confidences = read.hands["1.jpg"]
    assert read.predictor == "theirs" and (confidences == 0.5).all()
    assert np.array_equal(keypoints, np.array(HAND)[:, :2])
    Predictions("ours", read.hands).write(tmp_path / "ours.json")
    assert json.loads((tmp_path / "ours.json").read_text()) == {"predictor": "ours", "hands": {"1.jpg": HAND}}


@pytest.mark.parametrize(
    "text,said",
    [
        ("no JSON", "no file of predictions"),
        ("[]", "no file of predictions"),
        ('{"hands": {}}', "no file of predictions"),
        (json.dumps({"predictor": "x", "hands": {"7.jpg": HAND[:20]}}), "7.jpg must have 21 keypoints"),
        (json.dumps({"predictor": "x", "hands": {"7.jpg": "left"}}), "7.jpg must have 21 keypoints"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path, text, said):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(InputError, match=said) as error:
        predictions.read(tmp_path / "x.json")
    assert "x.json" in str(error.value)
