"""Pixels of which nobody knows whether they are hand, and images without a hand, on one hand-made picture."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from conftest import build
from maskpose import geometry
from maskpose.codecs.masks import mask_label, pack_mask
from maskpose.data import record_pb2
from maskpose.data.augmentation import SMALLEST_ZOOM, sample_zoom
from maskpose.data.batches import BatchSource, array_shapes
from maskpose.data.cropping import crop
from maskpose.data.database import Reader
from maskpose.data.datasets import onehand10k
from maskpose.data.recombining import merge
from maskpose.data.sample import Sample
from maskpose.data.settings import DataSettings
from maskpose.errors import InputError
from maskpose.evaluation import evaluate
from maskpose.evaluation.metrics import mask_iou
from maskpose.evaluation.scores import score_results
from maskpose.inference.hand import Hand
from maskpose.model.variants import get_variant
from maskpose.runtime import import_caffe

WIDTH, HEIGHT = 120, 80
HAND = np.s_[20:60, 30:70]  # rows and columns
UNKNOWN = np.s_[20:60, 70:90]


def pixels(*blocks):
    """(80, 120) bool, True in the ``blocks``."""
    picture = np.zeros((HEIGHT, WIDTH), bool)
    for block in blocks:
        picture[block] = True
    return picture


def one_sample():
    """Keypoints on a diagonal of the hand; the unknown pixels lie to its right."""
    line = np.linspace((30, 20), (69, 59), 21).astype(np.float32)
    image = cv2.imencode(".png", np.full((HEIGHT, WIDTH, 3), 90, np.uint8))[1].tobytes()
    return Sample(
        "a.png", image, WIDTH, HEIGHT, line, np.ones(21, bool), pack_mask(pixels(HAND)), "here", group="g",
        unknown=pack_mask(pixels(UNKNOWN)),
    )  # fmt: skip


def without_hand():
    return Sample(
        "empty.png", one_sample().image, WIDTH, HEIGHT, np.full((21, 2), -1, np.float32), np.zeros(21, bool),
        pack_mask(pixels()),
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    """OneHand10K's layout with both of the above, written by hand; the second has no file of unknown pixels."""
    for name in ("source", "mask", "unknown"):
        (tmp_path / "Train" / name).mkdir(parents=True)
    lines = []
    for name, sample in (("a", one_sample()), ("empty", without_hand())):
        (tmp_path / f"Train/source/{name}.png").write_bytes(sample.image)
        cv2.imwrite(str(tmp_path / f"Train/mask/{name}.png"), sample.decode_mask())
        numbers = ",".join(f"{x:g},{y:g}" for x, y in np.round(sample.keypoints))
        lines.append(f"{name}.png,{WIDTH},{HEIGHT},1,{numbers}\n")
    cv2.imwrite(str(tmp_path / "Train/unknown/a.png"), np.where(pixels(UNKNOWN), 255, 0).astype(np.uint8))
    (tmp_path / "Train/label_joint.txt").write_text("".join(lines))
    rows = ("name,origin,kind,group", "a.png,here,scene,room", "empty.png,there,empty,")
    (tmp_path / "Train/sources.csv").write_text("\n".join(rows))
    return tmp_path


def read(folder, **options):
    return list(onehand10k.read_samples(folder, onehand10k.plan(folder, **options)["train"]))


def test_the_layout_carries_unknown_pixels_and_groups(folder):
    first, empty = read(folder)
    assert np.array_equal(first.decode_unknown() > 0, pixels(UNKNOWN)) and empty.decode_unknown() is None
    assert np.array_equal(first.decode_mask() > 0, pixels(HAND)) and first.group == "room"
    assert (empty.origin, empty.group, empty.visible.any(), empty.decode_mask().any()) == ("there", "", False, False)


def test_the_layout_without_its_extensions_reads_as_before(folder):
    (folder / "Train/unknown/a.png").unlink()
    (folder / "Train/sources.csv").unlink()
    first, _ = read(folder)
    assert first.decode_unknown() is None and (first.origin, first.group) == ("", "")


def test_a_mask_of_unknown_pixels_of_another_size_is_an_error(folder):
    cv2.imwrite(str(folder / "Train/unknown/a.png"), np.zeros((HEIGHT, 7), np.uint8))
    with pytest.raises(InputError, match=r"line 1: unknown/a\.png is 7x80, its image 120x80"):
        read(folder)


def test_images_are_chosen_by_a_column_of_sources(folder):
    assert [sample.name for sample in read(folder, only={"kind": "empty"})] == ["empty.png"]
    with pytest.raises(InputError, match=r"no image of which sources\.csv says kind=crop"):
        onehand10k.plan(folder, only={"kind": "crop"})
    with pytest.raises(InputError, match="has no column kid: it has group, kind, name, origin"):
        onehand10k.plan(folder, only={"kid": "crop"})


