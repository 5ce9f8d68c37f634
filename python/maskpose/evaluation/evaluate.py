"""Predictions beside ground truth: a predictor run on a database, or what others found in its photographs."""

import sys
from collections import deque
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from tqdm import tqdm

from maskpose import geometry
from maskpose.errors import InputError
from maskpose.evaluation import metrics
from maskpose.evaluation.predictions import Predictions
from maskpose.io.files import write_text
from maskpose.io.left_out import STRICT
from maskpose.io.printable import printable
from maskpose.io.progress import progress_bar
from maskpose.io.tables import csv_text, read_table
from maskpose.model.variants import KEYPOINTS

IOU_COLUMNS = ["photograph", "mask_iou"]


@dataclass
class Results:
    """Predictions beside ground truth, N samples in the database's order.

    Of the fields that may be left out, ``claimed`` then says where a keypoint was detected, ``scores`` are NaN, and no
    image is without a hand or has unknown pixels.
    """

    names: list
    sources: np.ndarray  # (N,) str
    predicted: np.ndarray  # (N, 21, 2) pixels
    confidences: np.ndarray  # (N, 21)
    truth: np.ndarray  # (N, 21, 2) pixels
    visible: np.ndarray  # (N, 21) bool
    image_sizes: np.ndarray  # (N, 2) width, height
    ious: np.ndarray  # (N,) mask IoU, NaN without a predicted mask or a ground-truth one with a hand in it
    claimed: np.ndarray = None  # (N,) bool: whether the predictor says that there is a hand
    scores: np.ndarray = None  # (N,) how sure it is of that, 0 to 1; NaN where it does not say
    without_hand: np.ndarray = None  # (N,) bool: images that are known to show no hand
    unknown: np.ndarray = None  # (N,) bool: the ground-truth mask has unknown pixels, which the IoU leaves out
    pose: bool = True  # False: of a predictor without a pose stage, so that no keypoint is to be scored
    annotated: dict = field(default_factory=dict)  # {"dataset", "head": (N,) pixels}: sizes that annotations say

    def __post_init__(self):
        count = len(self.names)
        self.claimed = self.detected if self.claimed is None else self.claimed
        self.scores = np.full(count, np.nan) if self.scores is None else self.scores
        self.without_hand = np.zeros(count, bool) if self.without_hand is None else self.without_hand
        self.unknown = np.zeros(count, bool) if self.unknown is None else self.unknown

    def subset(self, chosen):
        """The samples that ``chosen`` (bool or indices) picks."""
        arrays = {name: value[chosen] for name, value in vars(self).items() if isinstance(value, np.ndarray)}
        annotated = {name: values[chosen] for name, values in self.annotated.items()}
        return replace(self, names=list(np.array(self.names)[chosen]), annotated=annotated, **arrays)

    def of_origins(self, origins):
        """The samples of these origins; all where None."""
        return self if origins is None else self.subset(np.isin(self.sources, origins))

    def above(self, threshold):
        """The same, where keypoints of no more than this confidence were not found, nor claimed hands without any."""
        predicted = np.where((self.confidences > threshold)[..., None], self.predicted, np.nan)
        return replace(self, predicted=predicted, claimed=self.claimed & ~np.isnan(predicted).all(axis=(1, 2)))

    def with_predictions(self, found):
        """The same truth beside ``found``, Predictions on these photographs in this order."""
        return replace(self, predicted=found.keypoints, confidences=found.confidences, claimed=found.claimed,
                       scores=found.scores)  # fmt: skip

    def with_sizes(self, annotations, left_out=STRICT):
        """The same with the sizes that maskpose.data.datasets.mmpose.Annotations say, for the normalisers of them.

        left_out: takes photographs of which they say none, and whose keypoints then do not count.
        """
        return replace(self, annotated=annotations.sizes(self.names, left_out))

    def predictions(self, predictor):
        """What was found, as maskpose.evaluation.predictions.Predictions of that name."""
        return Predictions(
            predictor, self.names, self.predicted, self.confidences, claimed=self.claimed, scores=self.scores
        )

    def write_ious(self, path):
        """Write each photograph's mask IoU as CSV, name and mask_iou, for ``read_ious``."""
        rows = ([name, "" if np.isnan(iou) else f"{iou:.6f}"] for name, iou in zip(self.names, self.ious))
        write_text(path, csv_text([IOU_COLUMNS, *rows]))

    @property
    def detected(self):
        """(N,) bool: the samples with a predicted keypoint."""
        return ~np.isnan(self.predicted).all(axis=(1, 2))

    @property
    def missed(self):
        """(N,) bool: the samples in which no keypoint was predicted, but for images without a hand."""
        return ~self.detected & ~self.without_hand

    @property
    def spans(self):
        """(N,) larger side of the ground-truth keypoints' box in units of the photograph's larger side."""
        return metrics.box_size(self.truth, self.visible) / self.image_sizes.max(axis=1)


