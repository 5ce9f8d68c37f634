"""What a photograph takes, from pixels to hand, and an iteration of training, beside the paper's figures."""

import statistics
import time
from pathlib import Path

from maskpose.io.progress import progress_bar
from maskpose.reproduction import paper
from maskpose.reproduction.tables import markdown
from maskpose.training import loss_log

PHOTOGRAPHS = 20  # that are timed at most
SECONDS = 30  # after which no further one is


def of_predictor(predictor, images):
    """Median milliseconds that ``predictor`` takes for one picture at a time, resizing and decoding included."""
    predictor.predict(images[0])  # memory is allocated, an engine compiles
    times, end = [], time.monotonic() + SECONDS
    for image in progress_bar(images[:PHOTOGRAPHS], desc=predictor.variant.name, unit="image", leave=False):
        started = time.perf_counter()
        predictor.predict(image)
        times.append(1000 * (time.perf_counter() - started))
        if time.monotonic() > end:
            break
    return statistics.median(times)


def of_training(folder, batch_size):
    """Median seconds of an iteration of the run in ``folder``, by its losses.csv."""
    rates = [row["images_per_second"] for row in loss_log.read_losses(Path(folder) / "losses.csv")]
    return batch_size / statistics.median(rates)


def text(rows):
    """Markdown of [{"network", "single_ms", "pyramid_ms", "iteration_s", "batch_size"}]; None is left out."""

    def cell(value, unit):
        return "–" if value is None else f"{value:.3g} {unit}"

    said = [["the paper, proposed, GTX 1080 Ti", f"{paper.INFERENCE_MS:g} ms", "–", "–"],
            ["the paper, proposed, two GTX 1080 Ti", "–", "–", f"{paper.ITERATION_SECONDS:g} s, 13"]]  # fmt: skip
    ours = [
        [
            row["network"], cell(row["single_ms"], "ms"), cell(row["pyramid_ms"], "ms"),
            cell(row["iteration_s"], f"s, {row['batch_size']}"),
        ]
        for row in rows
    ]  # fmt: skip
    return markdown(["Network", "A photograph, one pass", "… by the pyramid", "Iteration, batch"], said + ours)
