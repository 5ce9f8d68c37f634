"""Figures with 95 % intervals, over photographs and over the seeds of training, and differences between networks.

The photographs are drawn anew as ``evaluation.scoring`` does; all networks and seeds are scored on the same draws, so
that a difference is paired. Of several seeds the mean is taken; its interval joins what the photographs leave open, by
those draws, and what the chance of training does, by Student's t over the seeds. The lowest and the highest stand
beside it.
"""

from dataclasses import asdict, dataclass

import numpy as np

from maskpose.errors import InputError
from maskpose.evaluation import bootstrap, scoring

FIGURES = {  # of scoring.Sums.figures
    "PCK@0.2": lambda all: all["pck"],
    "AUC": lambda all: all["auc"],
    "mask IoU": lambda all: all["iou"],
    "AP50": lambda all: all["ap"][:, 0],
    "AP75": lambda all: all["ap"][:, 1],
    "AP80": lambda all: all["ap"][:, 2],
    "curve": lambda all: all["curve"],
}
DIGITS = 4
STUDENT = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)  # t of 95 % for 1, 2, … degrees of freedom


@dataclass
class Drawn:
    """The figures of one network's predictions, trained with one seed, on N photographs."""

    names: list  # of the photographs
    once: dict  # {figure: float, curve: (T,)} of each photograph once
    resampled: dict  # {figure: (R,), curve: (R, T)} of N drawn anew


@dataclass
class Estimate:
    """A mean over seeds, its interval, and the lowest and highest seed; floats, or (T,) of a curve."""

    value: object
    low: object
    high: object
    lowest: object
    highest: object
    seeds: int

    def document(self):
        """JSON-able, rounded; None for what cannot be had."""
        return {name: _rounded(value) for name, value in asdict(self).items()}


def draw(results, settings=scoring.PROTOCOLS["paper"]):
    """The Drawn figures of a maskpose.evaluation.evaluate.Results."""
    sums = scoring.Sums(results, settings)
    once, resampled = bootstrap.resampled_sums(sums.columns, len(results.names), settings.resamples, settings.seed)
    once, resampled = sums.figures(once[None]), sums.figures(resampled)
    return Drawn(
        results.names,
        {name: figure(once)[0] for name, figure in FIGURES.items()},
        {name: figure(resampled) for name, figure in FIGURES.items()},
    )


def estimate(seeds, figure):
    """The Estimate of a figure of FIGURES, a share, of a list of Drawn, one a seed."""
    return _over_seeds([one.once[figure] for one in seeds], [one.resampled[figure] for one in seeds], least=0)


def difference(firsts, seconds, figure):
    """(Estimate over all seeds, [Estimate a seed]) of first - second, paired by photograph and by seed.

    firsts, seconds: lists of Drawn, of the same seeds. Raises InputError where they are of other photographs.
    """
    if any(first.names != second.names for first, second in zip(firsts, seconds, strict=True)):
        raise InputError("networks can be compared on the same photographs alone")
    once = [first.once[figure] - second.once[figure] for first, second in zip(firsts, seconds)]
    drawn = [first.resampled[figure] - second.resampled[figure] for first, second in zip(firsts, seconds)]
    return _over_seeds(once, drawn), [_over_seeds([one], [many]) for one, many in zip(once, drawn)]


def _over_seeds(once, resampled, least=-1):
    """The Estimate of S values, from ``least`` to 1, and their (S, R, …) resampled ones."""
    count, value = len(once), np.mean(once, axis=0)
    low, high = bootstrap.interval(np.mean(resampled, axis=0))
    if count > 1:  # independent of one another: their squares add up
        chance = STUDENT[min(count - 1, len(STUDENT)) - 1] * np.std(once, axis=0, ddof=1) / np.sqrt(count)
        low, high = value - np.hypot(value - low, chance), value + np.hypot(high - value, chance)
        low, high = np.clip(low, least, 1), np.clip(high, least, 1)
    return Estimate(value, low, high, np.min(once, axis=0), np.max(once, axis=0), count)


def _rounded(value):
    if isinstance(value, int):
        return value
    if np.ndim(value):
        return [_rounded(one) for one in value]
    return None if np.isnan(value) else round(float(value), DIGITS)
