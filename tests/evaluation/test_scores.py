"""Every figure of a set of results, against hand-computed values, plain loops, and others' definitions."""

import dataclasses
import json
import math

import numpy as np
import pytest

from conftest import sample_with_hand, sample_without_hand, shifted_results
from maskpose.errors import InputError
from maskpose.evaluation import detection, evaluate, metrics, protocols
from maskpose.evaluation.predictions import Predictions
from maskpose.evaluation.protocols import PROTOCOLS, Settings
from maskpose.evaluation.scores import mean_scores, score_results, scores_by_origin, scores_by_size
from maskpose.evaluation.sums import CURVE


def random_results(n=40, seed=0, missed=()):
    """Hands of many sizes, some joints not visible, joint 20 in half of them; ``missed`` ones were not found."""
    rng = np.random.default_rng(seed)
    results = shifted_results(np.zeros(n), rng.uniform(0.3, 1, n))
    results.truth = rng.uniform(5, 300, (n, 21, 2)) * rng.uniform(0.3, 1, (n, 1, 1))
    results.predicted = results.truth + rng.normal(0, 25, results.truth.shape) * rng.uniform(0.1, 2, (n, 1, 1))
    results.visible = rng.random((n, 21)) < 0.8
    results.visible[::2, 20] = False
    results.image_sizes = rng.integers(200, 600, (n, 2))
    results.predicted[list(missed)] = np.nan
    results.ious[3] = np.nan
    return results


def value_of(figures):
    """Figures without their intervals."""
    if isinstance(figures, dict):
        return figures["value"] if "value" in figures else {name: value_of(one) for name, one in figures.items()}
    return figures


def test_scores_by_hand():
    figures = score_results(shifted_results([0, 10, 19.99, 20, 50], ious=[0.9, 0.77, 0.5, np.nan, 0.1]))
    assert value_of(figures["pck"]) == pytest.approx(3 / 5)  # 20 of 100 pixels is not strictly below 0.2
    assert value_of(figures["pck_per_finger"]) == dict.fromkeys(("thumb", "index", "middle", "ring", "little"), 0.6)
    assert value_of(figures["epe_mean"]) == pytest.approx((0 + 10 + 19.99 + 20 + 50) / 5, abs=1e-3)
    assert value_of(figures["epe_median"]) == 19.99
    assert value_of(figures["auc"]) == pytest.approx((1 + 0.8 + 0.6002 + 0.6 + 0) / 5, abs=1e-4)
    assert figures["masks"] == 4
    assert value_of(figures["mask_iou"]) == pytest.approx((0.9 + 0.77 + 0.5 + 0.1) / 4, abs=1e-4)
    assert value_of(figures["ap"]) == {
        "AP50": 0.75, "AP75": 0.5, "AP80": 0.25,
        "AP50:95": pytest.approx((9 + 6 + 1) / 4 / 10, abs=1e-4),  # thresholds that 0.9, 0.77 and 0.5 reach
    }  # fmt: skip


def test_the_curve_of_each_joint_by_plain_loops():
    results = random_results(missed=[5])
    curve = score_results(results)["curve"]
    for joint, values in zip((0, 8, 20), map(curve["per_joint"].get, ("wrist", "index_4", "little_4"))):
        right, count = [0] * 51, 0
        for n in np.flatnonzero(results.visible[:, joint]):
            seen = results.truth[n][results.visible[n]]
            error = math.dist(results.predicted[n, joint], results.truth[n, joint]) / max(np.ptp(seen, axis=0))
            count += 1
            right = [number + (error < t) for number, t in zip(right, curve["thresholds"])]
        assert values == pytest.approx([number / count for number in right], abs=5e-5)


def test_every_figure_is_json_with_its_interval_about_it():
    results = random_results(missed=[5, 6])
    results.without_hand[10:20], results.visible[10:20], results.claimed[12:20] = True, False, False
    figures = json.loads(json.dumps(score_results(results)))
    assert (figures["images"], figures["images_missed"], figures["masks"]) == (40, 2, 39)
    count = 0

    def check(one):
        nonlocal count
        if "low" in one and not isinstance(one["low"], list):
            assert one["low"] < one["value"] < one["high"]
            count += 1
        elif isinstance(one, dict):
            for part in one.values():
                if isinstance(part, dict):
                    check(part)

    check(figures)
    assert count == 8 + 5 + 21 + 4
    curve = {name: np.array(values) for name, values in figures["curve"].items()}
    assert (curve["low"] <= curve["value"]).all() and (curve["value"] <= curve["high"]).all()
    assert curve["value"][20] == value_of(figures["pck"])  # both at 0.2