def run(predictor, samples, description="predict", **bar):
    """Results of ``predictor`` on ``samples``, one or more, such as a maskpose.data.database.Reader; bar: as tqdm's."""
    rows, begun = [], deque()

    def photographs():
        for sample in progress_bar(samples, desc=description, unit="image", **bar):
            begun.append(sample)
            yield sample.decode_image()

    for hand in predictor.predict_many(photographs()):
        sample = begun.popleft()
        rows.append(_row(sample, hand.keypoints, hand.confidences, mask_iou(sample, hand.mask), hand))
    return _results(rows, predictor.variant.pose)


def run_pairs(predictor, samples, description="pairs"):
    """Results of ``predictor.predict_hands`` on pictures of two hands: each sample beside the next, at the same height.

    Labelled and found hands are matched by the distance of their middles, nearest first, each once; a labelled hand
    that has none within a quarter of the picture's larger side is missed. A sample without visible keypoints takes part
    in no match: of the found hands that are left, it has the one whose middle lies on it. Keypoints are in the sample's
    own pixels; masks are not compared. The last of an odd number of samples is left out, and said to be. Raises
    InputError for fewer than two samples.
    """
    samples = list(samples)
    if len(samples) < 2:
        raise InputError(f"pairs are of two images each, and here are {len(samples)}")
    if len(samples) % 2:
        tqdm.write(f"left out: {printable(samples[-1].name)}: no image is left to make a pair with", file=sys.stderr)
    rows = []
    for pair in progress_bar(list(zip(samples[::2], samples[1::2])), desc=description, unit="pair"):
        picture, to_picture = side_by_side(*(sample.decode_image() for sample in pair))
        found = _hand_of_each(pair, to_picture, predictor.predict_hands(picture, 2), max(picture.shape[:2]) / 4)
        for sample, affine, hand in zip(pair, to_picture, found):
            if hand is None:
                rows.append(_row(sample, np.full((KEYPOINTS, 2), np.nan), np.zeros(KEYPOINTS), np.nan))
            else:
                keypoints = geometry.apply(geometry.invert(affine), hand.keypoints)
                rows.append(_row(sample, keypoints, hand.confidences, np.nan, hand))
    return _results(rows, True)


def _hand_of_each(samples, to_picture, hands, farthest):
    """The found hand, or None, of each of ``samples``, which lie in one picture by their 2x3 maps ``to_picture``."""
    middles = np.reshape([hand.keypoints.mean(axis=0) for hand in hands], (-1, 2))
    away = np.full((len(samples), len(hands)), np.inf)
    for n, (sample, affine) in enumerate(zip(samples, to_picture)):
        if sample.visible.any():
            truth = geometry.apply(affine, sample.keypoints[sample.visible]).mean(axis=0)
            away[n] = np.nan_to_num(np.linalg.norm(middles - truth, axis=1), nan=np.inf)
    chosen = {}
    while away.size and away.min() <= farthest:
        n, found = np.unravel_index(away.argmin(), away.shape)
        chosen[n] = found
        away[n], away[:, found] = np.inf, np.inf
    for n, (sample, affine) in enumerate(zip(samples, to_picture)):
        if not sample.visible.any():
            on_it = geometry.inside(geometry.apply(geometry.invert(affine), middles), sample.width, sample.height)
            left = [found for found in np.flatnonzero(on_it) if found not in chosen.values()]
            chosen |= {n: left[0]} if left else {}
    return [hands[chosen[n]] if n in chosen else None for n in range(len(samples))]


