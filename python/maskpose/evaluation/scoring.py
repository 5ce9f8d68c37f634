"""Every number that is said of predictions, with its 95 % interval, and the settings that it depends on.

All are shares of sums over photographs, so that the bootstrap can draw the photographs anew (``bootstrap``): the
numbers themselves are those of each photograph once.
"""

from dataclasses import dataclass

import numpy as np

from maskpose.errors import InputError
from maskpose.evaluation import bootstrap, metrics
from maskpose.keypoints import FINGERS, KEYPOINT_NAMES
from maskpose.model.variants import KEYPOINTS

CURVE = np.round(np.arange(0, 0.505, 0.01), 2)  # thresholds of the curve, in units of the normaliser
PARTS = ("origin", "size")  # what samples are divided by
SPANS = (  # of the hand, from what part of the photograph's larger side on: about a tenth, a quarter, half, most of it
    ("to 0.175", 0),
    ("0.175-0.375", 0.175),
    ("0.375-0.65", 0.375),
    ("from 0.65", 0.65),
)
UNKNOWN_SIZE, WITHOUT_HAND = "size not known", "without a hand"  # what other samples are called
FOUND_AT = 0.5  # of the box's larger side: the median error of a hand's keypoints below which it is found
NORMALISERS = {
    "box": "larger side of the tight box of the ground-truth keypoints that count",
    "diagonal": "diagonal of that box",
    "image": "larger side of the photograph",
    "crop": "width of the photograph / 2.2, as NSRMhand's crops have it",
    "dataset": "larger side of the data set's own box, from its annotations",
    "head": "size of the person's head, from the data set's annotations",
    "pixels": "none: thresholds are hundreds of pixels",
}
ANNOTATED = ("dataset", "head")  # those that need maskpose.evaluation.evaluate.Results.with_sizes
JOINTS = {"visible": "visible joints", "all": "all joints that have a position, seen or not"}
NSRM_CROP = 2.2  # sides of the hand's box in NSRMhand's crops
PIXELS = 100.0  # of the normaliser "pixels"
NEAR_MEDIAN = 101  # pixel errors about the median at which resamples are counted
RANGE = 6  # standard errors of the median's rank that they reach to


@dataclass(frozen=True)
class Settings:
    """What the numbers depend on besides the predictions."""

    normaliser: str = "box"  # one of NORMALISERS: what distances are divided by
    joints: str = "visible"  # one of JOINTS: which of them count
    at: float = 0.2  # threshold of PCK
    threshold: float | None = None  # joints of lower confidence count as not found; None: the best position always
    auc: tuple = (0.0, 0.5)  # thresholds over which the area under PCK's curve is taken
    auc_steps: int | None = None  # None: exactly; else as metrics.area says
    auc_pixels: float | None = None  # errors for the area are divided by so many pixels; None: by the normaliser
    resamples: int = 1000  # of the bootstrap
    seed: int = 0

    def __post_init__(self):
        """Raises InputError for a normaliser or joints that there are not."""
        for name, known in (("normaliser", NORMALISERS), ("joints", JOINTS)):
            if getattr(self, name) not in known:
                raise InputError(f"unknown {name} {getattr(self, name)!r}: expected one of {', '.join(known)}")

    def __str__(self):
        """One line for people."""
        steps = "" if self.auc_steps is None else f" in {self.auc_steps} steps"
        unit = "" if self.auc_pixels is None else f" of {self.auc_pixels:g} pixels"
        return (
            f"normaliser: {NORMALISERS[self.normaliser]}; strict <; {JOINTS[self.joints]}; PCK per joint, then the "
            f"mean; AUC from {self.auc[0]:g} to {self.auc[1]:g}{unit}{steps}"
        )


PROTOCOLS = {
    "paper": Settings(),  # Sec. 4.2
    "mmpose": Settings("dataset", auc=(0.0, 1.0), auc_steps=20, auc_pixels=30.0),  # its OneHand10K results
    "nsrm": Settings("crop", "all", at=0.1),  # NSRMhand, on its crops
}