def test_a_database_keeps_unknown_pixels_and_reads_records_that_have_none(tmp_path):
    build(tmp_path / "x.lmdb", [one_sample(), without_hand()])
    first, empty = Reader(tmp_path / "x.lmdb")
    assert np.array_equal(first.decode_unknown() > 0, pixels(UNKNOWN)) and empty.decode_unknown() is None
    old = record_pb2.Record.FromString(one_sample().serialize())
    old.ClearField("unknown")
    assert Sample.parse(old.SerializeToString(), "old").decode_unknown() is None


def test_damaged_unknown_pixels_are_named():
    sample = one_sample()
    sample.unknown = sample.unknown[:-3]
    with pytest.raises(InputError, match=r"mask of unknown pixels of a\.png is damaged"):
        sample.decode_unknown()


def test_crops_and_merged_databases_keep_unknown_pixels(tmp_path):
    build(tmp_path / "x.lmdb", [one_sample()])
    build(tmp_path / "y.lmdb", [without_hand()])
    merge([tmp_path / "x.lmdb", tmp_path / "y.lmdb"], tmp_path / "both.lmdb")
    merged = Reader(tmp_path / "both.lmdb")
    assert merged[0].unknown == one_sample().unknown and not merged[1].unknown
    sample = one_sample()
    sample.keypoints *= 1.5  # a hand large enough to crop about
    build(tmp_path / "large.lmdb", [sample])
    crop(Reader(tmp_path / "large.lmdb"), tmp_path / "close.lmdb", (1.2, 1.2), seed=0)
    close = Reader(tmp_path / "close.lmdb")[0]
    x, y = np.rint(sample.keypoints[0] - close.keypoints[0]).astype(int)
    expected = pixels(UNKNOWN)[y : y + close.height, x : x + close.width]
    assert np.array_equal(close.decode_unknown() > 0, expected) and expected.any()


def test_a_cell_is_ignored_when_its_unknown_pixels_decide_its_label():
    """Cells of 8 x 8 pixels: hand to column 12, unknown to column 21; of 36, half of a cell is column 4, 12, 20 …"""
    hand, unknown = np.zeros((16, 40), np.uint8), np.zeros((16, 40), np.uint8)
    hand[:, :12], unknown[:, 12:21] = 255, 255
    hand[:, 11:13] = 0  # 3 of 8 columns of the second cell are hand, 4 more unknown; 5 of the third are unknown
    label = mask_label(hand, np.eye(2, 3), 40, unknown)
    assert label[0].tolist() == [1, 255, 255, 0, 0]
    assert mask_label(hand, np.eye(2, 3), 40)[0].tolist() == [1, 0, 0, 0, 0]


def arrays_of(path, **settings):
    settings = DataSettings(db=str(path), batch_size=1, input_size=120, augment=False, **settings)
    source = BatchSource(settings)
    arrays = {name: np.empty(shape, np.float32) for name, shape in array_shapes(settings).items()}
    source.fill(0, arrays)
    source.close()
    return arrays


def test_the_data_layer_gives_ignored_cells_and_their_gradients_are_zero(tmp_path):
    build(tmp_path / "x.lmdb", [one_sample()])
    label = arrays_of(tmp_path / "x.lmdb")["mask"]
    expected = np.zeros((15, 15))
    expected[3:7, 4:9] = 1  # rows 20 to 60, columns 30 to 70 of 8-pixel cells; half covered ones count as hand or not
    expected[3:7, 9:11] = 255
    sure = np.ones((15, 15), bool)
    sure[[2, 7]], sure[:, [3, 8, 11]] = False, False
    assert np.array_equal(label[0, 0][sure], expected[sure])
    caffe = import_caffe()
    (tmp_path / "loss.prototxt").write_text(
        'layer { name: "data" type: "Input" top: "s" top: "l" input_param { shape { dim: [1, 2, 15, 15] } '
        'shape { dim: [1, 1, 15, 15] } } } force_backward: true layer { name: "loss" type: "SoftmaxWithLoss" '
        'bottom: "s" bottom: "l" top: "loss" propagate_down: [true, false] '
        "loss_param { ignore_label: 255 normalization: BATCH_SIZE } }"
    )
    net = caffe.Net(str(tmp_path / "loss.prototxt"), caffe.TRAIN)
    net.blobs["s"].data[...] = np.random.default_rng(0).normal(size=(1, 2, 15, 15))
    net.blobs["l"].data[...] = label
    net.forward()
    net.backward()
    gradient = np.abs(net.blobs["s"].diff[0]).sum(axis=0)
    assert (gradient[label[0, 0] == 255] == 0).all() and (gradient[label[0, 0] != 255] > 0).all()


