"""The best, median and worst photographs of a run, with what the network finds in them: small pictures and vectors.

Coordinates are the photograph's own pixels, with pixel centres at integers; errors are normalised as the run's settings
say, at most maskpose.evaluation.gallery.WORST.
"""

import base64
import contextlib
from pathlib import Path

import cv2
import numpy as np

from maskpose.data.database import Reader
from maskpose.data.datasets import mmpose
from maskpose.errors import InputError
from maskpose.evaluation import evaluate, gallery, prediction_readers, scoring
from maskpose.inference.predictor import Predictor
from maskpose.io.files import sha256
from maskpose.io.progress import progress_bar
from maskpose.report.collect import SELECTIONS
from maskpose.visualization import drawing

SIDE = 480  # pixels of a picture's larger side
QUALITY = 80  # of its JPEG
OUTLINE = 1 / 400  # of the photograph's larger side, by which a mask's outline may be off
GROUPS = ("best", "median", "worst")


def gallery_of(run, count, databases=(), weights=(), engine="auto"):
    """{"way", "total": samples that were ranked, "photographs": [dict]} of a maskpose.report.collect.Run.

    Of each of GROUPS at most ``count``, by the first of the run's ways that looks at one photograph at a time.
    databases, weights: paths to look for what was scored at, after those that scores.json names. Raises InputError
    where what was scored is not there any more.
    """
    document = run.document
    way = next(iter(document["ways"]), None)
    path = run.folder / f"predictions_{way}.h5"
    if way is None:
        raise InputError("only others' predictions, or pairs, were scored: there is no network to show")
    if not path.is_file():
        raise InputError(f"there is no {path}: without keypoints, nothing ranks the photographs")
    weights = _same_weights(document, weights)
    with contextlib.closing(_same_database(document, databases)) as reader:
        samples = evaluate.of_origins(reader, document["origins"])
        results = _results(run, path, samples)
        errors = np.minimum(scoring.errors(results, run.settings), gallery.WORST)
        predictor = Predictor(document["variant"], weights, engine=engine, **document["ways"][way])
        order, parts = gallery.worst_first(errors), scoring.parts_of(results, document["by"])
        chosen = [(group, int(n)) for group, part in groups(order, count).items() for n in part]
        shown = [
            {"group": group, "part": str(parts[n]), **_photograph(samples[n], predictor, results, errors[n], n)}
            for group, n in progress_bar(chosen, desc=f"{run.name}, {way}", unit="image")
        ]
    return {"way": way, "total": len(order), "photographs": shown}


def groups(order, count):
    """{group: indices, the most telling first} of ``order``, worst first: no more than a third in each, if three."""
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
    raise InputError(f"the database {document['db']} is not there, or not what was scored: --db says where it is now")


def _same_weights(document, others):
    for path in map(Path, (document["weights"], *others)):
        if path.is_file() and sha256(path) == document["weights_sha256"]:
            return path
    raise InputError(f"the weights {document['weights']} are not there, or not what was scored: --weights says where")


def _results(run, path, samples):
    """The run's maskpose.evaluation.evaluate.Results, as they were scored but for mask IoU."""
    truth, predictions = evaluate.labels(samples), prediction_readers.read(path)
    if predictions.names != truth.names:
        raise InputError(f"{path} is not of the photographs in {run.document['db']}")
    results = truth.with_predictions(predictions)
    if run.settings.normaliser in scoring.ANNOTATED:
        results = results.with_sizes(mmpose.read_annotations(Path(run.document["annotations"])))
    return results if run.settings.threshold is None else results.above(run.settings.threshold)


def _photograph(sample, predictor, results, errors, n):
    image, truth, unknown = sample.decode_image(), sample.decode_mask(), sample.decode_unknown()
    hand = predictor.predict(image)
    iou = evaluate.mask_iou(sample, hand.mask)
    found = np.column_stack([results.predicted[n], results.confidences[n]])
    return {
        "name": sample.name,
        "source": sample.origin,
        "width": sample.width,
        "height": sample.height,
        "picture": picture(image),
        "errors": [None if np.isnan(error) else round(float(error), 4) for error in errors],
        "iou": None if np.isnan(iou) else round(float(iou), 4),
        "keypoints": _rounded(found),
        "truth": _rounded(np.where(sample.visible[:, None], sample.keypoints, np.nan)),
        "mask": outline(hand.mask) if hand.mask is not None else "",
        "truth_mask": outline(truth) if truth is not None else "",
        "unknown_mask": outline(unknown) if unknown is not None else "",
        "heatmaps": heatmaps(hand.heatmaps),
        "cells": hand.heatmaps.shape[-1],
        "grid_to_image": [round(float(value), 4) for value in hand.grid_to_image.T.ravel()],  # as SVG's matrix()
    }


def picture(image):
    """A photograph (h, w, 3) uint8 BGR as the data URI of a JPEG of at most SIDE pixels a side."""
    scale = min(1, SIDE / max(image.shape[:2]))
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else image
    return _data_uri("jpeg", cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1])


def heatmaps(maps):
    """{selection: data URI of a PNG, a pixel a cell} of (22, m', m') heatmaps: the largest of the selection's joints.

    Colours as in maskpose.visualization.drawing.heatmap_panel: inferno, of 0 to 1.
    """
    levels = np.rint(np.clip(maps, 0, 1) * 255).astype(np.uint8)
    coloured = {
        key: cv2.applyColorMap(levels[list(joints)].max(axis=0), drawing.HEAT_COLOURS)
        for key, joints in SELECTIONS.items()
    }
    return {key: _data_uri("png", cv2.imencode(".png", one)[1]) for key, one in coloured.items()}


def outline(mask):
    """The outlines of a mask (h, w), holes included, as the ``d`` of an SVG path to be filled by the even-odd rule."""
    inside = (np.asarray(mask) != 0).astype(np.uint8)
    found, _ = cv2.findContours(inside, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    lines = (cv2.approxPolyDP(one, OUTLINE * max(mask.shape), True)[:, 0] for one in found)
    return "".join("M" + "L".join(f"{x} {y}" for x, y in line) + "Z" for line in lines if len(line) > 2)


def _rounded(values):
    """Rows to two places; None for one that is not there."""
    return [None if np.isnan(row).any() else [round(float(value), 2) for value in row] for row in values]


def _data_uri(kind, data):
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
