"""Results on images of two hands: each sample beside the next, at the same height."""

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from maskpose import geometry
from maskpose.data.sample import Sample
from maskpose.errors import InputError, printable
from maskpose.evaluation.evaluate import ResultRows
from maskpose.evaluation.results import Results
from maskpose.inference.hand import Hand
from maskpose.io.progress import progress_bar

if TYPE_CHECKING:
    from maskpose.inference.predictor import Predictor

MAX_DISTANCE = 0.25  # from a labelled hand's middle to a predicted one's, in larger sides of the image


def predict_pairs(predictor: "Predictor", samples: Iterable[Sample], description: str = "pairs") -> Results:
    """Return the results of Predictor.predict_hands on images of two hands.

    Labelled and predicted hands are matched by the distance of their middles, nearest first, each once. A labelled hand
    without a predicted one within MAX_DISTANCE is missed. A sample without visible keypoints takes part in no match: of
    the hands that are left, it gets the one whose middle lies on it. Keypoints are in the sample's own pixels; masks
    are not compared.

    Args:
        predictor: finds the hands.
        samples: two or more; the last of an odd number is left out, which stderr reports.
        description: of the progress bar.

    Raises:
        InputError: there are fewer than two samples.
    """
    samples = list(samples)
    if len(samples) < 2:
        raise InputError(f"pairs are of two images each, and here are {len(samples)}")
    if len(samples) % 2:
        tqdm.write(f"left out: {printable(samples[-1].name)}: no image is left to make a pair with", file=sys.stderr)
    rows = ResultRows(pose=True)
    for pair in progress_bar(list(zip(samples[::2], samples[1::2])), desc=description, unit="pair"):
        image, to_image = side_by_side(*(sample.decode_image() for sample in pair))
        hands = predictor.predict_hands(image, 2)
        matched = _match_hands(pair, to_image, hands, MAX_DISTANCE * max(image.shape[:2]))
        for sample, affine, hand in zip(pair, to_image, matched):
            if hand is None:
                rows.add_miss(sample)
            else:
                keypoints = geometry.apply(geometry.invert(affine), hand.keypoints)
                rows.add(sample, keypoints, hand.confidences, np.nan, hand)
    return rows.results()


def _match_hands(
    samples: Sequence[Sample], to_image: Sequence[npt.NDArray[np.float64]], hands: Sequence[Hand], farthest: float
) -> list[Hand | None]:
    """Return the predicted hand of each sample, or None.

    Args:
        samples: lie in one image.
        to_image: their 2x3 maps into it.
        hands: predicted in that image.
        farthest: distance of the middles up to which hands match, pixels.
    """
    middles = np.reshape([hand.keypoints.mean(axis=0) for hand in hands], (-1, 2))
    distances = np.full((len(samples), len(hands)), np.inf)
    for n, (sample, affine) in enumerate(zip(samples, to_image)):
        if sample.visible.any():
            truth = geometry.apply(affine, sample.keypoints[sample.visible]).mean(axis=0)
            distances[n] = np.nan_to_num(np.linalg.norm(middles - truth, axis=1), nan=np.inf)
    chosen: dict[int, int] = {}  # numbers of hands by numbers of samples
    while distances.size and distances.min() <= farthest:
        n, number = map(int, np.unravel_index(distances.argmin(), distances.shape))
        chosen[n] = number
        distances[n], distances[:, number] = np.inf, np.inf
    for n, (sample, affine) in enumerate(zip(samples, to_image)):
        if not sample.visible.any():
            on_it = geometry.inside(geometry.apply(geometry.invert(affine), middles), sample.width, sample.height)
            free = [number for number in np.flatnonzero(on_it).tolist() if number not in chosen.values()]
            if free:
                chosen[n] = free[0]
    return [hands[chosen[n]] if n in chosen else None for n in range(len(samples))]


def side_by_side(
    left: npt.NDArray[np.uint8], right: npt.NDArray[np.uint8]
) -> tuple[npt.NDArray[np.uint8], list[npt.NDArray[np.float64]]]:
    """Return one image of two (h, w, 3), the lower one enlarged to the other's height, and the 2x3 maps into it."""
    height = max(len(left), len(right))
    parts, affines, x = [], [], 0
    for image in (left, right):
        width = max(1, round(image.shape[1] * height / len(image)))
        parts.append(cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR))
        affines.append(geometry.compose(geometry.translation(x, 0), geometry.scale_affine(height / len(image))))
        x += width
    return np.hstack(parts), affines
