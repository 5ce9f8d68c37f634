"""Scoring a predictor on a database: what was found beside what was labelled, per origin."""

import csv
import io
from collections import deque
from dataclasses import dataclass

import cv2
import numpy as np
from tqdm import tqdm

from maskpose import geometry, metrics
from maskpose.errors import InputError
from maskpose.files import write_text, written_beside
from maskpose.skeleton import KEYPOINT_NAMES
from maskpose.variants import KEYPOINTS

PCK_AT = 0.2
CURVE = np.round(np.arange(0, 0.505, 0.01), 2)  # thresholds of the curve, in units of the normaliser
SPANS = (  # of the hand, in units of the photograph's larger side: about a tenth, a quarter, half, most of it
    ("to 0.175", 0, 0.175),
    ("0.175-0.375", 0.175, 0.375),
    ("0.375-0.65", 0.375, 0.65),
    ("from 0.65", 0.65, np.inf),
)
NORMALISERS = {
    "box": "larger side of the tight box of the visible ground-truth keypoints",
    "diagonal": "diagonal of the tight box of the visible ground-truth keypoints",
    "image": "larger side of the photograph",
    "pixels": "none: thresholds are hundreds of pixels",
}


@dataclass
class Results:
    """Predictions beside ground truth, N samples in the database's order."""

    names: list
    sources: np.ndarray  # (N,) str
    predicted: np.ndarray  # (N, 21, 2) pixels
    confidences: np.ndarray  # (N, 21)
    truth: np.ndarray  # (N, 21, 2) pixels
    visible: np.ndarray  # (N, 21) bool
    image_sizes: np.ndarray  # (N, 2) width, height
    ious: np.ndarray  # (N,) mask IoU, NaN without a ground-truth or predicted mask
    pose: bool = True  # False: of a predictor without a pose stage, so that no keypoint is to be scored

    def subset(self, chosen):
        """The samples that ``chosen`` (bool or indices) picks."""
        names = list(np.array(self.names)[chosen])
        arrays = (
            getattr(self, field)[chosen]
            for field in ("sources", "predicted", "confidences", "truth", "visible", "image_sizes", "ious")
        )
        return Results(names, *arrays, self.pose)

    @property
    def found(self):
        """(N,) bool: the samples with a predicted keypoint."""
        return ~np.isnan(self.predicted).all(axis=(1, 2))

    @property
    def spans(self):
        """(N,) larger side of the ground-truth keypoints' box in units of the photograph's larger side."""
        return metrics.box_size(self.truth, self.visible) / self.image_sizes.max(axis=1)


def run(predictor, samples, description="predict", **bar):
    """Results of ``predictor`` on ``samples``, one or more, such as a maskpose.database.Reader; bar: as tqdm's."""
    rows, begun = [], deque()

    def photographs():
        for sample in tqdm(samples, desc=description, unit="image", dynamic_ncols=True, **bar):
            begun.append(sample)
            yield sample.decode_image()

    for hand in predictor.predict_many(photographs()):
        sample = begun.popleft()
        mask = sample.decode_mask()
        known = mask is not None and hand.mask is not None
        iou = metrics.mask_iou(hand.mask, mask > 0) if known else np.nan
        rows.append(_row(sample, hand.keypoints, hand.confidences, iou))
    return _results(rows, predictor.variant.pose)


def run_pairs(predictor, samples, description="pairs"):
    """Results of ``predictor.predict_hands`` on pictures of two hands: each sample beside the next, at the same height.

    Each labelled hand is compared with the found one whose middle is nearest, which serves once; what finds none is
    missed. Keypoints are in the sample's own pixels; masks are not compared.
    """
    samples = list(samples)
    rows = []
    for left, right in tqdm(list(zip(samples[::2], samples[1::2])), desc=description, unit="pair", dynamic_ncols=True):
        picture, to_picture = side_by_side(left.decode_image(), right.decode_image())
        hands = predictor.predict_hands(picture, 2)
        for sample, affine in zip((left, right), to_picture):
            middle = geometry.apply(affine, sample.keypoints[sample.visible]).mean(axis=0)
            away = [np.linalg.norm(hand.keypoints.mean(axis=0) - middle) for hand in hands]
            if not away or min(away) > max(picture.shape[:2]) / 4:
                rows.append(_row(sample, np.full((KEYPOINTS, 2), np.nan), np.zeros(KEYPOINTS), np.nan))
                continue
            hand = hands.pop(int(np.argmin(away)))
            keypoints = geometry.apply(geometry.invert(affine), hand.keypoints)
            rows.append(_row(sample, keypoints, hand.confidences, np.nan))
    return _results(rows, True)


