from dataclasses import replace

import numpy as np
import pytest

from conftest import build, sample_with_hand, sample_without_hand, shifted_results
from maskpose.data.database import Reader
from maskpose.data.sample import Sample
from maskpose.errors import InputError
from maskpose.evaluation import evaluate
from maskpose.evaluation.pairs import predict_pairs
from maskpose.evaluation.predictions import Predictions
from maskpose.inference.hand import Hand
from maskpose.io.images import write_image


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
    found = predict_pairs(TwoHands(), samples)
    assert found.names == ["0.png", "1.png"]  # the third has no partner
    assert np.abs(found.predicted - found.truth).max() < 1.5  # the first is enlarged twice
    assert np.isnan(predict_pairs(TwoHands(1), samples).predicted).all(axis=(1, 2)).sum() == 1


@pytest.mark.parametrize("unlabelled", [0, 1])
def test_an_image_without_labels_does_not_take_the_hand_of_its_neighbour(tmp_path, unlabelled):
    samples = squares(tmp_path, [(100, 20, 60), (100, 30, 70)])
    samples[unlabelled] = replace(samples[unlabelled], visible=np.zeros(21, bool), keypoints=np.full((21, 2), -1.0))
    for count in (2, 1):  # hands that are found; of one, it is the second sample's
        found = predict_pairs(TwoHands(count), samples)
        seen = [n for n in (0, 1) if count == 2 or n == 1]
        assert np.flatnonzero(found.detected).tolist() == seen
        if 1 - unlabelled in seen:
            np.testing.assert_allclose(found.predicted[1 - unlabelled], found.truth[1 - unlabelled], atol=1.5)


def test_the_nearest_of_all_matches_comes_first_in_a_pair(tmp_path):
    """One hand is found, on the second sample and within reach of the first, whose own was not found."""
    samples = squares(tmp_path, [(100, 55, 95), (100, 5, 45)])
    found = predict_pairs(TwoHands(1), samples)
    assert found.detected.tolist() == [False, True]


def test_pairs_need_two_images_and_say_which_one_is_left(tmp_path, capsys):
    samples = squares(tmp_path, [(100, 20, 60)] * 3)
    predict_pairs(TwoHands(), samples)
    assert "left out: 2.png: no image is left to make a pair with" in capsys.readouterr().err
    with pytest.raises(InputError, match="pairs are of two images each, and here are 1"):
        predict_pairs(TwoHands(), samples[:1])
    with pytest.raises(InputError, match="no images to score"):
        evaluate.ground_truth([])


def test_samples_of_chosen_origins(tmp_path):
    samples = [sample_with_hand(f"{n}.jpg", 50, source) for n, source in enumerate("abb", start=1)]
    build(tmp_path / "x.lmdb", samples)
    reader = Reader(tmp_path / "x.lmdb")
    assert [sample.name for sample in evaluate.select_origins(reader, ["b"])] == ["2.jpg", "3.jpg"]
    with pytest.raises(InputError, match="no samples of c: its origins are a, b"):
        evaluate.select_origins(reader, ["b", "c"])


def test_what_others_found_stands_beside_the_truth_of_its_photograph():
    samples = [sample_with_hand(name, 100, "a") for name in ("a.jpg", "b.jpg", "c.jpg")]
    hands = {"c.jpg": (samples[0].keypoints + 5.0, np.full(21, 0.7)), "a.jpg": None}
    truth = evaluate.ground_truth(samples)
    assert not truth.detected.any() and (truth.truth == samples[0].keypoints).all()
    found = evaluate.match_predictions(Predictions.from_hands("peer", hands, names_all=False), truth)
    assert found.detected.tolist() == [False, False, True] and found.names == ["a.jpg", "b.jpg", "c.jpg"]
    assert (found.predicted[2] - found.truth[2] == 5).all() and (found.confidences[2] == 0.7).all()
    ways = evaluate.with_and_without_misses("peer", found)
    assert {way: one.names for way, one in ways.items()} == {
        "peer, misses wrong": ["a.jpg", "b.jpg", "c.jpg"], "peer, misses left out": ["c.jpg"],
    }  # fmt: skip
    assert list(evaluate.with_and_without_misses("peer", truth)) == ["peer, misses wrong"]
    assert list(evaluate.with_and_without_misses("peer", found.subset([2]))) == ["peer"]


def test_parts_of_results():
    found = shifted_results([1, 2, 3], origins="aba")
    found.annotated = {"head": np.array([10.0, 20.0, 30.0])}
    part = found.select_origins(["a"])
    assert part.names == ["0.jpg", "2.jpg"] and part.annotated["head"].tolist() == [10, 30]
    assert found.select_origins(None) is found
    found.confidences[1, 3] = 0.2
    assert np.argwhere(np.isnan(found.above(0.2).predicted[..., 0])).tolist() == [[1, 3]]
    found.confidences[2] = 0.1
    assert found.above(0.2).claimed.tolist() == [True, True, False]


def test_parts_of_results_keep_what_is_known_of_each_sample():
    found = shifted_results([1, 2, 3], origins="aba")
    found.claimed, found.scores = np.array([True, False, False]), np.array([0.9, 0.4, 0.1])
    found.without_hand, found.unknown = np.array([False, True, False]), np.array([True, False, True])
    for part in (
        found.select_origins(["a"]),
        found.subset(np.array([True, False, True])),
        found.subset([0, 2]).above(0.2),
    ):
        assert part.claimed.tolist() == [True, False] and part.scores.tolist() == [0.9, 0.1]
        assert not part.without_hand.any() and part.unknown.all()
    assert found.subset([1]).without_hand.tolist() == [True]


def test_results_as_predictions():
    found = shifted_results([1, 2])
    found.predicted[0] = np.nan
    predictions = found.predictions("ours")
    again = evaluate.match_predictions(predictions, shifted_results([0, 0]))
    np.testing.assert_array_equal(again.predicted, found.predicted)
    assert predictions.found.tolist() == [False, True]
    predictions.claimed[1], predictions.scores[1] = False, 0.3
    again = evaluate.match_predictions(predictions, shifted_results([0, 0]))
    assert not again.claimed[1] and again.scores[1] == 0.3


def test_photographs_of_no_hand_are_no_misses_of_others_predictions():
    samples = [sample_with_hand(name, 100) for name in ("hand.jpg", "missed.jpg")]
    samples += [sample_without_hand(name) for name in ("empty.jpg", "claimed.jpg")]
    hands = {name: (samples[0].keypoints, np.ones(21)) for name in ("hand.jpg", "claimed.jpg")}
    found = evaluate.match_predictions(Predictions.from_hands("peer", hands, False), evaluate.ground_truth(samples))
    assert found.missed.tolist() == [False, True, False, False] and found.claimed.tolist() == [True, False, False, True]
    ways = evaluate.with_and_without_misses("peer", found)
    assert {way: one.names for way, one in ways.items()} == {
        "peer, misses wrong": ["hand.jpg", "missed.jpg", "empty.jpg", "claimed.jpg"],
        "peer, misses left out": ["hand.jpg", "empty.jpg", "claimed.jpg"],
    }
    assert list(evaluate.with_and_without_misses("peer", found.subset([0, 2, 3]))) == ["peer"]
