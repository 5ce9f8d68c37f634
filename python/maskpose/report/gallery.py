"""The best, median and worst images of a run, with what the network detects in them: small JPEGs and vectors.

Coordinates are pixels of the whole image, with pixel centres at integers. Errors are normalised as the run's settings
say, and at most maskpose.evaluation.gallery.MAX_ERROR.
"""

import base64
import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from maskpose.data.database import Reader
from maskpose.data.datasets import mmpose
from maskpose.errors import InputError
from maskpose.evaluation import evaluate, prediction_readers, protocols
from maskpose.evaluation.gallery import MAX_ERROR, worst_first
from maskpose.evaluation.scores import group_names
from maskpose.inference.predictor import Predictor
from maskpose.io.files import sha256
from maskpose.io.paths import PathLike
from maskpose.io.progress import progress_bar
from maskpose.report.collect import SELECTIONS, Run
from maskpose.visualization import drawing

SIDE = 480  # pixels of a small image's larger side
QUALITY = 80  # of its JPEG
OUTLINE_TOLERANCE = 1 / 400  # of the image's larger side
GROUPS = ("best", "median", "worst")


def gallery_of(
    run: Run,
    count: int,
    databases: Sequence[PathLike] = (),
    weights: Sequence[PathLike] = (),
    engine: str = "auto",
) -> dict[str, Any]:
    """Predict the best, median and worst images of a run again, in the first of its modes that takes single images.

    Args:
        run: what was scored.
        count: how many images of each of GROUPS, at most.
        databases: where the database may be, besides the path that scores.json names.
        weights: where the weights may be, likewise.
        engine: that predicts.

    Returns:
        {"way": the mode, "total": how many samples were ranked, "photographs": [about each image]}.

    Raises:
        InputError: the database, the weights or the predictions that were scored are no longer there.
    """
    document = run.document
    way = next(iter(document["ways"]), None)
    path = run.folder / f"predictions_{way}.h5"
    if way is None:
        raise InputError("only other programs' predictions, or pairs, were scored: there is no network to show")
    if not path.is_file():
        raise InputError(f"there is no {path}: images are ranked by its keypoints")
    scored_weights = _same_weights(document, weights)
    with contextlib.closing(_same_database(document, databases)) as reader:
        samples = evaluate.select_origins(reader, document["origins"])
        results = _results(run, path, samples)
        errors = np.minimum(protocols.normalised_errors(results, run.settings), MAX_ERROR)
        predictor = Predictor(document["variant"], scored_weights, engine=engine, **document["ways"][way])
        order, parts = worst_first(errors), group_names(results, document["by"])
        chosen = [(group, int(n)) for group, part in groups(order, count).items() for n in part]
        shown = [
            {"group": group, "part": str(parts[n]), **_photograph(samples[n], predictor, results, errors[n], n)}
            for group, n in progress_bar(chosen, desc=f"{run.name}, {way}", unit="image")
        ]
    return {"way": way, "total": len(order), "photographs": shown}


