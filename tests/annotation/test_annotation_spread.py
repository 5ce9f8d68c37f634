import cv2
import numpy as np
import pytest

from maskpose.annotation import spread
from maskpose.keypoints import KEYPOINT_NAMES


def test_two_versions_lie_half_their_distance_from_the_mean():
    one = {"wrist": [0.0, 0.0], "thumb_1": [100.0, 40.0]}
    other = {"wrist": [6.0, 8.0], "thumb_1": [100.0, 40.0], "thumb_2": [5.0, 5.0]}
    found = spread.measure_spread([{"anna": one, "ben": other}])
    assert found.pixels[0] == [5.0, 5.0] and found.pixels[1] == [0.0, 0.0] and found.pixels[2] == []
    # centres: (3, 4) and (100, 40): a box of 97 x 36
    assert found.relative[0] == pytest.approx([5 / 97, 5 / 97])
    assert found.disputed.tolist() == [k == 2 for k in range(21)] and found.images == 1


def test_versions_by_brute_force():
    rng = np.random.default_rng(0)
    photographs = [
        {
            f"person {n}": {name: rng.uniform(0, 300, 2).tolist() for name in KEYPOINT_NAMES if rng.random() < 0.6}
            for n in range(rng.integers(1, 6))
        }
        for _ in range(30)
    ]
    found = spread.measure_spread(photographs)
    for k, name in enumerate(KEYPOINT_NAMES):
        pixels, disputed = [], 0
        for versions in photographs:
            there = [np.array(label[name]) for label in versions.values() if name in label]
            if len(versions) > 1:
                disputed += 0 < len(there) < len(versions)
            if len(there) > 1:
                pixels += [np.hypot(*(point - sum(there) / len(there))) for point in there]
        assert found.pixels[k] == pytest.approx(pixels) and found.disputed[k] == disputed
    assert found.images == sum(len(versions) > 1 for versions in photographs)


def test_unusable_versions_and_single_ones_have_no_spread():
    label = {"wrist": [1.0, 1.0], "thumb_1": [5.0, 5.0]}
    found = spread.measure_spread([{"anna": label}, {"anna": label, "ben": {**label, "unusable": True}}])
    assert found.images == 0 and not any(found.pixels)
    assert "all                0" in spread.format_spread(found)


def test_report_and_picture():
    label = {name: [float(k), 2.0 * k] for k, name in enumerate(KEYPOINT_NAMES)}
    found = spread.measure_spread([{"anna": label, "ben": {**label, "wrist": [0.0, 3.0]}}])
    lines = spread.format_spread(found).splitlines()
    assert lines[0].startswith("1 images") and len(lines) == 3 + 21 + 1
    assert lines[3].split() == ["wrist", "2", "1.50", "1.50", f"{1.5 / 38.5:.4f}", f"{1.5 / 38.5:.4f}", "0"]
    picture = cv2.imdecode(np.frombuffer(spread.plot_spread(found), np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape == (400, 900, 3)
