import csv

import numpy as np
import pytest

from maskpose import evaluation
from maskpose.database import Reader, build
from maskpose.errors import InputError
from maskpose.evaluation import Results
from maskpose.images import write_image
from maskpose.predictions import Predictions
from maskpose.predictor import Hand
from maskpose.records import Sample
from maskpose.skeleton import KEYPOINT_NAMES


def results(offsets, ious=None, sources=None):
    """Samples whose truth spans a box of 100 pixels, each predicted ``offsets[i]`` pixels off."""
    n = len(offsets)
    truth = np.tile(np.linspace(0, 100, 21)[None, :, None], (n, 1, 2))
    predicted = truth.copy()
    predicted[..., 0] += np.array(offsets)[:, None]
    return Results(
        names=[f"{i}.jpg" for i in range(n)],
        sources=np.array(list(sources or [""] * n)),
        predicted=predicted,
        confidences=np.full((n, 21), 0.9),
        truth=truth,
        visible=np.ones((n, 21), bool),
        image_sizes=np.tile([200, 400], (n, 1)),
        ious=np.array(ious if ious is not None else [np.nan] * n, float),
    )


def test_scores_by_hand():
    figures = evaluation.scores(results([0, 10, 19.99, 20, 50], ious=[0.9, 0.77, 0.5, np.nan, 0.1]))
    assert figures["pck"] == pytest.approx(3 / 5)  # 20 of 100 pixels is not strictly below 0.2
    assert figures["mean_pixel_error"] == pytest.approx((0 + 10 + 19.99 + 20 + 50) / 5, abs=1e-3)
    assert figures["masks"] == 4 and figures["mask_iou"] == pytest.approx((0.9 + 0.77 + 0.5 + 0.1) / 4, abs=1e-4)
    assert figures["ap"] == {"AP50": 0.75, "AP75": 0.5, "AP80": 0.25}
    assert figures["pck_interval"][0] <= figures["pck"] <= figures["pck_interval"][1]


@pytest.mark.parametrize("normaliser,pck", [("box", 3 / 4), ("diagonal", 1), ("image", 1), ("pixels", 3 / 4)])
def test_normalisers(normaliser, pck):
    assert evaluation.scores(results([0, 5, 15, 25]), normaliser)["pck"] == pytest.approx(pck)


class TwoHands:
    """Finds a hand where a picture is not black, at its own truth, the last first; only so many of them."""

    def __init__(self, count=2):
        self.count = count

    def predict_hands(self, picture, count):
        hands = []
        lit = picture.max(axis=(0, 2)) > 0
        edges = np.flatnonzero(np.diff(np.concatenate([[0], lit.astype(int), [0]])))
        for start, end in list(zip(edges[::2], edges[1::2]))[::-1][: self.count]:
            rows = np.flatnonzero(picture[:, start:end].max(axis=(1, 2)))
            line = np.linspace([start, rows[0]], [end - 1, rows[-1]], 21)
            hands.append(Hand(line, np.ones(21, np.float32), None, None, np.eye(2, 3)))
        return hands


def squares(tmp_path, spans):
    """Samples with a white square each, keypoints along its diagonal: ``spans`` are (size of the picture, from, to)."""
    samples = []
    for n, (size, low, high) in enumerate(spans):
        image = np.zeros((size, size, 3), np.uint8)
        image[low:high, low:high] = 255
        write_image(tmp_path / "square.png", image)
        points = np.tile(np.linspace(low, high - 1, 21)[:, None], (1, 2))
        data = (tmp_path / "square.png").read_bytes()
        samples.append(Sample(f"{n}.png", data, size, size, points, np.ones(21, bool)))
    return samples


def test_pairs_are_scored_hand_by_hand_in_their_own_pixels(tmp_path):
    samples = squares(tmp_path, [(100, 20, 60), (200, 40, 160), (80, 10, 50)])
    found = evaluation.run_pairs(TwoHands(), samples)
    assert found.names == ["0.png", "1.png"]  # the third has no partner
    assert np.abs(found.predicted - found.truth).max() < 1.5  # the first is enlarged twice
    assert evaluation.scores(found)["pck"] == 1
    assert evaluation.scores(evaluation.run_pairs(TwoHands(1), samples))["missed"] == 21


def test_an_unknown_normaliser_is_said():
    with pytest.raises(InputError, match="box"):
        evaluation.sizes(results([0]), "head")


def test_joints_below_the_threshold_count_as_missed():
    found = results([0, 0])
    found.confidences[0, :7] = 0.1
    assert evaluation.scores(found, threshold=0.2)["pck"] == pytest.approx((14 + 7 * 0.5) / 21, abs=1e-4)
    assert evaluation.scores(found)["pck"] == 1


def test_a_variant_without_keypoints_has_no_pck():
    found = results([0, 0], ious=[1, 0.6])
    found.predicted[:], found.pose = np.nan, False
    figures = evaluation.scores(found)
    assert figures["pck"] is None and figures["mean_pixel_error"] is None and figures["mask_iou"] == 0.8