def side_by_side(left, right):
    """One picture of two (h, w, 3), the lower one enlarged to the other's height, and both's 2x3 maps into it."""
    height = max(len(left), len(right))
    parts, affines, at = [], [], 0
    for image in (left, right):
        width = max(1, round(image.shape[1] * height / len(image)))
        parts.append(cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR))
        affines.append(geometry.compose(geometry.translation(at, 0), geometry.scale_affine(height / len(image))))
        at += width
    return np.hstack(parts), affines


def of_origins(reader, origins=None):
    """``reader``, or a list of its samples of ``origins``; InputError where it has none of one."""
    if origins is None:
        return reader
    chosen = [sample for sample in reader if sample.source in origins]
    if missing := set(origins) - {sample.source for sample in chosen}:
        there = ", ".join(sorted(reader.about["sources"])) if "sources" in reader.about else "none named"
        raise InputError(f"{reader.path} has no samples of {', '.join(sorted(missing))}: its origins are {there}")
    return chosen


def of_predictions(predictions, samples):
    """Results of maskpose.predictions.Predictions on ``samples``; a photograph without a hand there is missed."""
    none = np.full((KEYPOINTS, 2), np.nan), np.zeros(KEYPOINTS)
    return _results([_row(sample, *predictions.hands.get(sample.name, none), np.nan) for sample in samples], True)


def _row(sample, keypoints, confidences, iou):
    size = sample.width, sample.height
    return sample.name, sample.source, keypoints, confidences, sample.keypoints, sample.visible, size, iou


def _results(rows, pose):
    names, *columns = zip(*rows)
    return Results(list(names), *map(np.array, columns), pose)


def sizes(results, normaliser):
    """(N,) lengths in pixels that distances are divided by, for one of NORMALISERS."""
    if normaliser == "box":
        return metrics.box_size(results.truth, results.visible)
    if normaliser == "diagonal":
        return metrics.box_diagonal(results.truth, results.visible)
    if normaliser == "image":
        return results.image_sizes.max(axis=1).astype(float)
    if normaliser == "pixels":
        return np.full(len(results.names), 100.0)
    raise InputError(f"unknown normaliser {normaliser!r}: expected one of {', '.join(NORMALISERS)}")


def mean_scores(results, normaliser="box"):
    """(mean PCK@0.2, mean mask IoU), 0 to 1; NaN where no keypoint, or no mask, can be scored."""
    errors = metrics.normalised_errors(results.predicted, results.truth, _scored(results), sizes(results, normaliser))
    ious = results.ious[~np.isnan(results.ious)]
    return float(metrics.mean_pck(errors, [PCK_AT])[0]), float(ious.mean()) if len(ious) else np.nan


def scores(results, normaliser="box", threshold=None):
    """All figures of one set of results, as a JSON-able dict.

    threshold: joints of lower confidence count as not found; None takes the best position always.
    """
    predicted, visible = results.predicted, _scored(results)
    if threshold is not None:
        predicted = np.where((results.confidences > threshold)[..., None], predicted, np.nan)
    errors = metrics.normalised_errors(predicted, results.truth, visible, sizes(results, normaliser))
    ious = results.ious[~np.isnan(results.ious)]
    figures = {
        "images": len(results.names),
        "keypoints": int((~np.isnan(errors)).sum()),
        "missed": int(np.isinf(errors).sum()),
        "pck": _number(metrics.mean_pck(errors, [PCK_AT])[0]),
        "pck_pooled": _number(metrics.pooled_pck(errors, [PCK_AT])[0]),
        "pck_per_joint": dict(zip(KEYPOINT_NAMES, map(_number, metrics.pck(errors, [PCK_AT])[0]))),
        "curve": list(map(_number, metrics.mean_pck(errors, CURVE))),
        "mean_pixel_error": _number(metrics.mean_pixel_error(predicted, results.truth, visible)),
        "masks": len(ious),
        "mask_iou": _number(ious.mean() if len(ious) else np.nan),
        "ap": dict(zip(("AP50", "AP75", "AP80"), map(_number, metrics.average_precision(ious)))),
    }
    figures["pck_interval"] = figures["mask_iou_interval"] = None
    if figures["pck"] is not None:
        interval = metrics.bootstrap_interval(lambda i: metrics.mean_pck(errors[i], [PCK_AT])[0], len(errors))
        figures["pck_interval"] = list(map(_number, interval))
    if len(ious):
        interval = metrics.bootstrap_interval(lambda i: ious[i].mean(), len(ious))
        figures["mask_iou_interval"] = list(map(_number, interval))
    return figures


