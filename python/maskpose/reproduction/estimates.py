"""Scores with 95 % intervals over images and over the seeds of training, and differences between networks.

Images are resampled as ``evaluation.scores`` does. All networks and seeds are scored on the same resamples, so that a
difference is paired. The mean over several seeds has an interval of two independent parts: the images', by the
resamples, and that of the chance of training, by Student's t over the seeds.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from maskpose.errors import InputError
from maskpose.evaluation import bootstrap, protocols
from maskpose.evaluation.results import Results
from maskpose.evaluation.sums import ImageSums

NUMBERS = {  # {name: how to take it from ImageSums.scores}
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
class Resampled:
    """The scores of one network, trained with one seed, on N images and on R resamples of them."""

    names: Sequence[str]  # of the images
    once: dict[str, Any]  # {number: float; curve: (T,)}, of each image once
    resampled: dict[str, npt.NDArray[np.float64]]  # {number: (R,); curve: (R, T)}


@dataclass
class Estimate:
    """A mean over seeds, its interval, and the lowest and the highest seed's: floats, or (T,) arrays of a curve."""

    value: Any
    low: Any
    high: Any
    lowest: Any
    highest: Any
    seeds: int

    def document(self) -> dict[str, Any]:
        """Return it JSON-able and rounded, with None for NaN."""
        return {name: _rounded(value) for name, value in asdict(self).items()}


def resample(results: Results, settings: protocols.Settings = protocols.PROTOCOLS["paper"]) -> Resampled:
    """Return the scores of results on their images and on resamples of them."""
    sums = ImageSums(results, settings)
    once, resampled = bootstrap.resampled_sums(sums.columns, len(results.names), settings.resamples, settings.seed)
    once, resampled = sums.scores(np.asarray(once)[None]), sums.scores(resampled)
    return Resampled(
        results.names,
        {name: take(once)[0] for name, take in NUMBERS.items()},
        {name: take(resampled) for name, take in NUMBERS.items()},
    )


def estimate(seeds: Sequence[Resampled], number: str) -> Estimate:
    """Return the estimate of a number of NUMBERS over seeds."""
    return _over_seeds([seed.once[number] for seed in seeds], [seed.resampled[number] for seed in seeds], least=0)


def difference(
    firsts: Sequence[Resampled], seconds: Sequence[Resampled], number: str
) -> tuple[Estimate, list[Estimate]]:
    """Return the difference of two networks, first - second, paired by image and by seed.

    Args:
        firsts: of the first network, one for each seed.
        seconds: of the second network, of the same seeds.
        number: of NUMBERS.

    Returns:
        (estimate over all seeds, [estimate of each seed]).

    Raises:
        InputError: the networks were scored on different images.
    """
    if any(first.names != second.names for first, second in zip(firsts, seconds, strict=True)):
        raise InputError("networks can only be compared on the same images")
    once = [first.once[number] - second.once[number] for first, second in zip(firsts, seconds)]
    resampled = [first.resampled[number] - second.resampled[number] for first, second in zip(firsts, seconds)]
    return _over_seeds(once, resampled), [_over_seeds([one], [many]) for one, many in zip(once, resampled)]


def _over_seeds(once, resampled, least=-1):
    """The Estimate of S values, from ``least`` to 1, and of their resamples (S, R, …)."""
    count, value = len(once), np.mean(once, axis=0)
    low, high = bootstrap.interval(np.mean(resampled, axis=0))
    if count > 1:  # the two parts are independent, so their squares add up
        chance = STUDENT[min(count - 1, len(STUDENT)) - 1] * np.std(once, axis=0, ddof=1) / np.sqrt(count)
        low, high = value - np.hypot(value - low, chance), value + np.hypot(high - value, chance)
        low, high = np.clip(low, least, 1), np.clip(high, least, 1)
    return Estimate(value, low, high, np.min(once, axis=0), np.max(once, axis=0), count)


def _rounded(value):
    if isinstance(value, int):
        return value
    if np.ndim(value):
        return [_rounded(item) for item in value]
    return None if np.isnan(value) else round(float(value), DIGITS)
