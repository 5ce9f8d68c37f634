import cv2
import numpy as np

from maskpose.codecs.masks import pack_mask
from maskpose.data.sample import Sample
from maskpose.evaluation import gallery, protocols
from maskpose.evaluation.results import Results
from maskpose.inference.hand import Hand
from maskpose.io.images import write_image


def results(offsets, visible=None):
    truth = np.tile(np.linspace(0, 100, 21)[None, :, None], (len(offsets), 1, 2))
    predicted = truth + np.array(offsets, float)[:, None, None] / np.sqrt(2)
    count = len(offsets)
    visible = np.ones((count, 21), bool) if visible is None else visible
    names, origins = [f"{n}.png" for n in range(count)], np.array([""] * count)
    sizes, ious = np.tile([128, 128], (count, 1)), np.array([0.5] + [np.nan] * (count - 1))
    return Results(names, origins, predicted, np.ones((count, 21)), truth, visible, sizes, ious)


def test_the_worst_come_first_and_what_cannot_be_scored_not_at_all():
    visible = np.ones((5, 21), bool)
    visible[3] = False
    found = results([5, 50, 0, 90, 300], visible)
    assert gallery.worst_first(protocols.normalised_errors(found)).tolist() == [4, 1, 0, 2]


def test_one_keypoint_far_off_is_not_worse_than_all_a_little_off():
    found = results([0, 20])
    found.predicted[0, 3] = 1e6  # counts 1 of 21: 0.05 in the mean
    assert gallery.worst_first(protocols.normalised_errors(found)).tolist() == [1, 0]


def test_a_missed_hand_is_worst():
    found = results([60, 0])
    found.predicted[1] = np.nan
    assert gallery.worst_first(protocols.normalised_errors(found)).tolist() == [1, 0]


class Answer:
    def predict(self, image):
        return Hand(np.full((21, 2), 30.0), np.full(21, 0.01), np.zeros(image.shape[:2], bool), None, np.eye(2, 3))


def test_the_sheet_shows_truth_and_prediction_of_the_chosen(tmp_path):
    samples = []
    for n in range(3):
        write_image(tmp_path / "grey.png", np.full((128, 128, 3), 60 * n, np.uint8))
        data = (tmp_path / "grey.png").read_bytes()
        truth = np.tile(np.linspace(20, 100, 21)[:, None], (1, 2))
        samples.append(Sample(f"{n}.png", data, 128, 128, truth, np.ones(21, bool)))
    picture = gallery.comparison_sheet(Answer(), results([1, 2, 3]), iter(samples), [2, 0])
    assert picture.shape[1] == 4 * 220 + 10  # two pairs, and the line between them
    first, second = picture[:220, 10:210], picture[:220, 450 + 240 : 450 + 440]
    assert (first[150, 50] == 120).all() and (picture[150, 440 + 30 + 50] == 0).all()  # sample 2, then sample 0
    assert (first != picture[:220, 230:430]).any() and (second != 0).any()


def test_the_sheet_shows_unknown_pixels_and_images_without_a_hand(tmp_path):
    image = cv2.imencode(".png", np.full((128, 128, 3), 90, np.uint8))[1].tobytes()
    unknown, nothing = np.zeros((128, 128), bool), np.zeros((128, 128), bool)
    unknown[64:, :64] = True
    points, none = np.full((21, 2), -1.0, np.float32), np.zeros(21, bool)
    sample = Sample("0.png", image, 128, 128, points, none, pack_mask(nothing), unknown=pack_mask(unknown))
    found = results([0], none[None])
    assert gallery.worst_first(protocols.normalised_errors(found)).tolist() == []
    picture = gallery.comparison_sheet(Answer(), found, [sample], [0]).astype(int)[:220, :220]  # the truth, enlarged
    assert (picture[120:210, 10:100, 2] - picture[120:210, 10:100, 0] > 20).all()
    assert (picture[10:100] == 90).all() and (picture[:, 120:210] == 90).all()


def test_captions_and_ranking_follow_the_settings():
    """30 of 100 pixels off, seven joints unsure."""
    found = results([30, 30])
    found.confidences[:, :7] = 0.1
    settings = protocols.Settings(joints="all", threshold=0.2, at=0.5)
    assert gallery.error_caption(found.subset([0]), settings) == "14 of 21 within 0.5, IoU 0.50"
    assert gallery.error_caption(found.subset([1]), protocols.Settings(at=0.2)) == "0 of 21 within 0.2"
    assert np.isinf(protocols.normalised_errors(found, settings)[0, :7]).all()
