"""Whether each hand was found, and hands that were claimed in images without one."""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from maskpose.evaluation import metrics

if TYPE_CHECKING:
    from maskpose.evaluation.results import Results

MAX_MEDIAN_ERROR = 0.5  # of the box's larger side: with a smaller median error, a hand is at its place


def hands_found(results: "Results") -> npt.NDArray[np.float64]:
    """Return for each sample 1 if its hand is found, 0 if not, and NaN if it has no hand or one of unknown size, (N,).

    A hand is found if the predictor claims one and it is at its place, as ``hands_at_place`` says.
    """
    at_place = hands_at_place(results)
    return np.where(np.isnan(at_place), np.nan, results.claimed & (at_place == 1))


def hands_at_place(results: "Results") -> npt.NDArray[np.float64]:
    """Return for each sample 1 if its hand is predicted at its place, 0 if not, NaN as in ``hands_found``, (N,).

    It is if the median error of its visible keypoints is below MAX_MEDIAN_ERROR; a missed one is infinitely far off.
    """
    sides = metrics.box_size(results.truth, results.visible)
    errors = metrics.normalised_errors(results.predicted, results.truth, results.visible, sides)
    found, with_hand = np.full(len(errors), np.nan), (sides > 0) & results.pose
    found[with_hand] = np.nanmedian(errors[with_hand], axis=1) < MAX_MEDIAN_ERROR
    return found


def detection_curve(
    results: "Results",
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]] | None:
    """Return what each threshold of Hand.score would give, three arrays of one length.

    Returns:
        Thresholds from 0 to 1; the fraction of hands that are at their place and reach the threshold; the fraction of
        images without a hand that reach it. None if there are no hands, no images without one, or no scores.
    """
    at_place, without = hands_at_place(results), results.without_hand
    with_hand = ~np.isnan(at_place)
    if not with_hand.any() or not without.any() or np.isnan(results.scores).any():
        return None
    thresholds = np.linspace(0, 1, 201)
    passes = results.scores >= thresholds[:, None]
    return thresholds, (passes & (at_place == 1))[:, with_hand].mean(axis=1), passes[:, without].mean(axis=1)
