"""Protocols of scoring: what errors are divided by, which keypoints count, at which thresholds."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from maskpose.errors import InputError
from maskpose.evaluation import metrics

if TYPE_CHECKING:
    from maskpose.evaluation.results import Results

NORMALISERS = {
    "box": "larger side of the tight box of the ground-truth keypoints that count",
    "diagonal": "diagonal of that box",
    "image": "larger side of the image",
    "crop": "width of the image / 2.2, as NSRMhand's crops have it",
    "dataset": "larger side of the data set's own box, from its annotations",
    "head": "size of the person's head, from the data set's annotations",
    "pixels": "none: thresholds are hundreds of pixels",
}
ANNOTATED = ("dataset", "head")  # normalisers that need Results.with_sizes
JOINTS = {"visible": "visible keypoints", "all": "all keypoints that have a position, visible or not"}
NSRM_CROP = 2.2  # sides of the hand's box in NSRMhand's crops
PIXELS = 100.0  # of the normaliser "pixels"


@dataclass(frozen=True)
class Settings:
    """What the scores depend on besides the predictions.

    >>> print(Settings(normaliser="diagonal", at=0.1))
    normaliser: diagonal of that box; strict <; visible keypoints; PCK per keypoint, then the mean; AUC from 0 to 0.5
    """

    normaliser: str = "box"  # one of NORMALISERS: what distances are divided by
    joints: str = "visible"  # one of JOINTS: which keypoints count
    at: float = 0.2  # PCK threshold
    threshold: float | None = None  # confidence up to which a keypoint counts as missed; None: every position counts
    auc: tuple[float, float] = (0.0, 0.5)  # PCK thresholds between which the area under the curve is taken
    auc_steps: int | None = None  # None: the exact area; else as metrics.area says
    auc_pixels: float | None = None  # what errors are divided by for the area, pixels; None: by the normaliser
    resamples: int = 1000  # of the bootstrap
    seed: int = 0  # of the bootstrap

    def __post_init__(self) -> None:
        """Raise InputError for an unknown normaliser or unknown joints."""
        for name, known in (("normaliser", NORMALISERS), ("joints", JOINTS)):
            if getattr(self, name) not in known:
                raise InputError(f"unknown {name} {getattr(self, name)!r}: expected one of {', '.join(known)}")

    def __str__(self) -> str:
        """One line for people."""
        steps = "" if self.auc_steps is None else f" in {self.auc_steps} steps"
        unit = "" if self.auc_pixels is None else f" of {self.auc_pixels:g} pixels"
        return (
            f"normaliser: {NORMALISERS[self.normaliser]}; strict <; {JOINTS[self.joints]}; PCK per keypoint, then the "
            f"mean; AUC from {self.auc[0]:g} to {self.auc[1]:g}{unit}{steps}"
        )


PROTOCOLS = {
    "paper": Settings(),  # section 4.2
    "mmpose": Settings("dataset", auc=(0.0, 1.0), auc_steps=20, auc_pixels=30.0),  # its OneHand10K results
    "nsrm": Settings("crop", "all", at=0.1),  # NSRMhand, on its crops
}
PAPER = PROTOCOLS["paper"]


def normaliser_sizes(results: "Results", settings: Settings = PAPER) -> npt.NDArray[np.float64]:
    """Return what the errors of each sample are divided by, (N,) pixels.

    Raises:
        InputError: the normaliser is from annotations that the results do not have.
    """
    counts = counted_keypoints(results, settings)
    if settings.normaliser == "box":
        return metrics.box_size(results.truth, counts)
    if settings.normaliser == "diagonal":
        return metrics.box_diagonal(results.truth, counts)
    if settings.normaliser == "image":
        return results.image_sizes.max(axis=1).astype(float)
    if settings.normaliser == "crop":
        return results.image_sizes[:, 0] / NSRM_CROP
    if settings.normaliser == "pixels":
        return np.full(len(results.names), PIXELS)
    if settings.normaliser not in results.annotated:
        raise InputError(f"the normaliser {settings.normaliser} needs the data set's annotations (--annotations FILE)")
    return results.annotated[settings.normaliser]


def counted_keypoints(results: "Results", settings: Settings = PAPER) -> npt.NDArray[np.bool_]:
    """Return which keypoints count, (N, 21). None does without a pose stage: they are not scored, rather than wrong."""
    counts = results.visible
    if settings.joints == "all":
        counts = counts | ~((results.truth == -1).any(axis=2) | (results.truth == 0).all(axis=2))
    return counts & results.pose


def normalised_errors(results: "Results", settings: Settings = PAPER) -> npt.NDArray[np.float64]:
    """Return the distances from prediction to truth in units of the normaliser, (N, 21).

    A keypoint that does not count has NaN. One that counts and was missed, or has a confidence up to the settings'
    threshold, has infinity. Raises InputError as ``normaliser_sizes`` does.
    """
    if settings.threshold is not None:
        results = results.above(settings.threshold)
    counts = counted_keypoints(results, settings)
    return metrics.normalised_errors(results.predicted, results.truth, counts, normaliser_sizes(results, settings))