def scores_by_origin(results, normaliser="box", threshold=None):
    """{"all": scores, origin: scores …}; only "all" where the database names no origins."""
    table = {"all": scores(results, normaliser, threshold)}
    origins = sorted(set(results.sources))
    if len(origins) > 1:
        for origin in origins:
            part = results.subset(results.sources == origin)
            table[origin or "(no origin)"] = scores(part, normaliser, threshold)
    return table


def scores_by_size(results, normaliser="box", threshold=None):
    """{"all": scores, size: scores …}: by what part of the photograph's larger side the hand spans, small to large."""
    table = {"all": scores(results, normaliser, threshold)}
    for name, low, high in SPANS:
        part = (results.spans >= low) & (results.spans < high)
        if part.any():
            table[name] = scores(results.subset(part), normaliser, threshold)
    return table


def table_text(tables):
    """Lines for people: a row for each part and way of predicting; tables is {way: scores_by_origin or …_by_size}."""
    origins = list(next(iter(tables.values())))
    width = max(10, *(len(way) + 2 for way in tables))
    header = f"{'of':<16}{'way':<{width}}{'images':>7}{'PCK@0.2 (95 %)':>25}{'px error':>10}{'missed':>8}"
    lines = [header + f"{'masks':>7}{'IoU (95 %)':>25}{'AP50':>7}{'AP75':>7}{'AP80':>7}"]
    for origin in origins:
        for way, table in tables.items():
            if origin not in table:
                continue
            row = table[origin]
            lines.append(
                f"{origin:<16}{way:<{width}}{row['images']:>7}"
                f"{_with_interval(row['pck'], row['pck_interval']):>25}{_text(row['mean_pixel_error'], 1):>10}"
                f"{row['missed']:>8}"
                f"{row['masks']:>7}{_with_interval(row['mask_iou'], row['mask_iou_interval']):>25}"
                + "".join(f"{_text(value, 3):>7}" for value in row["ap"].values())
            )
    if len(origins) > 1:
        lines.append('"all" mixes them: photographs and labels differ, so read each for itself')
    return "\n".join(lines)


def per_joint_text(tables):
    """A line of PCK per joint for each origin and way; "" where nothing has a pose. tables as in table_text."""
    return "\n".join(
        f"PCK@{PCK_AT} per joint, {origin}, {way}: "
        + "  ".join(f"{name} {_text(value, 2)}" for name, value in table[origin]["pck_per_joint"].items())
        for origin in next(iter(tables.values()))
        for way, table in tables.items()
        if origin in table and table[origin]["pck"] is not None
    )


def write_curves(tables, folder):
    """Write the PCK curves of {way: scores_by_origin} as pck.csv and pck.png; give the names of the files.

    Where nothing has a pose there are none, and those of an earlier call are removed.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    files = ["pck.csv", "pck.png"]
    scored = {(origin, way): row for way, table in tables.items() for origin, row in table.items()}
    curves = {key: row["curve"] for key, row in scored.items() if row["pck"] is not None}
    if not curves:
        for name in files:
            (folder / name).unlink(missing_ok=True)
        return []
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["threshold", *map(", ".join, curves)])
    writer.writerows([f"{t:.2f}", *(curve[i] for curve in curves.values())] for i, t in enumerate(CURVE))
    write_text(folder / "pck.csv", text.getvalue())
    figure = Figure(figsize=(9, 5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    colours = {origin: f"C{i}" for i, origin in enumerate(dict.fromkeys(origin for origin, _ in curves))}
    for (origin, way), curve in curves.items():
        style = "--" if way == "pyramid" else "-"
        axes.plot(CURVE, curve, label=f"{origin}, {way}", color=colours[origin], linestyle=style)
    axes.set(xlabel="normalised distance", ylabel="PCK", xlim=(0, CURVE[-1]), ylim=(0, 1))
    axes.grid(alpha=0.3)
    figure.legend(loc="outside right upper", fontsize="small")
    with written_beside(folder / "pck.png") as partial:
        figure.savefig(partial, dpi=110)
    return files


def _scored(results):
    """(N, 21) bool: the keypoints that count. Without a pose stage, none: nothing to score, rather than all wrong."""
    return results.visible & results.pose


def _number(value):
    """A float for JSON: None for NaN."""
    return None if np.isnan(value) else round(float(value), 4)


def _text(value, digits):
    return "-" if value is None else f"{value:.{digits}f}"


def _with_interval(value, interval):
    return "-" if value is None else f"{value:.3f} ({interval[0]:.3f}-{interval[1]:.3f})"
