"""The paper's pictures of two networks beside one another: Fig. 7 (masks), Fig. 8 and 11 (poses)."""

import numpy as np

from maskpose.evaluation import metrics, scoring
from maskpose.evaluation.evaluate import mask_iou
from maskpose.inference.hand import THRESHOLD
from maskpose.visualization import drawing

EACH = 2  # photographs of a kind
TILE = 220, 220
SEED = 1


def choose(gains, each=EACH, seed=SEED):
    """[(kind, index)]: photographs where the gain (N,) is worst, in the middle, best, and some drawn; NaN are left out.

    None comes twice; where there are few photographs, fewer are given.
    """
    gains = np.asarray(gains, float)
    order = [int(n) for n in np.argsort(gains, kind="stable") if not np.isnan(gains[n])]
    middle = max(0, (len(order) - each) // 2)
    drawn = np.random.default_rng(seed).permutation(sorted(order)).tolist()
    kinds = {"worst": order, "middle": order[middle:], "best": order[::-1], "drawn": drawn}
    chosen = {}
    for kind, indices in kinds.items():
        for index in [one for one in indices if one not in chosen][:each]:
            chosen[index] = kind
    return [(kind, index) for index, kind in chosen.items()]


def mask_gains(first, second):
    """(N,) gain in mask IoU of one maskpose.evaluation.evaluate.Results over another on the same photographs."""
    return first.ious - second.ious


def pose_gains(first, second):
    """(N,) gain in the share of a photograph's visible keypoints that are within 0.2 of the box."""
    return _right(first) - _right(second)


def figure7(samples, chosen, with_pose, without):
    """Fig. 7: photograph, mask without and with the pose stage, pose; a row for each of ``chosen``.

    samples: a maskpose.data.database.Reader; with_pose, without: maskpose.inference.predictor.Predictor.
    """
    tiles, captions = [], []
    for kind, index in chosen:
        sample = samples[index]
        image = sample.decode_image()
        hand, bare = with_pose.predict(image), without.predict(image)
        pose = drawing.overlay(image, hand.keypoints, hand.confidences, THRESHOLD)
        tiles += [image, drawing.tint_mask(image, bare.mask), drawing.tint_mask(image, hand.mask), pose]
        one, other = mask_iou(sample, bare.mask), mask_iou(sample, hand.mask)
        captions += [f"{kind}: {sample.name}", f"without pose, IoU {one:.2f}", f"proposed, IoU {other:.2f}", "pose"]
    return drawing.contact_sheet(tiles, 4, TILE, captions)


def figure8(samples, chosen, proposed, other, other_name):
    """Fig. 8: photograph, the other network's pose, the proposed one's, its heatmaps; a row for each of ``chosen``."""
    tiles, captions = [], []
    for kind, index in chosen:
        sample = samples[index]
        image = sample.decode_image()
        parts = drawing.figure_parts(image, [proposed.predict(image)], THRESHOLD)
        tiles += [image, _pose(image, other), parts["pose"], parts["heatmaps"]]
        captions += [f"{kind}: {sample.name}", other_name, "proposed", "heatmaps"]
    return drawing.contact_sheet(tiles, 4, TILE, captions)


def figure11(samples, chosen, proposed, other, other_name):
    """Fig. 11: the other network's poses in the upper row, the proposed one's below."""
    photographs = [samples[index] for _, index in chosen]
    images = [sample.decode_image() for sample in photographs]
    tiles = [_pose(image, other) for image in images] + [_pose(image, proposed) for image in images]
    captions = [f"{other_name}: {sample.name}" for sample in photographs] + ["proposed"] * len(chosen)
    return drawing.contact_sheet(tiles, len(chosen), TILE, captions)


def _pose(image, predictor):
    hand = predictor.predict(image)
    return drawing.overlay(image, hand.keypoints, hand.confidences, THRESHOLD)


def _right(results):
    """(N,) share of each photograph's counted keypoints with an error below the paper's threshold; NaN of none."""
    settings = scoring.PROTOCOLS["paper"]
    counts = scoring.counting(results, settings)
    errors = metrics.normalised_errors(results.predicted, results.truth, counts, scoring.sizes(results, settings))
    return metrics.share(metrics.right(errors, settings.at).sum(axis=1), metrics.counted(errors).sum(axis=1))
