"""Predictions beside ground truth, sample by sample."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from maskpose.errors import InputError
from maskpose.evaluation import metrics
from maskpose.evaluation.predictions import Predictions
from maskpose.io.files import write_text
from maskpose.io.left_out import STRICT, LeftOut
from maskpose.io.paths import PathLike
from maskpose.io.tables import csv_text, read_table

if TYPE_CHECKING:
    from maskpose.data.datasets.mmpose import Annotations

IOU_COLUMNS = ["photograph", "mask_iou"]
TO_FILL: Any = None  # default of a field that __post_init__ fills


@dataclass
class Results:
    """Predictions beside ground truth, N samples in the database's order. Keypoints are in the image's pixels.

    If optional fields are not given, ``claimed`` is whether a keypoint was predicted, ``scores`` are NaN, and no image
    is without a hand or has unknown pixels.

    >>> truth = np.zeros((2, 21, 2))
    >>> predicted = np.stack([truth[0] + 3, np.full((21, 2), np.nan)])  # no hand is found in the second image
    >>> confidences, visible, sizes = np.ones((2, 21)), np.ones((2, 21), bool), np.full((2, 2), 640)
    >>> results = Results(["a.jpg", "b.jpg"], np.array(["", ""]), predicted, confidences, truth, visible, sizes,
    ...                   ious=np.array([0.9, np.nan]))
    >>> results.detected.tolist(), results.subset(results.missed).predicted.shape
    ([True, False], (1, 21, 2))
    """

    names: list[str]
    origins: npt.NDArray[np.str_]  # (N,)
    predicted: npt.NDArray[np.float64]  # (N, 21, 2); NaN for a missed keypoint
    confidences: npt.NDArray[np.floating]  # (N, 21)
    truth: npt.NDArray[np.floating]  # (N, 21, 2)
    visible: npt.NDArray[np.bool_]  # (N, 21)
    image_sizes: npt.NDArray[np.integer]  # (N, 2) width, height
    ious: npt.NDArray[np.float64]  # (N,) mask IoU; NaN without a predicted mask, or a hand in the ground truth's
    claimed: npt.NDArray[np.bool_] = TO_FILL  # (N,): whether the predictor says that there is a hand
    scores: npt.NDArray[np.float64] = TO_FILL  # (N,): how certain it is, 0 to 1; NaN: it does not say
    without_hand: npt.NDArray[np.bool_] = TO_FILL  # (N,): images that are known to show no hand
    unknown: npt.NDArray[np.bool_] = TO_FILL  # (N,): the IoU leaves unknown pixels out
    pose: bool = True  # False: the predictor has no pose stage, so that no keypoint is scored
    annotated: dict[str, npt.NDArray[np.float64]] = field(default_factory=dict)  # "dataset", "head": (N,) pixels

    def __post_init__(self) -> None:
        """Fill the fields that were not given."""
        count = len(self.names)
        self.claimed = self.detected if self.claimed is None else self.claimed
        self.scores = np.full(count, np.nan) if self.scores is None else self.scores
        self.without_hand = np.zeros(count, bool) if self.without_hand is None else self.without_hand
        self.unknown = np.zeros(count, bool) if self.unknown is None else self.unknown

    def subset(self, chosen: npt.NDArray[np.bool_] | npt.NDArray[np.integer] | list[int]) -> "Results":
        """Return the samples that a mask or indices choose."""
        arrays = {name: value[chosen] for name, value in vars(self).items() if isinstance(value, np.ndarray)}
        annotated = {name: values[chosen] for name, values in self.annotated.items()}
        return replace(self, names=list(np.array(self.names)[chosen]), annotated=annotated, **arrays)

    def select_origins(self, origins: Collection[str] | None) -> "Results":
        """Return the samples of these origins; None: all."""
        return self if origins is None else self.subset(np.isin(self.origins, list(origins)))

    def above(self, threshold: float) -> "Results":
        """Return the results with keypoints up to this confidence missed, and no hand claimed that has no other."""
        predicted = np.where((self.confidences > threshold)[..., None], self.predicted, np.nan)
        return replace(self, predicted=predicted, claimed=self.claimed & ~np.isnan(predicted).all(axis=(1, 2)))

    def with_predictions(self, predictions: Predictions) -> "Results":
        """Return the same truth beside other predictions, which are on these images in this order."""
        return replace(
            self,
            predicted=predictions.keypoints,
            confidences=predictions.confidences,
            claimed=predictions.claimed,
            scores=predictions.scores,
        )

    def with_sizes(self, annotations: "Annotations", left_out: LeftOut = STRICT) -> "Results":
        """Return the results with the sizes that annotations state, for the normalisers that need them.

        Args:
            annotations: of the data set.
            left_out: takes images for which they state no size; their keypoints do not count.
        """
        return replace(self, annotated=annotations.sizes(self.names, left_out))

    def predictions(self, predictor: str) -> Predictions:
        """Return the predictions alone, under the predictor's name."""
        return Predictions(
            predictor, self.names, self.predicted, self.confidences, claimed=self.claimed, scores=self.scores
        )

    def write_ious(self, path: PathLike) -> None:
        """Write each image's mask IoU as CSV, for ``read_ious``."""
        rows = ([name, "" if np.isnan(iou) else f"{iou:.6f}"] for name, iou in zip(self.names, self.ious))
        write_text(path, csv_text([IOU_COLUMNS, *rows]))

    @property
    def detected(self) -> npt.NDArray[np.bool_]:
        """(N,): the samples with a predicted keypoint."""
        return np.logical_not(np.isnan(self.predicted).all(axis=(1, 2)))

    @property
    def missed(self) -> npt.NDArray[np.bool_]:
        """(N,): the samples without a predicted keypoint, except images without a hand."""
        return ~self.detected & ~self.without_hand

    @property
    def spans(self) -> npt.NDArray[np.float64]:
        """(N,): larger side of the ground-truth keypoints' box in larger sides of the image."""
        return metrics.box_size(self.truth, self.visible) / self.image_sizes.max(axis=1)


def read_ious(path: PathLike) -> tuple[list[str], npt.NDArray[np.float64]]:
    """Return the names and the mask IoUs (N,), NaN if there is none, that ``Results.write_ious`` wrote.

    Raises:
        InputError: the file is missing or is not such a file.
    """
    names: list[str] = []
    ious: list[float] = []
    for row in read_table(path, IOU_COLUMNS):
        if isinstance(row, InputError):
            raise row
        number, cells = row
        name, iou = (cells[column] for column in IOU_COLUMNS)
        try:
            ious.append(float(iou or "nan"))
        except ValueError as error:
            raise InputError(f"{path}, line {number}: {error}") from None
        names.append(name)
    return names, np.array(ious)
