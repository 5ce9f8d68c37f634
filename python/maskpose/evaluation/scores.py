"""Every score of a set of results, with its 95 % interval. docs/evaluation.md defines each.

All are ratios of sums over images, so that the bootstrap can draw the images anew. The scores themselves count each
image once.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from maskpose.evaluation import bootstrap, metrics
from maskpose.evaluation.protocols import PAPER, Settings, normalised_errors
from maskpose.evaluation.sums import CURVE, ImageSums
from maskpose.keypoints import FINGERS, KEYPOINT_NAMES

if TYPE_CHECKING:
    from maskpose.evaluation.results import Results

GROUPINGS = ("origin", "size")  # what samples are grouped by
SIZES = (  # names of hand sizes, and from which span on: about a tenth, a quarter, half, most of the larger side
    ("to 0.175", 0),
    ("0.175-0.375", 0.175),
    ("0.375-0.65", 0.375),
    ("from 0.65", 0.65),
)
UNKNOWN_SIZE, WITHOUT_HAND = "size not known", "without a hand"  # names of the other groups by size
WITHOUT_ORIGIN = "(no origin)"


def score_results(results: "Results", settings: Settings = PAPER) -> dict[str, Any]:
    """Return all scores of one set of results, as a JSON-able dict.

    >>> from maskpose.evaluation.results import Results
    >>> points = np.linspace((0, 0), (100, 100), 21)[None]
    >>> results = Results(["a.jpg"], np.array([""]), points + 15, np.ones((1, 21)), points, np.ones((1, 21), bool),
    ...                   np.array([[640, 480]]), ious=np.array([0.8]))
    >>> scores = score_results(results)  # every keypoint is 21.2 pixels off, of a box of 100
    >>> scores["pck"]["value"], scores["epe_mean"]["value"], scores["ap"]["AP75"]["value"]
    (0.0, 21.2132, 1.0)

    Args:
        results: one sample or more.
        settings: of a protocol.

    Returns:
        A score is {"value", "low", "high"}, rounded to four places, None if it cannot be computed. Scores: pck,
        pck_pooled, auc, epe_mean, epe_median, mask_iou, found, claimed, each of pck_per_joint and pck_per_finger
        ({name: score}), and of ap ({"AP50", "AP75", "AP80", "AP50:95"}). curve is {"thresholds", "value", "low",
        "high"}, lists, and "per_joint", {name: list of values}. Counts: images, images_missed, with_hand,
        without_hand, keypoints, missed, masks and masks_with_unknown.
    """
    if settings.threshold is not None:
        results = results.above(settings.threshold)
    sums = ImageSums(results, settings)
    once, resampled = bootstrap.resampled_sums(sums.columns, len(results.names), settings.resamples, settings.seed)
    ends = {"value": {name: values[0] for name, values in sums.scores(once[None]).items()}, "low": {}, "high": {}}
    for name, values in sums.scores(resampled).items():
        ends["low"][name], ends["high"][name] = bootstrap.interval(values)
    ends["value"]["epe"] = np.array(metrics.end_point_error(sums.pixels))

    def score(name: str, index: int | tuple[()] = ()) -> dict[str, float | None]:
        return {end: _json_number(values[name][index]) for end, values in ends.items()}

    def each(name: str, keys: Any) -> dict[str, dict[str, float | None]]:
        return {key: score(name, index) for index, key in enumerate(keys)}

    errors = sums.errors
    per_keypoint = metrics.pck(errors, CURVE).T
    curve: dict[str, Any] = {end: list(map(_json_number, values["curve"])) for end, values in ends.items()}
    curve["per_joint"] = {name: list(map(_json_number, row)) for name, row in zip(KEYPOINT_NAMES, per_keypoint)}
    has_iou = ~np.isnan(results.ious)
    return {
        "images": len(results.names),
        "images_missed": int(results.missed.sum()) if results.pose else 0,
        "with_hand": int(sums.with_hand.sum()),
        "found": score("found"),
        "without_hand": int(results.without_hand.sum()),
        "claimed": score("claimed"),
        "keypoints": int(metrics.is_valid(errors).sum()),
        "missed": int(np.isinf(errors).sum()),
        "pck": score("pck"),
        "pck_pooled": score("pooled"),
        "pck_per_finger": each("fingers", FINGERS),
        "pck_per_joint": each("keypoints", KEYPOINT_NAMES),
        "auc": score("auc"),
        "curve": {"thresholds": CURVE.tolist(), **curve},
        "epe_mean": score("epe", 0),
        "epe_median": score("epe", 1),
        "masks": int(has_iou.sum()),
        "masks_with_unknown": int((results.unknown & has_iou).sum()),
        "mask_iou": score("iou"),
        "ap": {**each("ap", [f"AP{round(100 * t)}" for t in metrics.AP_THRESHOLDS]), "AP50:95": score("mean_ap")},
    }


def mean_scores(results: "Results", settings: Settings = PAPER) -> tuple[float, float]:
    """Return mean PCK and mean mask IoU, 0 to 1, as ``score_results`` has them; NaN if nothing can be scored."""
    ious = results.ious[~np.isnan(results.ious)]
    pck = metrics.mean_pck(normalised_errors(results, settings), [settings.at])[0]
    return float(pck), float(ious.mean()) if len(ious) else np.nan


def scores_by_origin(results: "Results", settings: Settings = PAPER) -> dict[str, dict[str, Any]]:
    """Return the scores of "all" and of each origin; of "all" alone if there is one origin."""
    table = {"all": score_results(results, settings)}
    groups = group_names(results, "origin")
    origins = sorted(set(groups))
    if len(origins) > 1:
        for origin in origins:
            table[str(origin)] = score_results(results.subset(groups == origin), settings)
    return table


def scores_by_size(results: "Results", settings: Settings = PAPER) -> dict[str, dict[str, Any]]:
    """Return the scores of "all" and of each group of hands by size, small to large.

    After them come hands with fewer than two visible keypoints, whose size is unknown, and images without a hand.
    """
    table = {"all": score_results(results, settings)}
    groups = group_names(results, "size")
    for name in (*dict(SIZES), UNKNOWN_SIZE, WITHOUT_HAND):
        if (groups == name).any():
            table[name] = score_results(results.subset(groups == name), settings)
    return table


def group_names(results: "Results", by: str = "origin") -> npt.NDArray[np.str_]:
    """Return the name of each sample's group, (N,), by one of GROUPINGS."""
    if by == "origin":
        return np.where(results.origins == "", WITHOUT_ORIGIN, results.origins)
    names, starts = map(np.array, zip(*SIZES))
    by_size = names[np.searchsorted(starts, results.spans, side="right") - 1]
    return np.where(results.without_hand, WITHOUT_HAND, np.where(results.spans > 0, by_size, UNKNOWN_SIZE))


def _json_number(value: float) -> float | None:
    """Return a float for JSON, None for NaN."""
    return None if np.isnan(value) else round(float(value), 4)