def test_figures_are_those_of_the_pure_functions():
    results = random_results(missed=[7])
    figures = score_results(results)
    errors = metrics.normalised_errors(
        results.predicted, results.truth, results.visible, metrics.box_size(results.truth, results.visible)
    )
    near = {"abs": 5.1e-5}
    assert value_of(figures["pck"]) == pytest.approx(metrics.mean_pck(errors, [0.2])[0], **near)
    assert value_of(figures["pck_pooled"]) == pytest.approx(metrics.pooled_pck(errors, [0.2])[0], **near)
    assert list(value_of(figures["pck_per_joint"]).values()) == pytest.approx(metrics.pck(errors, [0.2])[0], **near)
    assert value_of(figures["auc"]) == pytest.approx(metrics.auc(errors, 0, 0.5), **near)
    assert figures["curve"]["value"] == pytest.approx(metrics.mean_pck(errors, CURVE), **near)
    ious = results.ious[~np.isnan(results.ious)]
    assert value_of(figures["ap"]["AP50:95"]) == pytest.approx(
        metrics.average_precision(ious, metrics.AP_RANGE).mean(), **near
    )
    pck, iou = mean_scores(results)
    assert (pck, iou) == pytest.approx((value_of(figures["pck"]), value_of(figures["mask_iou"])), **near)


def test_intervals_are_those_of_figures_of_photographs_drawn_anew():
    """Against a plain bootstrap that scores each resample by the pure functions."""
    results = random_results(60)
    figures = score_results(results, Settings(resamples=4000))
    rng = np.random.default_rng(5)
    drawn = {"pck": [], "epe_mean": [], "epe_median": [], "mask_iou": []}
    for _ in range(1500):
        part = results.subset(rng.integers(0, 60, 60))
        pck, iou = mean_scores(part)
        mean, median = metrics.end_point_error(metrics.pixel_errors(part.predicted, part.truth, part.visible))
        for name, number in zip(drawn, (pck, mean, median, iou)):
            drawn[name].append(number)
    for name, numbers in drawn.items():
        low, high = np.quantile(numbers, [0.025, 0.975])
        width = high - low
        assert figures[name]["low"] == pytest.approx(low, abs=0.12 * width), name
        assert figures[name]["high"] == pytest.approx(high, abs=0.12 * width), name


def test_a_hand_is_found_when_it_is_claimed_and_half_of_its_keypoints_are_near():
    found = shifted_results([0, 49, 50, 0, 0, 0, 0, 0, 500])
    found.claimed[3] = False
    found.predicted[4, :10] = np.nan  # the median of 21 is the eleventh
    found.predicted[5, :11] = np.nan
    found.predicted[6, :11], found.visible[6, :6] = np.nan, False  # 5 of the 15 that count
    found.visible[7, 1:] = False  # no size
    found.visible[8], found.without_hand[8] = False, True
    expected = [1, 1, 0, 0, 1, 0, 1, np.nan, np.nan]
    np.testing.assert_array_equal(detection.hands_found(found), expected)
    figures = score_results(found, Settings("image"))
    assert (figures["with_hand"], figures["without_hand"], value_of(figures["found"])) == (7, 1, round(4 / 7, 4))
    assert value_of(figures["claimed"]) == 1
    found.claimed[8] = False
    assert value_of(score_results(found)["claimed"]) == 0
    assert value_of(score_results(found.subset([0, 1]))["claimed"]) is None


def test_found_hands_against_false_ones_by_threshold_of_the_score():
    found = shifted_results([0, 0, 90, 0, 0, 0])
    found.claimed[:] = False  # the curve asks what other thresholds would have claimed
    found.visible[4:], found.without_hand[4:] = False, True
    found.scores = np.array([0.9, 0.3, 0.8, 0.5, 0.4, 0.1])
    at, share_found, share_claimed = detection.detection_curve(found)
    for threshold, hands, false in ((0, 0.75, 1), (0.2, 0.75, 0.5), (0.45, 0.5, 0), (0.6, 0.25, 0), (1, 0, 0)):
        place = np.argmin(np.abs(at - threshold))
        assert (share_found[place], share_claimed[place]) == (hands, false)
    assert detection.detection_curve(found.subset([0, 1])) is None
    found.scores[0] = np.nan
    assert detection.detection_curve(found) is None


