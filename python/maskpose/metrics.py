"""Scores as pure functions: PCK (paper's Sec. 4.2, Eq. 4), pixel error, mask IoU and AP (Table 1).

Keypoints are (N, 21, 2) float pixels (x, y) in the original image, `visible` is (N, 21) bool. Only
joints visible in the ground truth count. A joint that counts but was not predicted is predicted as NaN.
"""

import numpy as np


def box_size(keypoints, visible):
    """(N,) larger side in pixels of the tight box round each sample's visible keypoints.

    A side is maximum minus minimum, with no +1. Samples with fewer than two visible keypoints have 0.
    """
    return _box_sides(keypoints, visible).max(axis=1)


def box_diagonal(keypoints, visible):
    """(N,) diagonal in pixels of the same box as `box_size`'s."""
    return np.linalg.norm(_box_sides(keypoints, visible), axis=1)


def normalised_errors(predicted, truth, visible, sizes):
    """(N, 21) distances from prediction to truth, in units of each sample's (N,) size in pixels.

    NaN where a joint does not count: it is not visible, or its sample's size is 0. Infinity where it
    counts but was not predicted, so that a missed hand is wrong at every threshold.
    """
    distances = _distances(predicted, truth)
    sizes = np.broadcast_to(np.asarray(sizes, float)[:, None], distances.shape)
    counts = np.asarray(visible, bool) & (sizes > 0)
    errors = np.full(distances.shape, np.nan)
    np.divide(distances, sizes, out=errors, where=counts)
    return errors


def pck(errors, thresholds):
    """(T, 21) share of each joint's counted errors strictly below each of the T thresholds (Eq. 4).

    `errors` is (N, 21) from `normalised_errors`; Eq. 4's validation set is, for each joint, the samples
    where it counts. NaN for a joint that never counts.
    """
    errors = np.asarray(errors, float)
    counted = (~np.isnan(errors)).sum(axis=0)
    right = np.array([(errors < threshold).sum(axis=0) for threshold in np.ravel(thresholds)])
    return _share(right, np.broadcast_to(counted, right.shape))


def mean_pck(errors, thresholds):
    """(T,) mean of `pck` over the joints that ever count: every joint weighs the same."""
    per_joint = pck(errors, thresholds)
    return _share(np.nansum(per_joint, axis=1), (~np.isnan(per_joint)).sum(axis=1))


def pooled_pck(errors, thresholds):
    """(T,) share of all counted errors below each threshold: every visible keypoint weighs the same."""
    return pck(np.reshape(errors, (-1, 1)), thresholds)[:, 0]


def mean_pixel_error(predicted, truth, visible):
    """Mean distance in pixels over the visible keypoints that were predicted; NaN when there are none.

    Missed keypoints are left out, for they have no distance: state their number beside this figure.
    """
    distances = _distances(predicted, truth)
    counts = np.asarray(visible, bool) & np.isfinite(distances)
    return float(distances[counts].mean()) if counts.any() else float("nan")


def mask_iou(predicted, truth):
    """Intersection over union of two (h, w) bool masks, in 0..1; two empty masks agree: 1.0.

    Raises ValueError when the shapes differ.
    """
    predicted, truth = np.asarray(predicted, bool), np.asarray(truth, bool)
    if predicted.shape != truth.shape:
        raise ValueError(f"masks of different shapes: {predicted.shape} and {truth.shape}")
    union = np.count_nonzero(predicted | truth)
    return np.count_nonzero(predicted & truth) / union if union else 1.0


def average_precision(ious, thresholds=(0.5, 0.75, 0.8)):
    """(T,) share of the (N,) image IoUs that reach each threshold (Table 1's AP50, AP75, AP80)."""
    reached = np.asarray(ious, float)[None, :] >= np.asarray(thresholds, float)[:, None]
    return _share(reached.sum(axis=1), np.full(len(reached), reached.shape[1]))


def bootstrap_interval(statistic, n, seed=0, resamples=1000, level=0.95):
    """(low, high) percentile bootstrap interval of a statistic of n samples.

    `statistic` takes an (n,) int array of sample indices, with repeats, and returns a number; resamples
    where it is NaN are left out. Raises ValueError when n is not positive.
    """
    if n < 1:
        raise ValueError(f"a bootstrap needs at least one sample, not {n}")
    rng = np.random.default_rng(seed)
    values = np.array([statistic(rng.integers(0, n, n)) for _ in range(resamples)], float)
    values = values[~np.isnan(values)]
    if not len(values):
        return float("nan"), float("nan")
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _box_sides(keypoints, visible):
    """(N, 2) width and height in pixels of the tight box round each sample's visible keypoints."""
    counts = np.asarray(visible, bool)[..., None]
    high = np.where(counts, keypoints, -np.inf).max(axis=1)
    low = np.where(counts, keypoints, np.inf).min(axis=1)
    return np.maximum(high - low, 0)


def _distances(predicted, truth):
    """(N, 21) Euclidean distances; infinity where the prediction is NaN."""
    predicted = np.asarray(predicted, float)
    distances = np.linalg.norm(predicted - np.asarray(truth, float), axis=-1)
    return np.where(np.isnan(predicted).any(axis=-1), np.inf, distances)


def _share(part, whole):
    """part / whole as float, NaN where whole is 0."""
    return np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=np.asarray(whole) > 0)
