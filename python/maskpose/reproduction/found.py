"""What tools/evaluate.py left in a folder, beside the truth again: maskpose.evaluation.evaluate.Results."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from maskpose.data.database import Reader
from maskpose.errors import InputError
from maskpose.evaluation import evaluate, prediction_readers

FEWEST = 30  # photographs: an origin of fewer says nothing by itself


def truth_of(db):
    """Results of the database ``db`` in which nothing was found."""
    reader = Reader(db)
    try:
        return evaluate.labels(reader)
    finally:
        reader.close()


def read(truth, folder, way, variant):
    """Results of one way of predicting by a Variant; truth: what ``truth_of`` gave of its database.

    Raises InputError where a file is missing, or is of other photographs.
    """
    results = replace(truth, pose=variant.pose)
    if variant.pose:
        path = Path(folder) / f"predictions_{way}.h5"
        found = prediction_readers.read(path)
        _refuse_others(path, found.names, truth.names)
        results = results.with_predictions(found)
    if variant.mask:
        path = Path(folder) / f"mask_iou_{way}.csv"
        names, ious = evaluate.read_ious(path)
        _refuse_others(path, names, truth.names)
        results = replace(results, ious=ious)
    return results


def parts_of_eb(results, small):
    """{"EA": (N,) bool, "EB, <origin>": …}: which photographs of EB's Results are of the list ``small``, and where
    they are of several origins, whose labels may differ, which are of each; origins of fewer than FEWEST are left out.
    """
    parts = {"EA": np.isin(results.names, small)}
    counts = dict(zip(*np.unique(results.sources, return_counts=True)))
    if len(counts) > 1:
        parts |= {f"EB, {one or 'none named'}": results.sources == one for one in counts if counts[one] >= FEWEST}
    return parts


def _refuse_others(path, names, wanted):
    if names != wanted:
        raise InputError(f"{path} is of other photographs than the database")
