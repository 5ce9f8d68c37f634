import csv

import cv2
import numpy as np

from conftest import shifted_results
from maskpose.evaluation import score_tables
from maskpose.evaluation.scores import score_results, scores_by_origin
from maskpose.keypoints import KEYPOINT_NAMES


def test_a_row_for_each_origin_and_way():
    tables = {"single": scores_by_origin(shifted_results([0, 0, 30], origins=["a", "a", "b"]))}
    text = score_tables.table_text(tables)
    assert "PCK@0.2" in text and all(word in text for word in ("all", "a ", "b ", "single", "0.667"))
    assert "PCK@0.1 (95 %)" in score_tables.table_text(tables, at=0.1)
    assert len(set(map(len, text.splitlines()[:-1]))) == 1


def test_lines_of_fingers_and_joints_are_there_for_every_origin():
    tables = {"single": scores_by_origin(shifted_results([0, 30], origins=["a", "b"]))}
    lines = score_tables.per_keypoint_text(tables).splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        f"PCK@0.2 per {what}, {origin}, single" for origin in ("all", "a", "b") for what in ("finger", "keypoint")
    ]
    for line, value in zip(lines[1::2], ("0.50", "1.00", "0.00")):
        assert all(f"{name} {value}" in line for name in KEYPOINT_NAMES)
    assert "thumb 0.50  index 0.50" in lines[0]


def test_the_table_warns_of_mixed_origins_only_where_there_are_some():
    one, two = ({"single": scores_by_origin(shifted_results([0, 30], origins=origins))} for origins in ("aa", "ab"))
    assert "mixes them" in score_tables.table_text(two).splitlines()[-1]
    assert "mixes" not in score_tables.table_text(one)


def test_tables_whose_parts_differ_show_each():
    whole = scores_by_origin(shifted_results([0, 30], origins=["a", "b"]))
    part = scores_by_origin(shifted_results([30, 30], origins=["b", "c"]))
    text = score_tables.table_text({"ours": whole, "somebody else's": part})
    assert [line.split()[0] for line in text.splitlines()[1:-1]] == ["all", "all", "a", "b", "b", "c"]


def test_curves_as_numbers_and_as_a_picture(tmp_path):
    tables = {"single": scores_by_origin(shifted_results([0, 0, 30], origins=["a", "a", "b"]))}
    assert score_tables.write_curves(tables, tmp_path) == ["pck.csv", "pck.png"]
    rows = list(csv.DictReader((tmp_path / "pck.csv").open()))
    assert [float(row["b, single"]) for row in rows if row["threshold"] in ("0.30", "0.31")] == [0, 1]
    assert (tmp_path / "pck.png").stat().st_size > 5000


def test_without_a_pose_stage_there_are_no_curves(tmp_path):
    posed, found = shifted_results([0]), shifted_results([0], ious=[0.5])
    found.predicted[:], found.pose = np.nan, False
    tables = {"single": {"all": score_results(found)}}
    assert score_tables.per_keypoint_text(tables) == ""
    assert score_tables.write_curves({"single": {"all": score_results(posed)}}, tmp_path) == ["pck.csv", "pck.png"]
    assert score_tables.write_curves(tables, tmp_path) == []
    assert not any(tmp_path.iterdir())


def test_the_table_has_found_and_false_hands_and_says_what_masks_leave_out():
    found = shifted_results([0, 0, 90, 0, 0], ious=[0.9, 0.8, 0.7, np.nan, np.nan])
    header = score_tables.table_text({"single": scores_by_origin(found)}).splitlines()[0]
    assert "found (95 %)" in header and "false hands" not in header
    found.without_hand[3:], found.visible[3:], found.claimed[3] = True, False, False
    found.unknown[1:] = True
    lines = score_tables.table_text({"single": scores_by_origin(found)}).splitlines()
    assert "0.667 (" in lines[1] and "0.500 (" in lines[1] and "false hands (95 %)" in lines[0]
    assert lines[2:] == [
        "unknown pixels, of 2 of 3 masks, count neither in intersection nor in union",
        "IoU and AP leave out the 2 images without a hand",
    ]


def test_the_curve_of_found_hands_is_there_if_there_are_images_without(tmp_path):
    results = shifted_results([0, 0, 0])
    results.scores = np.array([0.9, 0.3, 0.2])
    results.visible[2], results.without_hand[2] = False, True
    assert score_tables.write_detection_curves({"single": results}, {"single": 0.25}, tmp_path) == ["found.png"]
    assert cv2.imread(str(tmp_path / "found.png")).shape[2] == 3
    assert score_tables.write_detection_curves({"single": results.subset([0, 1])}, {}, tmp_path) == []
    assert not (tmp_path / "found.png").exists()
