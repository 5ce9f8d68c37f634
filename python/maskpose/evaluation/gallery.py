"""The images on which predictions are worst, best or in between: truth and prediction side by side."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from maskpose.data.sample import Sample
from maskpose.evaluation.protocols import PAPER, Settings, normalised_errors
from maskpose.inference.hand import Hand
from maskpose.visualization import drawing, sheets

if TYPE_CHECKING:
    from maskpose.evaluation.results import Results

MAX_ERROR = 1.0  # in units of the normaliser: how much further off a keypoint is does not matter
TILE = (220, 220)  # pixels
COLUMNS = 8


class HandFinder(Protocol):
    """What ``comparison_sheet`` needs of a maskpose.Predictor."""

    def predict(self, image: npt.NDArray[np.uint8], /) -> Hand:
        """Return the hand in an image."""
        ...


def worst_first(errors: npt.NDArray[np.floating]) -> npt.NDArray[np.integer]:
    """Return the numbers of the samples with a valid keypoint, those with the largest errors first.

    Args:
        errors: (N, 21) of protocols.normalised_errors. A sample's are averaged, each at most MAX_ERROR.
    """
    valid = ~np.isnan(errors).all(axis=1)
    means = np.nanmean(np.minimum(errors[valid], MAX_ERROR), axis=1)
    return np.flatnonzero(valid)[np.argsort(-means, kind="stable")]


def comparison_sheet(
    predictor: HandFinder,
    results: "Results",
    samples: Iterable[Sample],
    chosen: Sequence[int] | npt.NDArray[np.integer],
    settings: Settings = PAPER,
) -> npt.NDArray[np.uint8]:
    """Return a contact sheet with two tiles per chosen sample: the truth, and what the predictor finds.

    Every predicted keypoint is drawn, whatever its confidence.

    Args:
        predictor: finds the hands.
        results: the predictor's, on all samples.
        samples: all samples.
        chosen: numbers of samples.
        settings: for the errors in the captions.
    """
    wanted = set(map(int, chosen))
    kept = {n: sample for n, sample in enumerate(samples) if n in wanted}
    tiles, captions = [], []
    for n in map(int, chosen):
        image = kept[n].decode_image()
        hand = predictor.predict(image)
        tiles.append(drawing.draw_labels(image, kept[n]))
        tiles.append(hand.draw(image, threshold=-np.inf))
        captions += [kept[n].name, error_caption(results.subset([n]), settings)]
    return sheets.contact_sheet(tiles, COLUMNS, TILE, captions, group=2)


def error_caption(results: "Results", settings: Settings) -> str:
    """Return how far off one sample's prediction is, in a few words."""
    errors = normalised_errors(results, settings)
    iou = "" if np.isnan(results.ious[0]) else f", IoU {results.ious[0]:.2f}"
    return f"{(errors < settings.at).sum()} of {(~np.isnan(errors)).sum()} within {settings.at:g}{iou}"