def side_by_side(left, right):
    """One picture of two (h, w, 3), the lower one enlarged to the other's height, and both's 2x3 maps into it."""
    height = max(len(left), len(right))
    parts, affines, at = [], [], 0
    for image in (left, right):
        width = max(1, round(image.shape[1] * height / len(image)))
        parts.append(cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR))
        affines.append(geometry.compose(geometry.translation(at, 0), geometry.scale_affine(height / len(image))))
        at += width
    return np.hstack(parts), affines


def of_origins(reader, origins=None):
    """``reader``, or a list of its samples of ``origins``; InputError where it has none of one."""
    if origins is None:
        return reader
    chosen = [sample for sample in reader if sample.origin in origins]
    if missing := set(origins) - {sample.origin for sample in chosen}:
        there = ", ".join(sorted(filter(None, reader.about.get("sources", ())))) or "not named"
        raise InputError(f"{reader.path} has no samples of {', '.join(sorted(missing))}: its origins are {there}")
    return chosen


def labels(samples):
    """Results of ``samples`` in which nothing was found: the truth alone, for ``of_predictions``."""
    nothing = np.full((KEYPOINTS, 2), np.nan), np.zeros(KEYPOINTS), np.nan
    bar = progress_bar(samples, desc="labels", unit="image")
    return _results([_row(sample, *nothing) for sample in bar], True)


def of_predictions(predictions, truth, lenient=False, left_out=STRICT):
    """Results of Predictions on what ``labels`` gave, matched by the photographs' names.

    Raises InputError as Predictions.of does, which takes ``lenient`` and ``left_out``.
    """
    return truth.with_predictions(predictions.of(truth.names, lenient, left_out))


def read_ious(path):
    """(names, (N,) mask IoUs, NaN where there is none) of what ``Results.write_ious`` wrote. Raises InputError."""
    names, ious = [], []
    for row in read_table(path, IOU_COLUMNS):
        if isinstance(row, InputError):
            raise row
        number, cells = row
        name, iou = (cells[column] for column in IOU_COLUMNS)
        try:
            names, ious = [*names, name], [*ious, float(iou or "nan")]
        except ValueError as error:
            raise InputError(f"{path}, line {number}: {error}") from None
    return names, np.array(ious)


def both_ways(name, results):
    """{name of the way: results}: photographs of hands where nothing was found counted as wrong, and left out.

    One way if there are none, or nothing else. Images without a hand are in both.
    """
    if not results.missed.any():
        return {name: results}
    ways = {f"{name}, misses wrong": results}
    return ways if results.missed.all() else ways | {f"{name}, misses left out": results.subset(~results.missed)}


def mask_iou(sample, predicted):
    """IoU of a predicted mask, (h, w) bool or None, with a maskpose.data.sample.Sample's, without its unknown pixels.

    NaN if one of them is missing, and if no pixel of the sample's is known to be hand: two empty masks would agree.
    """
    truth, unknown = sample.decode_mask(), sample.decode_unknown()
    if predicted is None or truth is None or not truth.any():
        return np.nan
    return metrics.mask_iou(predicted, truth > 0, None if unknown is None else unknown > 0)


def _row(sample, keypoints, confidences, iou, hand=None):
    """A row of Results; hand: the predictor's maskpose.Hand, None if it found none."""
    size = sample.width, sample.height
    claimed, score = (False, np.nan) if hand is None else (hand.present, hand.score)
    unknown = sample.decode_unknown()
    return (
        sample.name, sample.origin, keypoints, confidences, sample.keypoints, sample.visible, size, iou, claimed, score,
        sample.without_hand, unknown is not None and bool(unknown.any()),
    )  # fmt: skip


def _results(rows, pose):
    if not rows:
        raise InputError("there are no images to score")
    names, *columns = zip(*rows)
    return Results(list(names), *map(np.array, columns), pose)
