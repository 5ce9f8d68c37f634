"""Results of a predictor on a database, and of other programs' predictions."""

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from maskpose.data.sample import Sample
from maskpose.errors import InputError
from maskpose.evaluation import metrics
from maskpose.evaluation.predictions import Predictions
from maskpose.evaluation.results import Results
from maskpose.inference.hand import Hand
from maskpose.io.left_out import STRICT, LeftOut
from maskpose.io.progress import progress_bar
from maskpose.model.variants import NUM_KEYPOINTS

if TYPE_CHECKING:
    from maskpose.data.database import Reader
    from maskpose.inference.predictor import Predictor


def predict_samples(
    predictor: "Predictor", samples: Iterable[Sample], description: str = "predict", **bar: Any
) -> Results:
    """Return the results of a predictor on samples.

    Args:
        predictor: finds the hands.
        samples: one or more, such as a Reader.
        description: of the progress bar.
        bar: further options of the progress bar.

    Raises:
        InputError: there are no samples.
    """
    rows = ResultRows(predictor.variant.pose)
    waiting: deque[Sample] = deque()  # in the predictor's batch

    def images() -> Iterator[npt.NDArray[np.uint8]]:
        for sample in progress_bar(samples, desc=description, unit="image", **bar):
            waiting.append(sample)
            yield sample.decode_image()

    for hand in predictor.predict_many(images()):
        sample = waiting.popleft()
        rows.add(sample, hand.keypoints, hand.confidences, sample_mask_iou(sample, hand.mask), hand)
    return rows.results()


def select_origins(reader: "Reader", origins: Collection[str] | None = None) -> "Reader | list[Sample]":
    """Return a database's samples of these origins; the reader if ``origins`` is None.

    Raises:
        InputError: an origin has no samples.
    """
    if origins is None:
        return reader
    chosen = [sample for sample in reader if sample.origin in origins]
    if missing := set(origins) - {sample.origin for sample in chosen}:
        known = ", ".join(sorted(filter(None, reader.about.get("sources", ())))) or "not named"
        raise InputError(f"{reader.path} has no samples of {', '.join(sorted(missing))}: its origins are {known}")
    return chosen


def ground_truth(samples: Iterable[Sample]) -> Results:
    """Return results of samples in which every keypoint is missed: the truth, for ``match_predictions``.

    Raises:
        InputError: there are no samples.
    """
    rows = ResultRows(pose=True)
    for sample in progress_bar(samples, desc="labels", unit="image"):
        rows.add_miss(sample)
    return rows.results()


def match_predictions(
    predictions: Predictions, truth: Results, lenient: bool = False, left_out: LeftOut = STRICT
) -> Results:
    """Return the results of predictions, matched with the truth by the images' names.

    Args:
        predictions: of a file.
        truth: what ``ground_truth`` returned.
        lenient: as Predictions.match takes it.
        left_out: as Predictions.match takes it.

    Raises:
        InputError: as Predictions.match does.
    """
    return truth.with_predictions(predictions.match(truth.names, lenient, left_out))


def with_and_without_misses(name: str, results: Results) -> dict[str, Results]:
    """Return results under titles: with missed hands counted as wrong, and without the images of missed hands.

    There is one title if no hand is missed, or if all are. Images without a hand are in both.
    """
    if not results.missed.any():
        return {name: results}
    titled = {f"{name}, misses wrong": results}
    return titled if results.missed.all() else titled | {f"{name}, misses left out": results.subset(~results.missed)}


def sample_mask_iou(sample: Sample, predicted: npt.NDArray[np.bool_] | None) -> float:
    """Return the IoU of a predicted mask (h, w) with the sample's mask, without the sample's unknown pixels.

    NaN if a mask is missing, or if no pixel of the sample's mask is hand: two empty masks would agree.
    """
    truth, unknown = sample.decode_mask(), sample.decode_unknown()
    if predicted is None or truth is None or not truth.any():
        return np.nan
    return metrics.mask_iou(predicted, truth > 0, None if unknown is None else unknown > 0)


class ResultRows:
    """Collects Results sample by sample."""

    def __init__(self, pose: bool):
        """Begin; ``pose`` is whether the predictor has a pose stage."""
        self._pose = pose
        self._rows: list[Sequence[Any]] = []

    def add(
        self,
        sample: Sample,
        keypoints: npt.NDArray[np.float64],
        confidences: npt.NDArray[np.floating],
        iou: float,
        hand: Hand | None = None,
    ) -> None:
        """Add a sample.

        Args:
            sample: the ground truth.
            keypoints: (21, 2) predicted, in the sample's pixels.
            confidences: (21,).
            iou: of the masks, or NaN.
            hand: says whether there is a hand, and its score. None: no hand was found.
        """
        unknown = sample.decode_unknown()
        self._rows.append(
            (
                sample.name,
                sample.origin,
                keypoints,
                confidences,
                sample.keypoints,
                sample.visible,
                (sample.width, sample.height),
                iou,
                hand is not None and hand.present,
                np.nan if hand is None else hand.score,
                sample.without_hand,
                unknown is not None and bool(unknown.any()),
            )
        )

    def add_miss(self, sample: Sample) -> None:
        """Add a sample in which no hand was found."""
        self.add(sample, np.full((NUM_KEYPOINTS, 2), np.nan), np.zeros(NUM_KEYPOINTS), np.nan)

    def results(self) -> Results:
        """Return the results. Raises InputError if there are no samples."""
        if not self._rows:
            raise InputError("there are no images to score")
        names, *columns = zip(*self._rows)
        origins, predicted, confidences, truth, visible, sizes, ious, claimed, scores, without_hand, unknown = map(
            np.array, columns
        )
        return Results(
            names=list(names),
            origins=origins,
            predicted=predicted,
            confidences=confidences,
            truth=truth,
            visible=visible,
            image_sizes=sizes,
            ious=ious,
            claimed=claimed,
            scores=scores,
            without_hand=without_hand,
            unknown=unknown,
            pose=self._pose,
        )