def test_origins_apart_and_together(tmp_path):
    tables = {"single": evaluation.scores_by_origin(results([0, 0, 30], sources=["a", "a", "b"]))}
    assert {name: row["pck"] for name, row in tables["single"].items()} == {
        "all": pytest.approx(2 / 3, abs=1e-4), "a": 1, "b": 0,
    }  # fmt: skip
    text = evaluation.table_text(tables)
    assert all(word in text for word in ("all", "a ", "b ", "single", "0.667"))
    evaluation.write_curves(tables, tmp_path)
    rows = list(csv.DictReader((tmp_path / "pck.csv").open()))
    assert [float(row["b, single"]) for row in rows if row["threshold"] in ("0.30", "0.31")] == [0, 1]
    assert (tmp_path / "pck.png").stat().st_size > 5000


def test_per_joint_lines_are_there_for_every_origin():
    tables = {"single": evaluation.scores_by_origin(results([0, 30], sources=["a", "b"]))}
    lines = evaluation.per_joint_text(tables).splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        f"PCK@0.2 per joint, {origin}, single" for origin in ("all", "a", "b")
    ]
    for line, value in zip(lines, ("0.50", "1.00", "0.00")):
        assert all(f"{name} {value}" in line for name in KEYPOINT_NAMES)


def test_the_table_warns_of_mixed_origins_only_where_there_are_some():
    one, two = ({"single": evaluation.scores_by_origin(results([0, 30], sources=sources))} for sources in ("aa", "ab"))
    assert "mixes them" in evaluation.table_text(two).splitlines()[-1]
    assert "mixes" not in evaluation.table_text(one)


def test_without_a_pose_stage_there_are_no_curves(tmp_path):
    posed, found = results([0]), results([0], ious=[0.5])
    found.predicted[:], found.pose = np.nan, False
    tables = {"single": {"all": evaluation.scores(found)}}
    assert evaluation.per_joint_text(tables) == ""
    assert evaluation.write_curves({"single": {"all": evaluation.scores(posed)}}, tmp_path) == ["pck.csv", "pck.png"]
    assert evaluation.write_curves(tables, tmp_path) == []
    assert not any(tmp_path.iterdir())


def test_what_finds_no_hand_is_wrong_or_left_out_as_one_asks():
    samples = [record(name, 100) for name in ("a.jpg", "b.jpg")]
    hands = {"b.jpg": (samples[1].keypoints + 5.0, np.full(21, 0.7)), "other.jpg": (np.zeros((21, 2)), np.ones(21))}
    found = evaluation.of_predictions(Predictions("peer", hands), samples)
    assert found.found.tolist() == [False, True]
    all_of_them, alone = evaluation.scores(found), evaluation.scores(found.subset(found.found))
    assert (all_of_them["pck"], all_of_them["missed"], alone["pck"], alone["images"]) == (0.5, 21, 1, 1)
    nowhere = evaluation.of_predictions(Predictions("peer", {}), samples)
    assert evaluation.scores(nowhere)["pck"] == 0


def record(name, span, source=""):
    """A sample of 200 x 400 whose keypoints span ``span`` pixels."""
    points = np.tile(np.linspace(10, 10 + span, 21)[:, None], (1, 2)).astype(np.float32)
    return Sample(name, b"", 200, 400, points, np.ones(21, bool), source=source)


def test_scores_by_the_size_of_the_hand():
    samples = [record(f"{span}.jpg", span) for span in (40, 69, 71, 149, 151, 180)]  # of 400
    hands = {"40.jpg": (samples[0].keypoints, np.ones(21)), "151.jpg": (samples[4].keypoints, np.ones(21))}
    table = evaluation.scores_by_size(evaluation.of_predictions(Predictions("peer", hands), samples))
    assert {name: (row["images"], row["pck"]) for name, row in table.items()} == {
        "all": (6, pytest.approx(1 / 3, abs=1e-4)),
        "to 0.175": (2, 0.5),
        "0.175-0.375": (2, 0),
        "0.375-0.65": (2, 0.5),
    }


def test_tables_whose_parts_differ_show_each():
    whole = evaluation.scores_by_origin(results([0, 30], sources=["a", "b"]))
    part = evaluation.scores_by_origin(results([30], sources=["b"]))
    text = evaluation.table_text({"ours": whole, "somebody else's": part})
    assert [line.split()[0] for line in text.splitlines()[1:-1]] == ["all", "all", "a", "b"]


def test_samples_of_chosen_origins(tmp_path):
    build(tmp_path / "x.lmdb", [record("1.jpg", 50, "a"), record("2.jpg", 50, "b"), record("3.jpg", 50, "b")], 3)
    reader = Reader(tmp_path / "x.lmdb")
    assert [sample.name for sample in evaluation.of_origins(reader, ["b"])] == ["2.jpg", "3.jpg"]
    with pytest.raises(InputError, match="no samples of c: its origins are a, b"):
        evaluation.of_origins(reader, ["b", "c"])