def groups(order: npt.NDArray[np.integer], count: int) -> dict[str, npt.NDArray[np.integer]]:
    """Divide samples into GROUPS.

    Args:
        order: indices of the samples, the worst first.
        count: how many samples of each group, at most; no more than a third of all, if there are three.

    Returns:
        {group: indices, the best first, or the worst first of "worst"}.
    """
    count = min(count, max(1, len(order) // 3))
    start = (len(order) - count) // 2
    return dict(zip(GROUPS, (order[::-1][:count], order[::-1][start : start + count], order[:count])))


def _same_database(document, others):
    for path in (document["db"], *others):
        with contextlib.suppress(InputError):
            reader = Reader(path)
            if reader.about.get("sha256") == document["db_sha256"]:
                return reader
            reader.close()
    raise InputError(
        f"the database {document['db']} is missing, or not the one that was scored: give its place by --db"
    )


def _same_weights(document, others):
    for path in map(Path, (document["weights"], *others)):
        if path.is_file() and sha256(path) == document["weights_sha256"]:
            return path
    raise InputError(
        f"the weights {document['weights']} are missing, or not those that were scored: give their place by --weights"
    )


def _results(run, path, samples):
    """The run's evaluate.Results as they were scored, without mask IoU."""
    truth, predictions = evaluate.ground_truth(samples), prediction_readers.read_predictions(path)
    if predictions.names != truth.names:
        raise InputError(f"{path} is not of the images in {run.document['db']}")
    results = truth.with_predictions(predictions)
    if run.settings.normaliser in protocols.ANNOTATED:
        results = results.with_sizes(mmpose.read_annotations(Path(run.document["annotations"])))
    return results if run.settings.threshold is None else results.above(run.settings.threshold)


def _photograph(sample, predictor, results, errors, n):
    image, truth, unknown = sample.decode_image(), sample.decode_mask(), sample.decode_unknown()
    hand = predictor.predict(image)
    iou = evaluate.sample_mask_iou(sample, hand.mask)
    detected = np.column_stack([results.predicted[n], results.confidences[n]])
    return {
        "name": sample.name,
        "source": sample.origin,
        "width": sample.width,
        "height": sample.height,
        "picture": small_jpeg(image),
        "errors": [None if np.isnan(error) else round(float(error), 4) for error in errors],
        "iou": None if np.isnan(iou) else round(float(iou), 4),
        "keypoints": _rounded(detected),
        "truth": _rounded(np.where(sample.visible[:, None], sample.keypoints, np.nan)),
        "mask": outline(hand.mask) if hand.mask is not None else "",
        "truth_mask": outline(truth) if truth is not None else "",
        "unknown_mask": outline(unknown) if unknown is not None else "",
        "heatmaps": heatmap_pngs(hand.heatmaps),
        "cells": hand.heatmaps.shape[-1],
        "grid_to_image": [round(float(value), 4) for value in hand.grid_to_image.T.ravel()],  # as SVG's matrix()
    }


def small_jpeg(image: npt.NDArray[np.uint8]) -> str:
    """Return an image (h, w, 3) BGR as the data URI of a JPEG with sides of at most SIDE pixels."""
    scale = min(1, SIDE / max(image.shape[:2]))
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else image
    return _data_uri("jpeg", cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1])


def heatmap_pngs(maps: npt.NDArray[np.float32]) -> dict[str, str]:
    """Return {selection: data URI of a PNG} of (22, m', m') heatmaps: the maximum over the selection's keypoints.

    The PNGs have one pixel for each grid cell, coloured as in drawing.heatmap_panel: inferno, of 0 to 1.
    """
    levels = np.rint(np.clip(maps, 0, 1) * 255).astype(np.uint8)
    coloured = {
        key: cv2.applyColorMap(levels[list(joints)].max(axis=0), drawing.HEAT_COLOURS)
        for key, joints in SELECTIONS.items()
    }
    return {key: _data_uri("png", cv2.imencode(".png", image)[1]) for key, image in coloured.items()}


def outline(mask: npt.NDArray[Any]) -> str:
    """Return the outlines of a mask (h, w) and of its holes: the ``d`` of an SVG path, filled by the even-odd rule."""
    inside = (np.asarray(mask) != 0).astype(np.uint8)
    contours, _ = cv2.findContours(inside, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    lines = (cv2.approxPolyDP(contour, OUTLINE_TOLERANCE * max(mask.shape), True)[:, 0] for contour in contours)
    return "".join("M" + "L".join(f"{x} {y}" for x, y in line) + "Z" for line in lines if len(line) > 2)


def _rounded(values):
    """Rows rounded to two places; None for one with NaN."""
    return [None if np.isnan(row).any() else [round(float(value), 2) for value in row] for row in values]


def _data_uri(kind, data):
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
