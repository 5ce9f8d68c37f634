"""How long 100,000 predictions take to score, beside mmpose's formulas written out anew on the same NumPy arrays."""

import statistics
import time
import tracemalloc

import numpy as np

from benchmarks import ROUNDS, Row, median_rates
from maskpose.evaluation import metrics, protocols
from maskpose.evaluation.results import Results
from maskpose.evaluation.scores import score_results

HANDS = 100_000
TRIED = 10  # resamples that the peer is measured on, of 1000
THRESHOLDS = 20  # of mmpose's AUC


def run(hands=HANDS):
    """Yield Rows.

    ``score_figures``, predictions/s: PCK@0.2, AUC and EPE as mmpose has them; peer its formulas. The note says how far
    the two are apart. ``score_intervals``, s: all figures with their intervals of 1000 resamples; peer those three on
    resampled arrays, its time on TRIED of them times 1000 / TRIED. The note says how much memory ours took at most,
    beside the predictions themselves.
    """
    results = drawn_results(hands)
    settings = protocols.PROTOCOLS["mmpose"]
    found = {}

    def ours():
        pixels = metrics.pixel_errors(results.predicted, results.truth, protocols.counted_keypoints(results, settings))
        errors = metrics.normalised(pixels, protocols.normaliser_sizes(results, settings))
        pck = metrics.mean_pck(errors, [settings.at])[0]
        auc = metrics.auc(pixels / settings.auc_pixels, *settings.auc, settings.auc_steps)
        found["ours"] = pck, auc, metrics.end_point_error(pixels)[0]

    def peer():
        found["peer"] = as_mmpose(results.predicted, results.truth, results.visible, results.annotated["dataset"])

    rates = median_rates(hands, ours, peer)
    apart = np.abs(np.subtract(found["ours"], found["peer"])).max()
    yield Row("score_figures", "predictions/s", *rates, f"PCK, AUC and EPE at most {apart:.1g} apart")
    yield intervals_row(results, settings)


def intervals_row(results, settings):
    """The second row; rounds alternate."""
    rng, hands = np.random.default_rng(1), len(results.names)
    seconds = {"ours": [], "peer": []}
    for _ in range(ROUNDS):
        started = time.perf_counter()
        score_results(results, settings)
        seconds["ours"].append(time.perf_counter() - started)
        started = time.perf_counter()
        for _ in range(TRIED):
            drawn = rng.integers(0, hands, hands)
            arrays = (array[drawn] for array in (results.predicted, results.truth, results.visible))
            as_mmpose(*arrays, results.annotated["dataset"][drawn])
        seconds["peer"].append((time.perf_counter() - started) * settings.resamples / TRIED)
    tracemalloc.start()
    score_results(results, settings)
    memory = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    arrays = results.predicted, results.truth, results.visible, results.confidences
    note = f"{memory >> 20} MB beside the predictions' {sum(array.nbytes for array in arrays) >> 20} MB"
    return Row("score_intervals", "s", *map(statistics.median, seconds.values()), note)


def as_mmpose(predicted, truth, visible, boxes):
    """(PCK@0.2 over the boxes, AUC over 30 pixels, EPE), as mmpose defines them: (N, 21, 2) twice, (N, 21), (N,)."""
    distances = np.linalg.norm(predicted - truth, axis=-1)
    counts = visible.sum(axis=0)

    def accuracy(normalised, threshold):
        right = ((normalised < threshold) & visible).sum(axis=0)
        return (right[counts > 0] / counts[counts > 0]).mean()

    in_pixels = distances / 30
    auc = np.mean([accuracy(in_pixels, i / THRESHOLDS) for i in range(THRESHOLDS)])
    return accuracy(distances / boxes[:, None], 0.2), auc, distances[visible].mean()


def drawn_results(hands, seed=0):
    """Results of random hands, four in five joints visible, with the boxes of a data set."""
    rng = np.random.default_rng(seed)
    truth = rng.uniform(0, 300, (hands, 21, 2))
    predicted = truth + rng.normal(0, 25, truth.shape) * rng.uniform(0.1, 2, (hands, 1, 1))
    visible = rng.random((hands, 21)) < 0.8
    names, sizes = list(map(str, range(hands))), np.full((hands, 2), 320)
    annotated = {"dataset": rng.uniform(200, 400, hands)}
    confidences, origins = np.ones((hands, 21)), np.full(hands, "")
    ious = rng.uniform(0.3, 1, hands)
    return Results(names, origins, predicted, confidences, truth, visible, sizes, ious, annotated=annotated)
