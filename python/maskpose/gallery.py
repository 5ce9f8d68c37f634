"""The photographs on which predictions are worst, best or in between: truth and prediction side by side."""

import numpy as np

from maskpose import drawing, metrics

WORST = 1.0  # error in units of the normaliser beyond which it does not matter how far off a keypoint is
TILE = (220, 220)
COLUMNS = 8


def ranking(results, sizes):
    """Indices of the samples of maskpose.evaluation.Results, worst first: those that have a keypoint to score.

    By the mean of a sample's errors, each at most WORST; ``sizes`` (N,) pixels are what distances are divided by.
    """
    return worst_first(metrics.normalised_errors(results.predicted, results.truth, results.visible, sizes))


def worst_first(errors):
    """Indices of the samples of (N, 21) normalised errors, as ``ranking`` orders them."""
    counted = ~np.isnan(errors).all(axis=1)
    means = np.nanmean(np.minimum(errors[counted], WORST), axis=1)
    return np.flatnonzero(counted)[np.argsort(-means, kind="stable")]


def sheet(predictor, results, samples, chosen):
    """A contact sheet of the ``chosen`` (indices) samples: for each, the truth and what ``predictor`` finds.

    results: the predictor's maskpose.evaluation.Results on all ``samples``, an iterable. Every keypoint found is drawn,
    however sure.
    """
    wanted = set(map(int, chosen))
    kept = {n: sample for n, sample in enumerate(samples) if n in wanted}
    tiles, captions = [], []
    for n in chosen:
        sample = kept[int(n)]
        image, truth = sample.decode_image(), sample.decode_mask()
        hand = predictor.predict(image)
        tiles.append(drawing.overlay(image, sample.keypoints, sample.visible.astype(float), 0.5, truth))
        tiles.append(hand.draw(image, threshold=-np.inf))
        captions += [sample.name, _figures(results, n)]
    return drawing.contact_sheet(tiles, COLUMNS, TILE, captions, group=2)


def _figures(results, n):
    """How far off sample ``n`` is, in a few words."""
    one = results.subset([n])
    errors = metrics.normalised_errors(one.predicted, one.truth, one.visible, metrics.box_size(one.truth, one.visible))
    right = np.nansum(errors < 0.2)
    iou = "" if np.isnan(one.ious[0]) else f", IoU {one.ious[0]:.2f}"
    return f"{right} of {one.visible.sum()} within 0.2{iou}"
