"""The photographs on which predictions are worst, best or in between: truth and prediction side by side."""

import numpy as np

from maskpose.evaluation import scoring
from maskpose.visualization import drawing

WORST = 1.0  # error in units of the normaliser beyond which it does not matter how far off a keypoint is
TILE = (220, 220)
COLUMNS = 8


def worst_first(errors):
    """Indices of the samples of (N, 21) errors of ``scoring``, worst first: those with a joint that counts.

    By the mean of a sample's errors, each at most WORST.
    """
    counted = ~np.isnan(errors).all(axis=1)
    means = np.nanmean(np.minimum(errors[counted], WORST), axis=1)
    return np.flatnonzero(counted)[np.argsort(-means, kind="stable")]


def sheet(predictor, results, samples, chosen, settings=scoring.PROTOCOLS["paper"]):
    """A contact sheet of the ``chosen`` (indices) samples: for each, the truth and what ``predictor`` finds.

    results: the predictor's Results on all ``samples``, an iterable; settings: maskpose.evaluation.scoring's,
    of the captions. Every keypoint found is drawn, however sure.
    """
    wanted = set(map(int, chosen))
    kept = {n: sample for n, sample in enumerate(samples) if n in wanted}
    tiles, captions = [], []
    for n in chosen:
        sample = kept[int(n)]
        image = sample.decode_image()
        hand = predictor.predict(image)
        tiles.append(drawing.labelled(image, sample))
        tiles.append(hand.draw(image, threshold=-np.inf))
        captions += [sample.name, _figures(results.subset([n]), settings)]
    return drawing.contact_sheet(tiles, COLUMNS, TILE, captions, group=2)


def _figures(one, settings):
    """How far off one sample's Results are, in a few words."""
    errors = scoring.errors(one, settings)
    iou = "" if np.isnan(one.ious[0]) else f", IoU {one.ious[0]:.2f}"
    return f"{(errors < settings.at).sum()} of {(~np.isnan(errors)).sum()} within {settings.at:g}{iou}"