def test_unsure_keypoints_claim_no_hand_under_a_threshold():
    found = shifted_results([0, 0])
    found.confidences[1] = 0.1
    assert value_of(score_results(found)["found"]) == 1
    assert value_of(score_results(found, Settings(threshold=0.2))["found"]) == 0.5


def test_intervals_of_found_and_claimed_are_those_of_a_share():
    """Of 100 photographs each, 80 and 30 %: two binomials' intervals."""
    found = shifted_results(np.repeat([0.0, 90.0], [180, 20]))
    found.claimed[100:170] = False
    found.without_hand[100:], found.visible[100:] = True, False
    found.predicted[80:100] += 90
    figures = score_results(found, Settings(resamples=4000))
    for name, share in (("found", 0.8), ("claimed", 0.3)):
        error = 1.96 * (share * (1 - share) / 100) ** 0.5
        low, high = (pytest.approx(share + side * error, abs=0.02) for side in (-1, 1))
        assert figures[name] == {"value": share, "low": low, "high": high}


def test_masks_with_unknown_pixels_are_counted():
    found = shifted_results([0] * 4, ious=[0.5, 0.9, np.nan, 0.7])
    found.unknown = np.array([True, False, True, True])
    figures = score_results(found)
    assert (figures["masks"], figures["masks_with_unknown"]) == (3, 2)


def test_the_seed_decides_the_interval():
    results = random_results()
    first, again, other = (score_results(results, Settings(seed=seed))["pck"] for seed in (1, 1, 2))
    assert first == again and first["value"] == other["value"] and first != other


def test_mmposes_definitions():
    """Written out from mmpose's documentation: a plain loop over joints, the data set's box, AUC over 30 pixels."""
    results = random_results()
    boxes = np.random.default_rng(1).uniform(100, 400, 40)
    results.annotated = {"dataset": boxes}
    distances = [
        [math.dist(results.predicted[n, k], results.truth[n, k]) for n in range(40) if results.visible[n, k]]
        for k in range(21)
    ]
    sizes = [[boxes[n] for n in range(40) if results.visible[n, k]] for k in range(21)]
    pck = np.mean([np.mean([d / s < 0.2 for d, s in zip(*joint)]) for joint in zip(distances, sizes)])
    auc = sum(np.mean([np.mean([d / 30 < i / 20 for d in joint]) for joint in distances]) / 20 for i in range(20))
    epe = np.mean([d for joint in distances for d in joint])
    figures = score_results(results, PROTOCOLS["mmpose"])
    assert [value_of(figures[name]) for name in ("pck", "auc", "epe_mean")] == pytest.approx([pck, auc, epe], abs=6e-5)


def test_nsrms_definition():
    """Each picture's share of 21 joints within 0.1 of its width / 2.2, the mean over pictures; visible or not."""
    results = random_results()
    shares = [
        sum(math.dist(results.predicted[n, k], results.truth[n, k]) < 0.1 * results.image_sizes[n, 0] / 2.2
            for k in range(21)) / 21
        for n in range(40)
    ]  # fmt: skip
    figures = score_results(results, PROTOCOLS["nsrm"])
    assert value_of(figures["pck"]) == value_of(figures["pck_pooled"]) == pytest.approx(np.mean(shares), abs=6e-5)


def test_all_joints_are_those_that_have_a_position():
    results = shifted_results([0, 30])
    results.visible[:, :4] = False
    results.truth[0, 0], results.truth[0, 1], results.truth[1, 2] = -1, 0, (-1, 40)
    counts = protocols.counted_keypoints(results, Settings(joints="all"))
    assert np.argwhere(~counts).tolist() == [[0, 0], [0, 1], [1, 0], [1, 2]]  # (1, 0) is at 0, 0, too
    assert np.argwhere(~protocols.counted_keypoints(results, Settings()))[:, 1].tolist() == [0, 1, 2, 3] * 2


@pytest.mark.parametrize(
    "normaliser,size",
    [("box", 100), ("diagonal", 100 * 2**0.5), ("image", 400), ("crop", 200 / 2.2), ("pixels", 100), ("head", 50)],
)
def test_normalisers(normaliser, size):
    results = shifted_results([0, 0.19 * size, 0.21 * size])
    results.annotated = {"head": np.full(3, 50.0)}
    assert protocols.normaliser_sizes(results, Settings(normaliser)) == pytest.approx(np.full(3, size))
    assert value_of(score_results(results, Settings(normaliser))["pck"]) == pytest.approx(2 / 3, abs=1e-4)


