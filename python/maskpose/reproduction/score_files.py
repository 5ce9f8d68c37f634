"""The files of predictions and mask IoUs that `maskpose evaluate` wrote, read as results beside the ground truth."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from maskpose.data.database import Reader
from maskpose.errors import InputError
from maskpose.evaluation import evaluate, prediction_readers
from maskpose.evaluation.results import read_ious
from maskpose.io.paths import PathLike
from maskpose.model.variants import Variant

FEWEST = 30  # images: an origin with fewer says nothing by itself


def paths_of(folder: Path, modes: Sequence[str], variant: Variant) -> tuple[Path, ...]:
    """Return the paths of these files of a variant, for each mode of prediction."""
    kinds = ["predictions_{}.h5"] * variant.pose + ["mask_iou_{}.csv"] * variant.mask
    return tuple(folder / kind.format(mode) for mode in modes for kind in kinds)


def read_truth(db: PathLike) -> evaluate.Results:
    """Return the results of a database in which nothing was detected."""
    reader = Reader(db)
    try:
        return evaluate.ground_truth(reader)
    finally:
        reader.close()


def read_results(truth: evaluate.Results, folder: PathLike, mode: str, variant: Variant) -> evaluate.Results:
    """Return the results of a variant in a mode of prediction.

    Args:
        truth: what ``read_truth`` returned for the database.
        folder: of the files.
        mode: single, refined or pyramid.
        variant: that predicted.

    Raises:
        InputError: a file is missing, or is of other images.
    """
    results = replace(truth, pose=variant.pose)
    if variant.pose:
        path = Path(folder) / f"predictions_{mode}.h5"
        predictions = prediction_readers.read_predictions(path)
        _refuse_others(path, predictions.names, truth.names)
        results = results.with_predictions(predictions)
    if variant.mask:
        path = Path(folder) / f"mask_iou_{mode}.csv"
        names, ious = read_ious(path)
        _refuse_others(path, names, truth.names)
        results = replace(results, ious=ious)
    return results


def parts_of_eb(results: evaluate.Results, small: Sequence[str]) -> dict[str, npt.NDArray[np.bool_]]:
    """Return {part: (N,) which images belong to it} of EB's results.

    Parts are "EA" and, if there are several origins, "EB, <origin>" of each with FEWEST images or more: labels of
    different origins may differ.

    Args:
        results: on EB.
        small: the names of EA's images.
    """
    parts = {"EA": np.isin(results.names, small)}
    counts = dict(zip(*np.unique(results.origins, return_counts=True)))
    if len(counts) > 1:
        several = [origin for origin in counts if counts[origin] >= FEWEST]
        parts |= {f"EB, {origin or 'none named'}": results.origins == origin for origin in several}
    return parts


def _refuse_others(path, names, wanted):
    if names != wanted:
        raise InputError(f"{path} is of other images than the database")