def test_an_image_without_a_hand_is_all_background(tmp_path):
    build(tmp_path / "x.lmdb", [without_hand()])
    arrays = arrays_of(tmp_path / "x.lmdb")
    assert not arrays["mask"].any() and not arrays["heatmaps"][0, :21].any()
    assert (arrays["heatmaps"][0, 21] == 1).all()


def test_iou_counts_unknown_pixels_neither_in_intersection_nor_in_union():
    truth, unknown = pixels(HAND), pixels(UNKNOWN)
    predicted = pixels(np.s_[20:60, 50:90])  # half of the hand, all that is unknown
    assert mask_iou(predicted, truth) == pytest.approx(20 / 60)
    assert mask_iou(predicted, truth, unknown) == pytest.approx(20 / 40)
    assert mask_iou(pixels(UNKNOWN), pixels(), unknown) == 1.0


def test_a_pixel_that_the_mask_says_is_hand_is_known():
    assert mask_iou(pixels(), pixels(HAND), pixels(HAND, UNKNOWN)) == 0
    assert mask_iou(pixels(HAND, UNKNOWN), pixels(HAND), pixels(HAND, UNKNOWN)) == 1


class Answers:
    """A predictor that finds a mask of the ``blocks``, and a hand as sure as ``score``, present from 0.5."""

    variant = get_variant("compact/mask_pose")

    def __init__(self, score, *blocks):
        self.score, self.mask = score, pixels(*blocks)

    def predict_many(self, photographs):
        for _ in photographs:
            found = one_sample().keypoints, np.ones(21), self.mask, None, np.eye(2, 3)
            yield Hand(*found, score=self.score, present=self.score >= 0.5)


def test_evaluation_leaves_unknown_pixels_out():
    known = [replace(one_sample(), unknown=packed) for packed in (b"", pack_mask(pixels()))]
    results = evaluate.predict_samples(Answers(0.9, HAND, UNKNOWN), [one_sample(), *known])
    assert results.ious == pytest.approx([1, 40 / 60, 40 / 60]) and results.unknown.tolist() == [True, False, False]
    figures = score_results(results)
    assert (figures["masks"], figures["masks_with_unknown"]) == (3, 1)


def test_images_without_a_hand_have_no_iou_and_count_as_claimed_or_not():
    results = evaluate.predict_samples(Answers(0.9, HAND), [one_sample(), without_hand()])
    assert results.ious[0] == 1 and np.isnan(results.ious[1]) and results.without_hand.tolist() == [False, True]
    figures = score_results(results)
    assert [figures[name]["value"] for name in ("mask_iou", "found", "claimed", "pck")] == [1, 1, 1, 1]
    results = evaluate.predict_samples(Answers(0.2), [one_sample(), without_hand()])
    assert results.scores.tolist() == [0.2, 0.2] and not results.claimed.any()
    figures = score_results(results)
    assert [figures[name]["value"] for name in ("mask_iou", "found", "claimed", "pck")] == [0, 0, 0, 1]


def test_a_hand_that_only_unknown_pixels_show_has_no_iou():
    nowhere = replace(one_sample(), mask=pack_mask(pixels()), unknown=pack_mask(pixels(HAND)))
    results = evaluate.predict_samples(Answers(0.9, HAND), [nowhere])
    assert np.isnan(results.ious).all() and not results.without_hand.any()


def test_zoom_gives_hands_of_the_span_asked_within_the_input():
    settings = DataSettings(db="x", input_size=184, span=(0.2, 0.9), rotation=0.0, zoom=1.0)
    extent, points = np.array([184.0, 120.0]), np.array([[30.0, 40.0], [90.0, 70.0]])
    spans = []
    for seed in range(300):
        affine = sample_zoom(np.random.default_rng(seed), settings, extent, points)
        moved = geometry.apply(affine, points)
        spans.append(np.ptp(moved[:, 0]) / 184)
        assert (moved > -1).all() and (moved < 184).all()
        corners = geometry.apply(affine, np.array([[0, 0], [1, 1]]) * extent - 0.5)
        for axis in (0, 1):
            low, high = sorted(corners[:, axis])
            assert (low > -0.51 and high < 183.51) or (low < -0.49 and high > 183.49)  # within, or filling
    smallest = SMALLEST_ZOOM * 60 / 184
    assert min(spans) >= max(0.2, smallest) - 1e-6 and max(spans) <= 0.9 + 1e-6
    assert np.median(spans) == pytest.approx(np.sqrt(0.2 * 0.9), abs=0.06)  # evenly in the logarithm