def test_a_size_that_is_not_known_is_said():
    with pytest.raises(InputError, match="dataset needs the data set's annotations"):
        score_results(shifted_results([0]), Settings("dataset"))
    with pytest.raises(InputError, match="unknown normaliser 'foot': expected one of box,"):
        Settings("foot")
    with pytest.raises(InputError, match="unknown joints 'some'"):
        dataclasses.replace(Settings(), joints="some")


def test_joints_below_the_threshold_count_as_missed():
    found = shifted_results([0, 0])
    found.confidences[0, :7] = 0.1
    low = score_results(found, Settings(threshold=0.2))
    assert value_of(low["pck"]) == pytest.approx((14 + 7 * 0.5) / 21, abs=1e-4) and low["missed"] == 7
    assert value_of(score_results(found)["pck"]) == 1


def test_a_variant_without_keypoints_has_no_pck():
    found = shifted_results([0, 0], ious=[1, 0.6])
    found.predicted[:], found.pose = np.nan, False
    figures = score_results(found)
    assert figures["keypoints"] == figures["missed"] == figures["images_missed"] == 0
    for name in ("pck", "pck_pooled", "auc", "epe_mean", "epe_median"):
        assert figures[name] == {"value": None, "low": None, "high": None}
    assert value_of(figures["mask_iou"]) == 0.8
    assert figures["with_hand"] == 0 and value_of(figures["found"]) is None
    found.without_hand[:] = True
    assert value_of(score_results(found)["claimed"]) is None
    found.scores, found.claimed = np.array([0.9, 0.2]), np.array([True, False])
    assert value_of(score_results(found)["claimed"]) == 0.5


def test_what_finds_no_hand_is_wrong_or_left_out_as_one_asks():
    samples = [sample_with_hand(name, 100) for name in ("a.jpg", "b.jpg")]
    hands = {"b.jpg": (samples[1].keypoints + 5.0, np.full(21, 0.7))}
    found = evaluate.match_predictions(Predictions.from_hands("peer", hands, False), evaluate.ground_truth(samples))
    wrong, left_out = map(score_results, evaluate.with_and_without_misses("peer", found).values())
    assert (value_of(wrong["pck"]), wrong["missed"], wrong["images_missed"], wrong["images"]) == (0.5, 21, 1, 2)
    assert (value_of(left_out["pck"]), left_out["missed"], left_out["images"]) == (1, 0, 1)
    nowhere = score_results(evaluate.ground_truth(samples))
    assert value_of(nowhere["pck"]) == value_of(nowhere["auc"]) == 0 and value_of(nowhere["epe_median"]) is None


def test_scores_by_the_size_of_the_hand():
    samples = [sample_with_hand(f"{span}.jpg", span) for span in (40, 69, 71, 149, 151, 180, 0)]  # of 400
    samples.append(sample_without_hand("empty.jpg"))
    hands = {"40.jpg": (samples[0].keypoints, np.ones(21)), "151.jpg": (samples[4].keypoints, np.ones(21))}
    found = evaluate.match_predictions(Predictions.from_hands("peer", hands, False), evaluate.ground_truth(samples))
    table = scores_by_size(found)
    assert {name: (row["images"], value_of(row["pck"])) for name, row in table.items()} == {
        "all": (8, pytest.approx(1 / 3, abs=1e-4)),
        "to 0.175": (2, 0.5),
        "0.175-0.375": (2, 0),
        "0.375-0.65": (2, 0.5),
        "size not known": (1, None),
        "without a hand": (1, None),
    }
    assert value_of(table["without a hand"]["claimed"]) == 0 and value_of(table["to 0.175"]["found"]) == 0.5


def test_origins_apart_and_together():
    table = scores_by_origin(shifted_results([0, 0, 30], origins=["a", "a", "b"]))
    assert {name: value_of(row["pck"]) for name, row in table.items()} == {
        "all": pytest.approx(2 / 3, abs=1e-4), "a": 1, "b": 0,
    }  # fmt: skip
    assert list(scores_by_origin(shifted_results([0, 0]))) == ["all"]
