"""The time of an image, from pixels to hand, and of an iteration of training, beside the paper's."""

import statistics
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from maskpose.inference.predictor import Predictor
from maskpose.io.paths import PathLike
from maskpose.io.progress import progress_bar
from maskpose.reproduction import paper
from maskpose.reproduction.tables import markdown
from maskpose.training import loss_log

MOST_IMAGES = 20  # that are timed
SECONDS = 30  # after which no further image is timed


def milliseconds_per_image(predictor: Predictor, images: Sequence[npt.NDArray[np.uint8]]) -> float:
    """Return the median time of predicting a single image, (h, w, 3) BGR, with resizing and decoding."""
    predictor.predict(images[0])  # memory is allocated, an engine compiles
    times, end = [], time.monotonic() + SECONDS
    for image in progress_bar(images[:MOST_IMAGES], desc=predictor.variant.name, unit="image", leave=False):
        started = time.perf_counter()
        predictor.predict(image)
        times.append(1000 * (time.perf_counter() - started))
        if time.monotonic() > end:
            break
    return statistics.median(times)


def seconds_per_iteration(folder: PathLike, batch_size: int) -> float:
    """Return the median time of an iteration of the run in ``folder``, by its losses.csv."""
    rates = [row["images_per_second"] for row in loss_log.read_losses(Path(folder) / "losses.csv")]
    return batch_size / statistics.median(rates)


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return a Markdown table of our times and the paper's.

    rows: {"network", "single_ms", "pyramid_ms", "iteration_s", "batch_size"}; None is shown as a dash.
    """

    def cell(value, unit):
        return "–" if value is None else f"{value:.3g} {unit}"

    papers = [["the paper, proposed, GTX 1080 Ti", f"{paper.INFERENCE_MS:g} ms", "–", "–"],
              ["the paper, proposed, two GTX 1080 Ti", "–", "–", f"{paper.ITERATION_SECONDS:g} s, 13"]]  # fmt: skip
    ours = [
        [
            row["network"], cell(row["single_ms"], "ms"), cell(row["pyramid_ms"], "ms"),
            cell(row["iteration_s"], f"s, {row['batch_size']}"),
        ]
        for row in rows
    ]  # fmt: skip
    return markdown(["Network", "An image, one pass", "… by the pyramid", "Iteration, batch"], papers + ours)
