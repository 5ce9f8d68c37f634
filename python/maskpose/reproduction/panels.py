"""The paper's figures of images with the results of two networks: Fig. 7 (masks), Fig. 8 and 11 (poses)."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from maskpose.data.database import Reader
from maskpose.evaluation import metrics, protocols
from maskpose.evaluation.evaluate import sample_mask_iou
from maskpose.evaluation.results import Results
from maskpose.inference.hand import THRESHOLD
from maskpose.inference.predictor import Predictor
from maskpose.visualization import drawing, sheets

EACH = 2  # images of each kind
TILE = 220, 220  # pixels (w, h)
SEED = 1

Image = npt.NDArray[np.uint8]  # (h, w, 3) BGR


def choose(gains: npt.ArrayLike, each: int = EACH, seed: int = SEED) -> list[tuple[str, int]]:
    """Choose the images with the worst, middle and best gains, and some at random.

    Args:
        gains: (N,) one for each image; images with NaN are left out.
        each: how many of each kind; fewer if there are few images, as none is chosen twice.
        seed: of the random ones.

    Returns:
        [(kind, index of the image)].
    """
    gains = np.asarray(gains, float)
    order = [int(n) for n in np.argsort(gains, kind="stable") if not np.isnan(gains[n])]
    middle = max(0, (len(order) - each) // 2)
    drawn = np.random.default_rng(seed).permutation(sorted(order)).tolist()
    kinds = {"worst": order, "middle": order[middle:], "best": order[::-1], "drawn": drawn}
    chosen = {}
    for kind, indices in kinds.items():
        for index in [n for n in indices if n not in chosen][:each]:
            chosen[index] = kind
    return [(kind, index) for index, kind in chosen.items()]


def mask_gains(first: Results, second: Results) -> npt.NDArray[np.float64]:
    """Return the gain in mask IoU of the first results over the second, (N,), on the same images."""
    return first.ious - second.ious


def pose_gains(first: Results, second: Results) -> npt.NDArray[np.float64]:
    """Return the gain in the share of an image's visible keypoints with an error below 0.2 of the box, (N,)."""
    return _share_correct(first) - _share_correct(second)


def figure7(samples: Reader, chosen: Sequence[tuple[str, int]], with_pose: Predictor, without: Predictor) -> Image:
    """Return Fig. 7: image, mask without and with the pose stage, and pose.

    Args:
        samples: the database.
        chosen: what ``choose`` returned; one row for each.
        with_pose: the network with the pose stage.
        without: the one without it.
    """
    tiles, captions = [], []
    for kind, index in chosen:
        sample = samples[index]
        image = sample.decode_image()
        hand, bare = with_pose.predict(image), without.predict(image)
        assert hand.mask is not None and bare.mask is not None  # both networks have the mask stage
        pose = drawing.overlay(image, hand.keypoints, hand.confidences, THRESHOLD)
        tiles += [image, drawing.tint_mask(image, bare.mask), drawing.tint_mask(image, hand.mask), pose]
        ious = [f"IoU {sample_mask_iou(sample, mask):.2f}" for mask in (bare.mask, hand.mask)]
        captions += [f"{kind}: {sample.name}", f"without pose, {ious[0]}", f"proposed, {ious[1]}", "pose"]
    return sheets.contact_sheet(tiles, 4, TILE, captions)


def figure8(
    samples: Reader, chosen: Sequence[tuple[str, int]], proposed: Predictor, other: Predictor, other_name: str
) -> Image:
    """Return Fig. 8: image, the other network's pose, the proposed one's, and its heatmaps.

    Args:
        samples: the database.
        chosen: what ``choose`` returned; one row for each.
        proposed: the proposed network.
        other: the other network.
        other_name: its name in captions.
    """
    tiles, captions = [], []
    for kind, index in chosen:
        sample = samples[index]
        image = sample.decode_image()
        parts = drawing.figure_panels(image, [proposed.predict(image)], THRESHOLD)
        tiles += [image, _pose(image, other), parts["pose"], parts["heatmaps"]]
        captions += [f"{kind}: {sample.name}", other_name, "proposed", "heatmaps"]
    return sheets.contact_sheet(tiles, 4, TILE, captions)


def figure11(
    samples: Reader, chosen: Sequence[tuple[str, int]], proposed: Predictor, other: Predictor, other_name: str
) -> Image:
    """Return Fig. 11: the other network's poses above the proposed one's; arguments as ``figure8``."""
    shown = [samples[index] for _, index in chosen]
    images = [sample.decode_image() for sample in shown]
    tiles = [_pose(image, other) for image in images] + [_pose(image, proposed) for image in images]
    captions = [f"{other_name}: {sample.name}" for sample in shown] + ["proposed"] * len(chosen)
    return sheets.contact_sheet(tiles, len(chosen), TILE, captions)


def _pose(image, predictor):
    hand = predictor.predict(image)
    return drawing.overlay(image, hand.keypoints, hand.confidences, THRESHOLD)


def _share_correct(results):
    """(N,) share of an image's valid keypoints with an error below the paper's threshold; NaN if none is valid."""
    errors = protocols.normalised_errors(results)
    correct = metrics.is_correct(errors, protocols.PAPER.at)
    return metrics.safe_divide(correct.sum(axis=1), metrics.is_valid(errors).sum(axis=1))
