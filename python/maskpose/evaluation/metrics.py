"""Scores as pure functions: PCK (paper's Sec. 4.2, Eq. 4), its area, pixel error, mask IoU and AP (Table 1).

Keypoints are (N, 21, 2) float pixels (x, y) in the original image, `visible` is (N, 21) bool: which joints of the
ground truth count. A joint that counts but was not predicted is predicted as NaN. What is averaged over samples is a
share of sums, so that ``bootstrap`` can weigh samples: `share` of summed `right` or `area` and `counted`.
"""

import numpy as np

from maskpose.keypoints import FINGERS

AP_AT = (0.5, 0.75, 0.8)  # Table 1's mask IoUs
AP_RANGE = tuple(np.round(np.arange(0.5, 0.96, 0.05), 2))  # COCO's, of which the mean is taken


def box_size(keypoints, visible):
    """(N,) larger side in pixels of the tight box round each sample's visible keypoints.

    A side is maximum minus minimum, with no +1. Samples with fewer than two visible keypoints have 0.
    """
    return _box_sides(keypoints, visible).max(axis=1)


def box_diagonal(keypoints, visible):
    """(N,) diagonal in pixels of the same box as `box_size`'s."""
    return np.linalg.norm(_box_sides(keypoints, visible), axis=1)


def pixel_errors(predicted, truth, visible):
    """(N, 21) distances in pixels from prediction to truth.

    NaN where a joint does not count, as it is not visible. Infinity where it counts but was not predicted, so that a
    missed hand is wrong at every threshold.
    """
    across, down = np.moveaxis(np.asarray(predicted, float) - truth, -1, 0)
    distances = np.sqrt(across * across + down * down)
    distances[np.isnan(distances)] = np.inf
    distances[~np.asarray(visible, bool)] = np.nan
    return distances


def normalised(errors, sizes):
    """(N, 21) of `pixel_errors` in units of each sample's (N,) size in pixels; NaN where that is 0, too."""
    sizes = np.asarray(sizes, float)
    return errors / np.where(sizes > 0, sizes, np.nan)[:, None]


def normalised_errors(predicted, truth, visible, sizes):
    """(N, 21) `pixel_errors` as `normalised` by each sample's (N,) size in pixels."""
    return normalised(pixel_errors(predicted, truth, visible), sizes)


def counted(errors):
    """(N, 21) bool: the joints that count, of errors from `normalised_errors` or `pixel_errors`."""
    return ~np.isnan(errors)


def right(errors, threshold):
    """(N, 21) bool: errors strictly below the threshold (Eq. 4)."""
    return np.less(errors, threshold)


def area(errors, low, high, steps=None):
    """(N, 21) in 0..1: what part of the thresholds from ``low`` to ``high`` lie above each error; 0 where none counts.

    Its mean over joints that count is the area under their PCK curve, divided by high - low: exactly with ``steps``
    None, else the mean of PCK at the thresholds low + i (high - low) / steps, i = 0 .. steps - 1, as mmpose has it.
    """
    if steps is None:
        return np.nan_to_num(np.clip((high - np.asarray(errors)) / (high - low), 0, 1))
    thresholds = low + np.arange(steps) * (high - low) / steps
    above = steps - np.searchsorted(thresholds, errors, side="right")
    return np.where(counted(errors), above / steps, 0)


def pck(errors, thresholds):
    """(T, 21) share of each joint's counted errors strictly below each of the T thresholds (Eq. 4).

    `errors` is (N, 21) from `normalised_errors`; Eq. 4's validation set is, for each joint, the samples
    where it counts. NaN for a joint that never counts.
    """
    sums = [right(errors, threshold).sum(axis=0) for threshold in np.ravel(thresholds)]
    return share(np.array(sums), counted(errors).sum(axis=0))


def mean_pck(errors, thresholds):
    """(T,) mean of `pck` over the joints that ever count: every joint weighs the same."""
    return mean_over_joints(pck(errors, thresholds))


def pooled_pck(errors, thresholds):
    """(T,) share of all counted errors below each threshold: every visible keypoint weighs the same."""
    return pck(np.reshape(errors, (-1, 1)), thresholds)[:, 0]


def auc(errors, low, high, steps=None):
    """Mean over the joints that ever count of the area under their PCK curve, 0 to 1; ``steps`` as in `area`."""
    return float(mean_over_joints(share(area(errors, low, high, steps).sum(axis=0), counted(errors).sum(axis=0))))


def mean_over_joints(per_joint):
    """(…) mean of (…, 21) over the joints that are not NaN; NaN where all are."""
    there = ~np.isnan(per_joint)
    return share(np.where(there, per_joint, 0).sum(axis=-1), there.sum(axis=-1))


def mean_over_fingers(per_joint):
    """(…, 5) mean of (…, 21) over each finger's four joints, in the order of skeleton.FINGERS; the wrist is in none."""
    return np.stack([mean_over_joints(per_joint[..., list(joints)]) for joints in FINGERS.values()], axis=-1)


def end_point_error(errors):
    """(mean, median) in pixels over all of `pixel_errors` together; NaN where there are none.

    Missed keypoints are left out, as they have no distance: state their number beside it.
    """
    known = errors[np.isfinite(errors)]
    return (float(known.mean()), float(np.median(known))) if len(known) else (float("nan"), float("nan"))


def mask_iou(predicted, truth, unknown=None):
    """Intersection over union of two (h, w) bool masks, in 0..1; two empty masks agree: 1.0.

    Pixels that ``unknown``, (h, w) bool or None, has and ``truth`` has not count neither in the intersection nor in the
    union. Raises ValueError when the shapes differ.
    """
    predicted, truth = np.asarray(predicted, bool), np.asarray(truth, bool)
    if predicted.shape != truth.shape or (unknown is not None and np.shape(unknown) != truth.shape):
        raise ValueError(f"masks of different shapes: {predicted.shape} and {truth.shape}")
    if unknown is not None:
        predicted = predicted & (truth | ~np.asarray(unknown, bool))
    union = np.count_nonzero(predicted | truth)
    return np.count_nonzero(predicted & truth) / union if union else 1.0


def average_precision(ious, thresholds=AP_AT):
    """(T,) share of the (N,) image IoUs that reach each threshold (Table 1's AP50, AP75, AP80)."""
    reached = np.asarray(ious, float)[None, :] >= np.asarray(thresholds, float)[:, None]
    return share(reached.sum(axis=1), len(ious))


def share(part, whole):
    """part / whole as float, NaN where whole is 0; the shapes broadcast."""
    part, whole = np.broadcast_arrays(part, whole)
    return np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)


def _box_sides(keypoints, visible):
    """(N, 2) width and height in pixels of the tight box round each sample's visible keypoints."""
    counts = np.asarray(visible, bool)[..., None]
    high = np.where(counts, keypoints, -np.inf).max(axis=1)
    low = np.where(counts, keypoints, np.inf).min(axis=1)
    return np.maximum(high - low, 0)
