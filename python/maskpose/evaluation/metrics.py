"""Scores as pure functions: PCK (the paper's section 4.2, eq. 4), its area, pixel error, mask IoU and AP (table 1).

Keypoints are (N, 21, 2) pixels (x, y) of the original image. ``visible`` is (N, 21) bool: which keypoints of the ground
truth are valid. A valid keypoint that was not predicted is NaN in the prediction.

Means over samples are ratios of sums, so that maskpose.evaluation.bootstrap can weight the samples: ``safe_divide`` of
the sums of ``is_correct`` or ``area`` and of ``is_valid``.
"""

import numpy as np
import numpy.typing as npt

from maskpose.keypoints import FINGERS

AP_THRESHOLDS = (0.5, 0.75, 0.8)  # of mask IoU, in the paper's table 1
AP_RANGE = tuple(np.round(np.arange(0.5, 0.96, 0.05), 2))  # COCO's, of which the mean is taken


def box_size(keypoints: npt.NDArray[np.floating], visible: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Return the larger side in pixels of the tight box of each sample's visible keypoints, (N,).

    A side is the maximum minus the minimum, with no +1. A sample with fewer than two visible keypoints has 0.
    """
    return _box_sides(keypoints, visible).max(axis=1)


def box_diagonal(keypoints: npt.NDArray[np.floating], visible: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Return the diagonal in pixels of the box of ``box_size``, (N,)."""
    return np.linalg.norm(_box_sides(keypoints, visible), axis=1)


def pixel_errors(
    predicted: npt.NDArray[np.floating], truth: npt.NDArray[np.floating], visible: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float64]:
    """Return the distances in pixels from prediction to truth, (N, 21).

    A keypoint that is not visible has NaN. A visible one that was not predicted has infinity, so that a missed hand is
    wrong at every threshold.
    """
    across, down = np.moveaxis(np.asarray(predicted, float) - truth, -1, 0)
    distances = np.sqrt(across * across + down * down)
    distances[np.isnan(distances)] = np.inf
    distances[~np.asarray(visible, bool)] = np.nan
    return distances


def normalised(errors: npt.NDArray[np.floating], sizes: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return ``pixel_errors`` (N, 21) in units of each sample's size (N,) in pixels; NaN if the size is 0."""
    sizes = np.asarray(sizes, float)
    return errors / np.where(sizes > 0, sizes, np.nan)[:, None]


def normalised_errors(
    predicted: npt.NDArray[np.floating],
    truth: npt.NDArray[np.floating],
    visible: npt.NDArray[np.bool_],
    sizes: npt.ArrayLike,
) -> npt.NDArray[np.float64]:
    """Return the ``pixel_errors`` in units of each sample's size (N,) in pixels, (N, 21)."""
    return normalised(pixel_errors(predicted, truth, visible), sizes)


def is_valid(errors: npt.NDArray[np.floating]) -> npt.NDArray[np.bool_]:
    """Return which errors of ``pixel_errors`` or ``normalised_errors`` are of valid keypoints."""
    return ~np.isnan(errors)


def is_correct(errors: npt.NDArray[np.floating], threshold: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Return which errors are strictly below the threshold (eq. 4)."""
    return np.less(errors, threshold)


def area(
    errors: npt.NDArray[np.floating], low: float, high: float, steps: int | None = None
) -> npt.NDArray[np.float64]:
    """Return how much of the range of thresholds lies above each error, 0 to 1; 0 for keypoints that are not valid.

    The mean over valid keypoints is the area under their PCK curve, divided by high - low.

    Args:
        errors: of any shape.
        low: the smallest threshold.
        high: the largest threshold.
        steps: None for the exact area; else mmpose's, the mean of PCK at the thresholds low + i (high - low) / steps,
            i = 0 .. steps - 1.
    """
    if steps is None:
        return np.nan_to_num(np.clip((high - np.asarray(errors, float)) / (high - low), 0, 1))
    thresholds = low + np.arange(steps) * (high - low) / steps
    above = steps - np.searchsorted(thresholds, errors, side="right")
    return np.where(is_valid(errors), above / steps, 0)


def pck(errors: npt.NDArray[np.floating], thresholds: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return the fraction of each keypoint's valid errors that are strictly below each threshold (eq. 4).

    The validation set of eq. 4 is, for each keypoint, the samples in which it is valid.

    Args:
        errors: (N, K) from ``normalised_errors``.
        thresholds: (T,).

    Returns:
        (T, K), NaN for a keypoint that is never valid.
    """
    sums = [is_correct(errors, threshold).sum(axis=0) for threshold in np.ravel(thresholds)]
    return safe_divide(np.array(sums), is_valid(errors).sum(axis=0))


def mean_pck(errors: npt.NDArray[np.floating], thresholds: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return the mean of ``pck`` over the keypoints that are ever valid, (T,): each keypoint weighs the same."""
    return mean_over_keypoints(pck(errors, thresholds))


def pooled_pck(errors: npt.NDArray[np.floating], thresholds: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return the fraction of all valid errors below each threshold, (T,): each labelled keypoint weighs the same."""
    return pck(np.reshape(errors, (-1, 1)), thresholds)[:, 0]


def auc(errors: npt.NDArray[np.floating], low: float, high: float, steps: int | None = None) -> float:
    """Return the area under the PCK curve, 0 to 1, its mean over the keypoints that are ever valid.

    Args:
        errors: (N, 21) from ``normalised_errors``.
        low: as in ``area``.
        high: as in ``area``.
        steps: as in ``area``.
    """
    areas = safe_divide(area(errors, low, high, steps).sum(axis=0), is_valid(errors).sum(axis=0))
    return float(mean_over_keypoints(areas))


def mean_over_keypoints(per_keypoint: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Return the mean (…) of (…, K) over the keypoints that are not NaN; NaN if all are."""
    known = ~np.isnan(per_keypoint)
    return safe_divide(np.where(known, per_keypoint, 0).sum(axis=-1), known.sum(axis=-1))


def mean_over_fingers(per_keypoint: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Return the means (…, 5) of (…, 21) over each finger's four keypoints, in the order of FINGERS."""
    fingers = [mean_over_keypoints(per_keypoint[..., list(numbers)]) for numbers in FINGERS.values()]
    return np.stack(fingers, axis=-1)


def end_point_error(errors: npt.NDArray[np.floating]) -> tuple[float, float]:
    """Return the mean and the median in pixels over all of ``pixel_errors``; NaN if there are none.

    Missed keypoints are left out, because they have no distance: state their number too.
    """
    known = errors[np.isfinite(errors)]
    return (float(known.mean()), float(np.median(known))) if len(known) else (float("nan"), float("nan"))


def mask_iou(predicted: npt.ArrayLike, truth: npt.ArrayLike, unknown: npt.ArrayLike | None = None) -> float:
    """Return the intersection over union of two masks, 0 to 1; 1 for two empty masks.

    Args:
        predicted: (h, w) bool.
        truth: (h, w) bool.
        unknown: (h, w) bool, or None. Unknown pixels outside ``truth`` count neither in the intersection nor in the
            union.

    Raises:
        ValueError: the shapes differ.
    """
    predicted, truth = np.asarray(predicted, bool), np.asarray(truth, bool)
    if predicted.shape != truth.shape or (unknown is not None and np.shape(unknown) != truth.shape):
        raise ValueError(f"masks of different shapes: {predicted.shape} and {truth.shape}")
    if unknown is not None:
        predicted = predicted & (truth | ~np.asarray(unknown, bool))
    union = np.count_nonzero(predicted | truth)
    return np.count_nonzero(predicted & truth) / union if union else 1.0


def average_precision(ious: npt.ArrayLike, thresholds: npt.ArrayLike = AP_THRESHOLDS) -> npt.NDArray[np.float64]:
    """Return the fraction of the images' IoUs (N,) that reach each threshold, (T,): table 1's AP50, AP75, AP80."""
    reached = np.asarray(ious, float)[None, :] >= np.asarray(thresholds, float)[:, None]
    return safe_divide(reached.sum(axis=1), reached.shape[1])


def safe_divide(part: npt.ArrayLike, whole: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return part / whole as float, NaN where whole is 0; the shapes broadcast."""
    part, whole = np.broadcast_arrays(part, whole)
    return np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)


def _box_sides(keypoints: npt.NDArray[np.floating], visible: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Return the width and height in pixels of the tight box of each sample's visible keypoints, (N, 2)."""
    counts = np.asarray(visible, bool)[..., None]
    high = np.where(counts, keypoints, -np.inf).max(axis=1)
    low = np.where(counts, keypoints, np.inf).min(axis=1)
    return np.maximum(high - low, 0)
