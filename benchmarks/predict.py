"""How many photographs a second become hands, JPEG to keypoints and mask, beside MediaPipe on the same photographs.

They are the repository's rendered test hands, resampled to 640 x 480 and encoded as JPEG. Each predictor runs in a
process of its own, ``python -m benchmarks.predict FOLDER PREDICTOR VARIANT``, which prints its figures as
JSON: two thread pools in one process would fight. Rounds alternate between predictors.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

from benchmarks import ROUNDS, Row, median_rates
from maskpose import geometry
from maskpose.codecs import heatmaps
from maskpose.data.datasets import onehand10k
from maskpose.errors import InputError
from maskpose.evaluation import metrics
from maskpose.io.files import REPOSITORY, write_text
from maskpose.io.images import decode_color
from maskpose.model.variants import get_variant

SIZE = 640, 480
SECONDS = 8  # of measuring a process
HANDS = REPOSITORY / "examples" / "rendered_hands"
MEDIAPIPE = REPOSITORY / ".venv-mediapipe" / "bin" / "python"
VARIANTS = {"compact": "compact/mask_pose", "full": "mask_pose"}
TWICE = "+refine"  # after an engine's name: with a second look


def run():
    """Yield Rows of frames/s.

    ``<size>_end_to_end``: the fastest engine, peer MediaPipe, with both's PCK@0.2 where the variant has weights;
    ``<size>_<engine>``: each engine, peer the same engine's network by itself, so that the ratio is the network's part
    of the time. Where two looks are the variant's default, ``<size>_two_looks_<engine>`` with them, peer MediaPipe.
    And ``peaks_368`` in ms: finding the 21 peaks, peer the same by enlarging whole maps. Raises InputError where the
    environment of `make mediapipe` is missing.
    """
    from maskpose.inference.engines import ENGINES, missing_packages

    if not MEDIAPIPE.exists():
        raise InputError("this benchmark needs MediaPipe's environment: make mediapipe makes it")
    engines = [name for name in ENGINES if not missing_packages(name)]
    with tempfile.TemporaryDirectory() as folder:
        write_photographs(folder)
        for size, variant in VARIANTS.items():
            twice = [name + TWICE for name in engines] if get_variant(variant).refine else []
            seen = {name: [] for name in ("mediapipe", *engines, *twice)}
            for _ in range(ROUNDS):
                for name, figures in seen.items():
                    figures.append(measure_apart(folder, name, variant))
            middle = {name: _median(figures) for name, figures in seen.items()}
            best = max(engines, key=lambda name: middle[name]["rate"])
            ours, theirs = middle[best], middle["mediapipe"]
            missed = f"MediaPipe's PCK@0.2 {theirs['pck']:.3f}, {theirs['missed']} missed"
            note = f"{best}; {missed}" + (f", ours {ours['pck']:.3f}" if ours["pck"] is not None else "")
            yield Row(f"{size}_end_to_end", "frames/s", ours["rate"], theirs["rate"], note)
            for name in twice:
                figures, engine = middle[name], name.removesuffix(TWICE)
                note = f"{missed}, ours {figures['pck']:.3f}" if figures["pck"] is not None else missed
                yield Row(f"{size}_two_looks_{engine}", "frames/s", figures["rate"], theirs["rate"], note)
            for name in engines:
                yield Row(f"{size}_{name}", "frames/s", middle[name]["rate"], middle[name]["network_rate"])
    yield peaks_row()


def write_photographs(folder):
    """Write the photographs as <n>.jpg and the truth as truth.json: [[x, y, visible] …] each."""
    width, height = SIZE
    truth = []
    for number, (_, _, line) in enumerate(onehand10k.label_lines(HANDS, "Test")):
        name, w, h, keypoints, visible = onehand10k.parse_line(line)
        affine = geometry.fit_affine(w, h, min(SIZE))
        image = decode_color((HANDS / "Test/source" / name).read_bytes(), name)
        image = cv2.warpAffine(image, affine, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        cv2.imwrite(f"{folder}/{number}.jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 90])
        truth.append(np.column_stack([geometry.apply(affine, keypoints), visible]).tolist())
    write_text(f"{folder}/truth.json", json.dumps(truth))


def measure_apart(folder, predictor, variant):
    """The figures that another process prints."""
    python = str(MEDIAPIPE) if predictor == "mediapipe" else sys.executable
    command = [python, "-m", "benchmarks.predict", str(folder), predictor, variant]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        raise InputError(f"{predictor} could not be measured: {result.stderr.strip().splitlines()[-1]}")
    return json.loads(result.stdout.splitlines()[-1])


def measure(folder, predictor, variant):
    """{"rate", "network_rate": frames/s, "pck", "missed"} of a predictor on what ``write_photographs`` wrote."""
    truth = np.array(json.loads(Path(folder, "truth.json").read_text()))
    files = [Path(folder, f"{n}.jpg").read_bytes() for n in range(len(truth))]
    if predictor == "mediapipe":
        predict, network, scored = open_mediapipe(), None, True
    else:
        predict, network, scored = open_ours(predictor.removesuffix(TWICE), variant, predictor.endswith(TWICE))
    predict(files[0])  # warms up
    figures = {"rate": _rate(predict, files), "network_rate": None, "pck": None, "missed": None}
    if network:
        figures["network_rate"] = _rate(network, files)
    if scored:
        found = np.array([predict(data) for data in files])
        visible = truth[..., 2] > 0
        sizes = metrics.box_size(truth[..., :2], visible)
        errors = metrics.normalised_errors(found, truth[..., :2], visible, sizes)
        figures["pck"] = float(metrics.mean_pck(errors, [0.2])[0])
        figures["missed"] = int(np.isnan(found).all(axis=(1, 2)).sum())
    return figures


def peaks_row(rounds=20):
    """ms in which the 21 peaks of a network of 368 pixels are found, beside enlarging its maps whole."""
    rng = np.random.default_rng(1)
    cells = rng.uniform(4, 42, (21, 2))
    maps = heatmaps.encode(cells, np.ones(21, bool), 46, 1.5)[:21]
    maps += rng.normal(0, 0.01, maps.shape).astype(np.float32)

    def ours():
        for _ in range(rounds):
            heatmaps.upsampled_argmax2d(maps)

    def naive():
        for _ in range(rounds):
            heatmaps.argmax2d(heatmaps.upsample(maps))

    return Row("peaks_368", "ms", *(1000 / rate for rate in median_rates(rounds, ours, naive)))


def open_ours(engine, variant, refine):
    """A predictor of ours: (JPEG to keypoints, any file to the network's answer alone, whether it is worth scoring)."""
    from maskpose.inference.predictor import Predictor, default_weights
    from maskpose.model.prototxt import deploy_definition, open_net

    variant = get_variant(variant)
    with tempfile.TemporaryDirectory() as folder:
        try:
            weights, scored = default_weights(variant), True
        except InputError:
            weights, scored = Path(folder, "zero.caffemodel"), False
            open_net(deploy_definition(variant)).save(str(weights))
        predictor = Predictor(variant.name, weights, use_pyramid=False, refine=refine, engine=engine)
    inputs = np.zeros((1, 3, variant.input_size, variant.input_size), np.float32)
    return (
        lambda data: predictor.predict(decode_color(data, "photograph")).keypoints,
        lambda data: predictor.engine(inputs),
        scored,
    )


def open_mediapipe():
    """A callable from the bytes of a JPEG to MediaPipe's keypoints (21, 2), NaN where it finds no hand."""
    from maskpose.evaluation import mediapipe

    model = mediapipe.open_model()

    def predict(data):
        found = mediapipe.find_hand(model, decode_color(data, "photograph"))
        return found[0] if found else np.full((21, 2), np.nan)

    return predict


def _rate(call, files):
    """Calls a second over SECONDS, at least two, of one file after the other."""
    count, started = 0, time.perf_counter()
    while count < 2 or time.perf_counter() < started + SECONDS:
        call(files[count % len(files)])
        count += 1
    return count / (time.perf_counter() - started)


def _median(figures):
    """Of several processes' figures, each one's median."""
    return {
        name: None if figures[0][name] is None else statistics.median(one[name] for one in figures)
        for name in figures[0]
    }


if __name__ == "__main__":
    print(json.dumps(measure(*sys.argv[1:])))
