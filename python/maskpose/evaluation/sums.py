"""What each image adds to the sums that all scores are ratios of, and the scores of such sums."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from maskpose.evaluation import detection, metrics, protocols
from maskpose.evaluation.protocols import Settings
from maskpose.model.variants import NUM_KEYPOINTS

if TYPE_CHECKING:
    from maskpose.evaluation.results import Results

CURVE = np.round(np.arange(0, 0.505, 0.01), 2)  # PCK thresholds of the curve, in units of the normaliser
NEAR_MEDIAN = 101  # pixel errors about the median at which the errors of resamples are counted
MEDIAN_REACH = 6  # standard errors of the median's rank that they reach to


class Terms(NamedTuple):
    """What images add, one row per image; or sums of that, one row per resample."""

    valid: npt.NDArray  # 21: keypoints that count
    correct: npt.NDArray  # 21: those below the PCK threshold
    valid_in_area: npt.NDArray  # 21: keypoints that count for the area
    area: npt.NDArray  # 21: the area under each one's PCK curve
    correct_on_curve: npt.NDArray  # 51 x 21: keypoints below each threshold of CURVE
    known: npt.NDArray  # 1: keypoints with a pixel error
    distance: npt.NDArray  # 1: sum of these errors
    up_to: npt.NDArray  # NEAR_MEDIAN: how many of these errors are at most each error about the median
    with_hand: npt.NDArray  # 1: images with a hand of known size
    found: npt.NDArray  # 1: those whose hand is found
    without_hand: npt.NDArray  # 1: images without a hand
    claimed: npt.NDArray  # 1: those in which one is claimed
    masks: npt.NDArray  # 1: images with a mask IoU
    iou: npt.NDArray  # 1: sum of the IoUs
    reached: npt.NDArray  # 13: IoUs that reach AP_THRESHOLDS and AP_RANGE


class ImageSums:
    """The terms of each image of some results, and the scores of sums of them."""

    def __init__(self, results: "Results", settings: Settings):
        """Compute the errors. Raises InputError as protocols.normaliser_sizes does."""
        self._results, self._settings = results, settings
        counts = protocols.counted_keypoints(results, settings)
        self.pixels = metrics.pixel_errors(results.predicted, results.truth, counts)  # (N, 21)
        self.errors = metrics.normalised(self.pixels, protocols.normaliser_sizes(results, settings))  # (N, 21)
        self._errors_for_area = self.pixels / settings.auc_pixels if settings.auc_pixels else self.errors
        self._found = detection.hands_found(results)
        self.with_hand = ~np.isnan(self._found)  # (N,)
        self._without_hand = results.without_hand & (results.pose | ~np.isnan(results.scores))
        self._near_median = _near_median(self.pixels)
        widths = [values.shape[1] for values in self._terms(slice(0, 0))]
        self._boundaries = np.cumsum(widths)[:-1]

    def columns(self, part: slice) -> npt.NDArray[np.float32]:
        """Return what the images of a slice add, (size, F), for bootstrap.resampled_sums."""
        return np.concatenate(self._terms(part), axis=1, dtype=np.float32, casting="unsafe")

    def scores(self, sums: npt.NDArray[np.float64]) -> dict[str, npt.NDArray[np.float64]]:
        """Return the scores of sums of the columns.

        Args:
            sums: (R, F).

        Returns:
            "keypoints" (R, 21), "fingers" (R, 5), "pck", "pooled", "auc" (R,), "curve" (R, 51), "epe" (R, 2) mean and
            median, "found", "claimed", "iou" (R,), "ap" (R, 3) and "mean_ap" (R,).
        """
        terms = Terms(*np.split(sums, self._boundaries, axis=1))
        divide = metrics.safe_divide
        keypoints = divide(terms.correct, terms.valid)
        curve = divide(terms.correct_on_curve.reshape(-1, len(CURVE), NUM_KEYPOINTS), terms.valid[:, None])
        reached = divide(terms.reached, terms.masks)
        up_to = divide(terms.up_to, terms.known)
        median = np.array([np.interp(0.5, row, self._near_median) for row in up_to])
        return {
            "keypoints": keypoints,
            "fingers": metrics.mean_over_fingers(keypoints),
            "pck": metrics.mean_over_keypoints(keypoints),
            "pooled": divide(terms.correct.sum(axis=1), terms.valid.sum(axis=1)),
            "auc": metrics.mean_over_keypoints(divide(terms.area, terms.valid_in_area)),
            "curve": metrics.mean_over_keypoints(curve),
            "epe": np.column_stack([divide(terms.distance, terms.known)[:, 0], median]),
            "found": divide(terms.found, terms.with_hand)[:, 0],
            "claimed": divide(terms.claimed, terms.without_hand)[:, 0],
            "iou": divide(terms.iou, terms.masks)[:, 0],
            "ap": reached[:, : len(metrics.AP_THRESHOLDS)],
            "mean_ap": reached[:, len(metrics.AP_THRESHOLDS) :].mean(axis=1),
        }

    def _terms(self, part: slice) -> Terms:
        errors, pixels, errors_for_area = self.errors[part], self.pixels[part], self._errors_for_area[part]
        ious, settings = self._results.ious[part], self._settings
        known, has_mask = np.isfinite(pixels), ~np.isnan(ious)
        on_curve = metrics.is_correct(errors[:, None], CURVE[:, None])
        return Terms(
            valid=metrics.is_valid(errors),
            correct=metrics.is_correct(errors, settings.at),
            valid_in_area=metrics.is_valid(errors_for_area),
            area=metrics.area(errors_for_area, *settings.auc, settings.auc_steps),
            correct_on_curve=on_curve.reshape(len(errors), len(CURVE) * NUM_KEYPOINTS),
            known=known.sum(axis=1, keepdims=True),
            distance=np.where(known, pixels, 0).sum(axis=1, keepdims=True),
            up_to=_count_up_to(pixels, self._near_median),
            with_hand=self.with_hand[part, None],
            found=np.nan_to_num(self._found[part, None]),
            without_hand=self._without_hand[part, None],
            claimed=(self._without_hand & self._results.claimed)[part, None],
            masks=has_mask[:, None],
            iou=np.where(has_mask, ious, 0)[:, None],
            reached=ious[:, None] >= (*metrics.AP_THRESHOLDS, *metrics.AP_RANGE),
        )


def _near_median(pixels: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return rising pixel errors (NEAR_MEDIAN,), close together about the median, as far as the resamples' medians lie.

    The keypoints of an image may be off together, so images count as independent draws, not keypoints.
    """
    known = np.isfinite(pixels)
    if not known.any():
        return np.full(NEAR_MEDIAN, np.nan)
    reach = MEDIAN_REACH * 0.5 / np.sqrt(known.any(axis=1).sum())
    ranks = np.clip(np.linspace(0.5 - reach, 0.5 + reach, NEAR_MEDIAN), 0, 1)
    return np.quantile(pixels[known], ranks)


def _count_up_to(pixels: npt.NDArray[np.float64], limits: npt.NDArray[np.float64]) -> npt.NDArray[np.integer]:
    """Return how many of each row of pixel errors (n, 21) are at most each of L rising limits, (n, L); NaN is none."""
    first = np.searchsorted(limits, pixels)  # the first limit that an error does not pass
    rows = np.arange(len(pixels))[:, None] * (len(limits) + 1)
    counts = np.bincount((rows + first).ravel(), minlength=len(pixels) * (len(limits) + 1))
    return counts.reshape(len(pixels), len(limits) + 1)[:, :-1].cumsum(axis=1)
