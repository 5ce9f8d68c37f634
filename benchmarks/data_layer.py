"""How fast batches are made, beside the same steps composed in albumentations."""

import dataclasses
import itertools
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

from benchmarks import Row, median_rates
from maskpose import geometry
from maskpose.codecs.heatmaps import encode
from maskpose.data.batches import BatchSource, array_shapes
from maskpose.data.prefetch import open_batches
from maskpose.data.settings import DataSettings
from maskpose.errors import InputError
from maskpose.io.files import read_bytes
from maskpose.testing.databases import drawn_database

BATCH = 13  # the paper's


PAPER_RATE = 13 / 0.49  # images/s that the paper's two GPUs take, section 3.3
WORKERS = 4


def run(batches=8):
    """[Row] of images/s from LMDB to ready batch at 368 x 368; the photographs are drawn, 640 x 480 JPEGs.

    On one core, beside the same steps in albumentations; and by four worker processes on all cores, beside the rate
    at which the paper's two GPUs train. Raises InputError where albumentations is not installed.
    """
    try:
        import albumentations
    except ImportError:
        raise InputError("this benchmark needs albumentations: pip install albumentations") from None
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        settings = DataSettings(db=str(drawn_database(folder, batches * BATCH)), batch_size=BATCH)
        source = BatchSource(settings)
        arrays = {name: np.empty(shape, np.float32) for name, shape in array_shapes(settings).items()}
        samples = list(source.readers[0])
        mask_folder = Path(folder) / "hands/Train/mask"
        masks = [read_bytes(mask_folder / f"{Path(sample.name).stem}.png") for sample in samples]
        pipeline = albumentations_pipeline(albumentations, settings)
        numbers = itertools.count()

        def fill_ours():
            for number in itertools.islice(numbers, batches):
                source.fill(number, arrays)

        def fill_peers():
            for first in range(0, batches * BATCH, BATCH):
                part = slice(first, first + BATCH)
                fill_with_albumentations(pipeline, samples[part], masks[part], settings, arrays)

        ours, peer = median_rates(batches * BATCH, fill_ours, fill_peers)
        source.close()
        workers = feeding_rate(dataclasses.replace(settings, workers=WORKERS), 10 * batches)
    return [Row("data_layer", "images/s", ours, peer), Row("feeding_4_workers", "images/s", workers, PAPER_RATE)]


def feeding_rate(settings, batches):
    """images/s that the worker processes of ``settings`` hand over."""
    source = open_batches(settings)
    for _ in range(2 * settings.workers):  # those that were made while the workers started
        source.next()
    started = time.perf_counter()
    for _ in range(batches):
        source.next()
    elapsed = time.perf_counter() - started
    source.close()
    return batches * settings.batch_size / elapsed


def albumentations_pipeline(albumentations, settings):
    """Section 3.3's augmentation as albumentations composes it."""
    size, fill = settings.input_size, (128, 128, 128)
    low, high = settings.scale
    return albumentations.Compose(
        [
            albumentations.LongestMaxSize(size),
            albumentations.PadIfNeeded(size, size, position="top_left", fill=fill, fill_mask=0),
            albumentations.RandomScale((low - 1, high - 1), p=1),
            albumentations.Rotate(settings.rotation, border_mode=cv2.BORDER_CONSTANT, fill=fill, fill_mask=0, p=1),
            albumentations.PadIfNeeded(size, size, position="random", fill=fill, fill_mask=0),
            albumentations.RandomCrop(size, size),
            albumentations.HorizontalFlip(p=settings.flip),
            albumentations.Normalize(mean=(0.5, 0.5, 0.5), std=(1, 1, 1), max_pixel_value=256),
        ],
        keypoint_params=albumentations.KeypointParams(format="xy", remove_invisible=False),
    )


def fill_with_albumentations(pipeline, samples, masks, settings, arrays):
    """What BatchSource.fill makes, from the samples' JPEGs and PNG masks; the heatmaps by our own code."""
    cells = settings.grid_size
    for i, (sample, png) in enumerate(zip(samples, masks)):
        image = cv2.imdecode(np.frombuffer(sample.image, np.uint8), cv2.IMREAD_COLOR)
        mask = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_GRAYSCALE)
        made = pipeline(image=image, mask=mask, keypoints=sample.keypoints)
        arrays["image"][i] = made["image"].transpose(2, 0, 1)
        arrays["mask"][i, 0] = cv2.resize(made["mask"], (cells, cells), interpolation=cv2.INTER_AREA) > 127
        points = geometry.apply(geometry.grid_affine(), made["keypoints"])
        visible = sample.visible & geometry.inside(points, cells, cells)
        encode(points, visible, cells, settings.sigma, settings.background, arrays["heatmaps"][i])