def sizes(results, settings=PROTOCOLS["paper"]):
    """(N,) lengths in pixels that distances are divided by, for the settings' normaliser.

    results: a Results. Raises InputError where the normaliser is of annotations that it does not
    have.
    """
    counts = counting(results, settings)
    if settings.normaliser == "box":
        return metrics.box_size(results.truth, counts)
    if settings.normaliser == "diagonal":
        return metrics.box_diagonal(results.truth, counts)
    if settings.normaliser == "image":
        return results.image_sizes.max(axis=1).astype(float)
    if settings.normaliser == "crop":
        return results.image_sizes[:, 0] / NSRM_CROP
    if settings.normaliser == "pixels":
        return np.full(len(results.names), PIXELS)
    if settings.normaliser not in results.annotated:
        raise InputError(f"the normaliser {settings.normaliser} needs the data set's annotations (--annotations FILE)")
    return results.annotated[settings.normaliser]


def counting(results, settings):
    """(N, 21) bool: the joints that count. Without a pose stage, none: nothing to score, rather than all wrong."""
    counts = results.visible
    if settings.joints == "all":
        counts = counts | ~((results.truth == -1).any(axis=2) | (results.truth == 0).all(axis=2))
    return counts & results.pose


def errors(results, settings=PROTOCOLS["paper"]):
    """(N, 21) distances in units of the settings' normaliser; inf where a joint that counts was not found, or is no
    more sure than the settings' threshold; NaN where a joint does not count. Raises InputError as ``sizes`` does.
    """
    if settings.threshold is not None:
        results = results.above(settings.threshold)
    counts = counting(results, settings)
    return metrics.normalised_errors(results.predicted, results.truth, counts, sizes(results, settings))


def mean_scores(results, settings=PROTOCOLS["paper"]):
    """(mean PCK, mean mask IoU), 0 to 1, as ``scores`` has them; NaN where no keypoint, or no mask, can be scored."""
    ious = results.ious[~np.isnan(results.ious)]
    pck = metrics.mean_pck(errors(results, settings), [settings.at])[0]
    return float(pck), float(ious.mean()) if len(ious) else np.nan


def scores(results, settings=PROTOCOLS["paper"]):
    """All figures of one set of results, as a JSON-able dict; docs/evaluation.md defines each.

    A figure is {"value", "low", "high"}, rounded to four places, None where it cannot be had: pck, pck_pooled, auc,
    epe_mean, epe_median, mask_iou, found, claimed, those in pck_per_joint and pck_per_finger ({name: figure}) and in ap
    ({"AP50", "AP75", "AP80", "AP50:95"}). curve is {"thresholds", "value", "low", "high"} of lists and "per_joint",
    {name: list} of values alone. images, images_missed, with_hand, without_hand, keypoints, missed, masks and
    masks_with_unknown are counts.
    """
    if settings.threshold is not None:
        results = results.above(settings.threshold)
    sums = Sums(results, settings)
    once, resampled = bootstrap.resampled_sums(sums.columns, len(results.names), settings.resamples, settings.seed)
    values = {name: value[0] for name, value in sums.figures(once[None]).items()}
    low, high = {}, {}
    for name, numbers in sums.figures(resampled).items():
        low[name], high[name] = bootstrap.interval(numbers)
    values["epe"] = np.array(metrics.end_point_error(sums.pixels))

    def figure(name, index=()):
        return {key: _number(of[name][index]) for key, of in (("value", values), ("low", low), ("high", high))}

    def figures(name, keys):
        return {key: figure(name, index) for index, key in enumerate(keys)}

    curve = {key: list(map(_number, of["curve"])) for key, of in (("value", values), ("low", low), ("high", high))}
    errors = sums.errors
    per_joint = metrics.pck(errors, CURVE).T
    curve["per_joint"] = {name: list(map(_number, values)) for name, values in zip(KEYPOINT_NAMES, per_joint)}
    return {
        "images": len(results.names),
        "images_missed": int(results.missed.sum()) if results.pose else 0,
        "with_hand": int(sums.with_hand.sum()),
        "found": figure("found"),
        "without_hand": int(results.without_hand.sum()),
        "claimed": figure("claimed"),
        "keypoints": int(metrics.counted(errors).sum()),
        "missed": int(np.isinf(errors).sum()),
        "pck": figure("pck"),
        "pck_pooled": figure("pooled"),
        "pck_per_finger": figures("fingers", FINGERS),
        "pck_per_joint": figures("joints", KEYPOINT_NAMES),
        "auc": figure("auc"),
        "curve": {"thresholds": CURVE.tolist(), **curve},
        "epe_mean": figure("epe", 0),
        "epe_median": figure("epe", 1),
        "masks": int((~np.isnan(results.ious)).sum()),
        "masks_with_unknown": int((results.unknown & ~np.isnan(results.ious)).sum()),
        "mask_iou": figure("iou"),
        "ap": {**figures("ap", [f"AP{round(100 * t)}" for t in metrics.AP_AT]), "AP50:95": figure("mean_ap")},
    }


