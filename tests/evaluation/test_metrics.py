"""Scores agree with hand-computed values and with plain loops."""

import math

import numpy as np
import pytest

from maskpose.evaluation import metrics

NAN, INF = float("nan"), float("inf")


@pytest.fixture
def case():
    """Predictions for 12 hands: some keypoints not visible, some not predicted, joint 20 never visible."""
    rng = np.random.default_rng(5)
    truth = rng.uniform(0, 200, (12, 21, 2))
    predicted = truth + rng.normal(0, 15, truth.shape)
    predicted[3] = NAN
    predicted[6, 2:5] = NAN
    visible = rng.random((12, 21)) < 0.7
    visible[:, 20] = False
    visible[9] = False
    truth[~visible] = -1
    return predicted, truth, visible


def test_box_size_by_hand():
    keypoints = np.full((4, 21, 2), -1.0)
    visible = np.zeros((4, 21), bool)
    keypoints[0, :3] = [[10, 50], [30, 55], [25, 20]]
    visible[0, :3] = True
    keypoints[1, 4], visible[1, 4] = [7, 7], True
    keypoints[2, :2], visible[2, :2] = [[0, 0], [100, 3]], True
    keypoints[3] = NAN
    assert metrics.box_size(keypoints, visible).tolist() == [35, 0, 100, 0]
    diagonals = [np.hypot(20, 35), 0, np.hypot(100, 3), 0]
    np.testing.assert_allclose(metrics.box_diagonal(keypoints, visible), diagonals)


def test_errors_against_a_loop(case):
    predicted, truth, visible = case
    sizes = metrics.box_size(truth, visible)
    errors = metrics.normalised_errors(predicted, truth, visible, sizes)
    for n in range(12):
        for k in range(21):
            if not visible[n, k]:
                assert math.isnan(errors[n, k])
            elif math.isnan(predicted[n, k, 0]):
                assert errors[n, k] == INF
            else:
                assert errors[n, k] == pytest.approx(math.dist(predicted[n, k], truth[n, k]) / sizes[n])


def test_a_hand_without_size_does_not_count():
    points = np.zeros((1, 21, 2))
    visible = np.arange(21)[None] == 3
    assert np.isnan(metrics.normalised_errors(points, points, visible, np.zeros(1))).all()


def test_pck_by_hand():
    errors = np.array([[0.1, NAN, NAN], [0.2, 0.05, NAN], [INF, NAN, NAN], [0.3, 0.25, NAN]])
    thresholds = [0.1, 0.2, 0.25, 1.0]
    expected = [[0, 0.5, NAN], [0.25, 0.5, NAN], [0.5, 0.5, NAN], [0.75, 1, NAN]]
    np.testing.assert_allclose(metrics.pck(errors, thresholds), expected)
    np.testing.assert_allclose(metrics.mean_pck(errors, thresholds), [0.25, 0.375, 0.5, 0.875])
    np.testing.assert_allclose(metrics.pooled_pck(errors, thresholds), [1 / 6, 2 / 6, 3 / 6, 5 / 6])


def test_pck_against_a_loop(case):
    predicted, truth, visible = case
    errors = metrics.normalised_errors(predicted, truth, visible, metrics.box_size(truth, visible))
    thresholds = np.linspace(0, 0.5, 7)
    shares = metrics.pck(errors, thresholds)
    assert shares.shape == (7, 21)
    for t, threshold in enumerate(thresholds):
        hits = [[errors[n, k] < threshold for n in range(12) if visible[n, k]] for k in range(21)]
        for k in range(20):
            assert shares[t, k] == pytest.approx(sum(hits[k]) / len(hits[k]))
        assert math.isnan(shares[t, 20])
        assert metrics.mean_pck(errors, thresholds)[t] == pytest.approx(
            np.mean([np.mean(joint) for joint in hits if joint])
        )
        assert metrics.pooled_pck(errors, thresholds)[t] == pytest.approx(np.concatenate(hits).mean())


def test_nothing_to_count_gives_nan_quietly(recwarn):
    errors = np.full((2, 21), NAN)
    assert np.isnan(metrics.pck(errors, [0.1])).all()
    assert np.isnan(metrics.mean_pck(errors, [0.1])).all()
    assert np.isnan(metrics.pooled_pck(errors, [0.1])).all()
    assert np.isnan(metrics.average_precision([])).all()
    assert math.isnan(metrics.auc(errors, 0, 1)) and np.isnan(metrics.end_point_error(errors)).all()
    assert not len(recwarn)


def test_end_point_error_by_hand():
    truth, visible = np.zeros((1, 21, 2)), np.zeros((1, 21), bool)
    predicted = truth.copy()
    predicted[0, :5] = [[3, 4], [0, 1], [NAN, NAN], [500, 0], [0, 12]]
    visible[0, [0, 1, 2, 4]] = True
    errors = metrics.pixel_errors(predicted, truth, visible)
    assert errors[0, [0, 1, 2, 4]].tolist() == [5, 1, INF, 12] and np.isnan(errors).sum() == 17
    assert metrics.end_point_error(errors) == (6, 5)


def test_area_by_hand():
    errors = np.array([[0, 0.1, 0.5, 0.7, INF, NAN]])
    np.testing.assert_allclose(metrics.area(errors, 0, 0.5), [[1, 0.8, 0, 0, 0, 0]])
    np.testing.assert_allclose(metrics.area(errors, 0.05, 0.25), [[1, 0.75, 0, 0, 0, 0]])
    # thresholds 0, 0.25, 0.5, 0.75: how many of them lie above each error, of four
    np.testing.assert_allclose(metrics.area(errors, 0, 1, steps=4), [[0.75, 0.75, 0.25, 0.25, 0, 0]])


def test_area_is_that_under_the_curve(case):
    predicted, truth, visible = case
    errors = metrics.normalised_errors(predicted, truth, visible, metrics.box_size(truth, visible))
    fine = np.linspace(0.02, 0.3, 20_001)
    assert metrics.auc(errors, 0.02, 0.3) == pytest.approx(metrics.mean_pck(errors, fine).mean(), abs=1e-4)
    steps = [0.02 + 0.28 * i / 8 for i in range(8)]
    assert metrics.auc(errors, 0.02, 0.3, steps=8) == pytest.approx(metrics.mean_pck(errors, steps).mean())


def test_fingers_are_means_of_their_joints():
    per_joint = np.arange(21.0)
    per_joint[6] = NAN
    assert metrics.mean_over_fingers(per_joint).tolist() == [2.5, (5 + 7 + 8) / 3, 10.5, 14.5, 18.5]
    assert metrics.mean_over_fingers(np.full((2, 21), NAN)).shape == (2, 5)


def test_mask_iou_by_hand():
    first, second = np.zeros((4, 5), bool), np.zeros((4, 5), bool)
    assert metrics.mask_iou(first, second) == 1
    first[:2] = True
    assert metrics.mask_iou(first, second) == 0
    second[1:3] = True
    assert metrics.mask_iou(first, second) == pytest.approx(5 / 15)
    with pytest.raises(ValueError, match="shapes"):
        metrics.mask_iou(first, second[:2])


def test_average_precision_reaches_its_threshold():
    assert metrics.average_precision([0.5, 0.74, 0.75, 0.8, 0.1]).tolist() == [0.8, 0.4, 0.2]