def scores_by_origin(results, settings=PROTOCOLS["paper"]):
    """{"all": scores, origin: scores …}; only "all" where the database names no origins."""
    table = {"all": scores(results, settings)}
    parts = parts_of(results, "origin")
    origins = sorted(set(parts))
    if len(origins) > 1:
        for origin in origins:
            table[str(origin)] = scores(results.subset(parts == origin), settings)
    return table


def scores_by_size(results, settings=PROTOCOLS["paper"]):
    """{"all": scores, size: scores …}: by what part of the photograph's larger side the hand spans, small to large.

    Then hands without two visible keypoints, whose size is not known, and images without a hand.
    """
    table = {"all": scores(results, settings)}
    parts = parts_of(results, "size")
    for name in (*dict(SPANS), UNKNOWN_SIZE, WITHOUT_HAND):
        if (parts == name).any():
            table[name] = scores(results.subset(parts == name), settings)
    return table


def parts_of(results, by="origin"):
    """(N,) str: what ``scores_by_origin``, or ``scores_by_size`` (by="size"), calls the part that each sample is in."""
    if by == "origin":
        return np.where(results.sources == "", "(no origin)", results.sources)
    names, beginnings = map(np.array, zip(*SPANS))
    sized = names[np.searchsorted(beginnings, results.spans, side="right") - 1]
    return np.where(results.without_hand, WITHOUT_HAND, np.where(results.spans > 0, sized, UNKNOWN_SIZE))


def hand_found(results):
    """(N,) float: 1 if the sample's hand is found, 0 if not, NaN if it has none whose size is known.

    It is found if the predictor claims a hand and the median error of the visible keypoints, those that were not
    predicted infinitely far off, is below FOUND_AT of the larger side of their box.
    """
    at_place = hand_at_place(results)
    return np.where(np.isnan(at_place), np.nan, results.claimed & (at_place == 1))


def hand_at_place(results):
    """The same, whether the predictor claims a hand or not."""
    sides = metrics.box_size(results.truth, results.visible)
    errors = metrics.normalised_errors(results.predicted, results.truth, results.visible, sides)
    found, with_hand = np.full(len(errors), np.nan), (sides > 0) & results.pose
    found[with_hand] = np.nanmedian(errors[with_hand], axis=1) < FOUND_AT
    return found


def found_against_false(results):
    """What each threshold of Hand.score would do: (thresholds, found, claimed), float arrays of one length.

    found: the share of hands that are at their place and have a score of the threshold or more; claimed: the share of
    images without a hand that have. From 0 to 1. None where there are no hands, no images without one, or no scores.
    """
    at_place, without = hand_at_place(results), results.without_hand
    with_hand = ~np.isnan(at_place)
    if not with_hand.any() or not without.any() or np.isnan(results.scores).any():
        return None
    thresholds = np.linspace(0, 1, 201)
    passes = results.scores >= thresholds[:, None]
    return thresholds, (passes & (at_place == 1))[:, with_hand].mean(axis=1), passes[:, without].mean(axis=1)


class Sums:
    """What each photograph adds to the sums that all figures are shares of, and the figures of such sums."""

    def __init__(self, results, settings):
        counts = counting(results, settings)
        self.pixels = metrics.pixel_errors(results.predicted, results.truth, counts)
        self.errors = metrics.normalised(self.pixels, sizes(results, settings))
        self._in_area = self.pixels / settings.auc_pixels if settings.auc_pixels else self.errors
        self._ious, self._settings = results.ious, settings
        self._found = hand_found(results)
        self.with_hand = ~np.isnan(self._found)
        self._without_hand = results.without_hand & (results.pose | ~np.isnan(results.scores))
        self._claimed = self._without_hand & results.claimed
        self._near_median = _near_median(self.pixels)
        widths = {
            "counted": KEYPOINTS, "right": KEYPOINTS, "in_area": KEYPOINTS, "area": KEYPOINTS,
            "curve": KEYPOINTS * len(CURVE), "known": 1, "distance": 1, "below": len(self._near_median),
            "with_hand": 1, "found": 1, "without_hand": 1, "claimed": 1,
            "masks": 1, "iou": 1, "reached": len(metrics.AP_AT) + len(metrics.AP_RANGE),
        }  # fmt: skip
        starts = np.cumsum([0, *widths.values()])
        self._slices = {name: slice(a, b) for name, a, b in zip(widths, starts, starts[1:])}

    def columns(self, part):
        """(size, F) float32: what the photographs of the slice ``part`` add."""
        errors, pixels, in_area = self.errors[part], self.pixels[part], self._in_area[part]
        known, has_mask, ious = np.isfinite(pixels), ~np.isnan(self._ious[part]), self._ious[part]
        columns = {
            "counted": metrics.counted(errors),
            "right": metrics.right(errors, self._settings.at),
            "in_area": metrics.counted(in_area),
            "area": metrics.area(in_area, *self._settings.auc, self._settings.auc_steps),
            "curve": metrics.right(errors[:, None], CURVE[:, None]).reshape(len(errors), -1),
            "known": known.sum(axis=1, keepdims=True),
            "distance": np.where(known, pixels, 0).sum(axis=1, keepdims=True),
            "below": _up_to(pixels, self._near_median),
            "with_hand": self.with_hand[part, None],
            "found": np.nan_to_num(self._found[part, None]),
            "without_hand": self._without_hand[part, None],
            "claimed": self._claimed[part, None],
            "masks": has_mask[:, None],
            "iou": np.where(has_mask, ious, 0)[:, None],
            "reached": ious[:, None] >= (*metrics.AP_AT, *metrics.AP_RANGE),
        }
        table = np.empty((len(errors), self._slices["reached"].stop), np.float32)
        for name, values in columns.items():
            table[:, self._slices[name]] = values
        return table

    def figures(self, sums):
        """{name: (R, …)} of sums (R, F)."""
        sums = {name: sums[:, part] for name, part in self._slices.items()}
        share = metrics.share
        joints = share(sums["right"], sums["counted"])
        curve = share(sums["curve"].reshape(-1, len(CURVE), KEYPOINTS), sums["counted"][:, None])
        ap = share(sums["reached"], sums["masks"])
        below = share(sums["below"], sums["known"])
        median = np.array([np.interp(0.5, row, self._near_median) for row in below])
        return {
            "joints": joints,
            "fingers": metrics.mean_over_fingers(joints),
            "pck": metrics.mean_over_joints(joints),
            "pooled": share(sums["right"].sum(axis=1), sums["counted"].sum(axis=1)),
            "auc": metrics.mean_over_joints(share(sums["area"], sums["in_area"])),
            "curve": metrics.mean_over_joints(curve),
            "epe": np.column_stack([share(sums["distance"], sums["known"])[:, 0], median]),
            "found": share(sums["found"], sums["with_hand"])[:, 0],
            "claimed": share(sums["claimed"], sums["without_hand"])[:, 0],
            "iou": share(sums["iou"], sums["masks"])[:, 0],
            "ap": ap[:, : len(metrics.AP_AT)],
            "mean_ap": ap[:, len(metrics.AP_AT) :].mean(axis=1),
        }


def _near_median(pixels):
    """(NEAR_MEDIAN,) pixel errors in rising order, close together about their median, as far as resamples have theirs.

    The keypoints of a photograph may be off together: as many draws as photographs, not keypoints, are independent.
    """
    there = np.isfinite(pixels)
    if not there.any():
        return np.full(NEAR_MEDIAN, np.nan)
    known, reach = pixels[there], RANGE * 0.5 / np.sqrt(there.any(axis=1).sum())
    return np.quantile(known, np.clip(np.linspace(0.5 - reach, 0.5 + reach, NEAR_MEDIAN), 0, 1))


def _up_to(pixels, limits):
    """(n, L) how many of each row of (n, 21) pixel errors, of which NaN is none, are at most each of rising limits."""
    first = np.searchsorted(limits, pixels)  # the first limit that an error does not pass
    rows = np.arange(len(pixels))[:, None] * (len(limits) + 1)
    counts = np.bincount((rows + first).ravel(), minlength=len(pixels) * (len(limits) + 1))
    return counts.reshape(len(pixels), -1)[:, :-1].cumsum(axis=1)


def _number(value):
    """A float for JSON: None for NaN."""
    return None if np.isnan(value) else round(float(value), 4)
