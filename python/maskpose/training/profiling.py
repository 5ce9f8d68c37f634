"""Where the time of a training iteration goes: data, forward, backward, and the rest."""

import dataclasses
import tempfile
import time
from pathlib import Path

import numpy as np

from maskpose.data.datasets import onehand10k
from maskpose.io.progress import progress_bar
from maskpose.runtime import import_caffe
from maskpose.testing import drawn_hands
from maskpose.training import trainer
from maskpose.training.distributed import SingleProcess

PAPER = "the paper: 0.49 s for a batch of 13 at 368x368, mask_pose, on two GTX 1080 Ti"
WARM_UP = 2  # iterations before the measured ones: memory is allocated, workers start


@dataclasses.dataclass
class Times:
    """Mean seconds of an iteration and of its parts, over ``iterations``."""

    iterations: int
    batch_size: int  # of all ranks together
    total: float
    data: float  # waiting for the batch and handing it over
    forward: float
    backward: float

    @property
    def rest(self):
        """Averaging of gradients between ranks, the solver's update, and what lies between the layers."""
        return self.total - self.data - self.forward - self.backward

    @property
    def images_per_second(self):
        """Of all ranks together."""
        return self.batch_size / self.total

    def text(self):
        """A line for each part."""
        lines = [f"an iteration {self.total:9.4g} s   {self.images_per_second:.4g} images/s"]
        for part in ("data", "forward", "backward", "rest"):
            seconds = getattr(self, part)
            lines.append(f"  {part:<10} {seconds:9.4g} s   {seconds / self.total:4.0%}")
        return "\n".join(lines)


class Stopwatch:
    """Sums the seconds of layer 0 (the data), of the other layers forward, and of all layers backward.

    Caffe calls it before and after each layer, so that what is timed is the solver's own step. On a GPU, work that
    a layer only starts may count for a later part.
    """

    def __init__(self, net):
        self.data = self.forward = self.backward = 0.0
        self._last = len(net.layers) - 1
        net.before_forward(self._before_forward)
        net.after_forward(self._after_forward)
        net.before_backward(self._before_backward)
        net.after_backward(self._after_backward)

    def _before_forward(self, layer):
        if layer == 0:
            self._started = time.perf_counter()

    def _after_forward(self, layer):
        if layer == 0:
            now = time.perf_counter()
            self.data += now - self._started
            self._started = now
        elif layer == self._last:
            self.forward += time.perf_counter() - self._started

    def _before_backward(self, layer):
        if layer == self._last:
            self._started = time.perf_counter()

    def _after_backward(self, layer):
        if layer == 0:
            self.backward += time.perf_counter() - self._started


def measure(run, iterations, group=None, one_batch=False, progress=True):
    """Times of ``iterations`` steps of a training.Run from random weights; nothing is logged or kept.

    one_batch: give the network its first batch again and again, so that no data is made. group: the ranks that
    train together; each measures itself, and has the same total. Raises InputError as training.train does.
    """
    caffe = import_caffe()
    group = group or SingleProcess()
    with tempfile.TemporaryDirectory(prefix="maskpose-time-") as folder, group:
        run = dataclasses.replace(run, folder=Path(folder), iterations=WARM_UP + iterations)
        trainer.write_definitions(run)
        solver = caffe.get_solver(str(run.folder / "solver.prototxt"))
        layer = solver.net.layers[0]
        watch = Stopwatch(solver.net)
        group.connect(solver)
        try:
            if one_batch:
                repeat_first_batch(solver)
            solver.step(WARM_UP)
            group.mean([0])  # all ranks begin together
            watch.data = watch.forward = watch.backward = 0.0
            started = time.perf_counter()
            for _ in progress_bar(range(iterations), unit="it", disable=not progress or group.rank > 0):
                solver.step(1)
            total = time.perf_counter() - started
        finally:
            layer.close()
    parts = np.array([total, watch.data, watch.forward, watch.backward]) / iterations
    return Times(iterations, layer.settings.batch_size, *parts.tolist())


def repeat_first_batch(solver):
    """Let a solver's data layer give its first batch again and again, so that no data is made."""
    net = solver.net
    layer = net.layers[0]
    net.forward(end=net._layer_names[0])
    arrays = {name: array.copy() for name, array in zip(layer.settings.outputs, tops(net))}
    layer.close()
    layer.batches = OneBatch(arrays)


class OneBatch:
    """The interface of prefetch.Prefetcher over arrays that never change."""

    waited = 0.0

    def __init__(self, arrays):
        self._arrays = arrays

    def next(self):
        """The same {output: array} each time."""
        return self._arrays

    def close(self):
        """Nothing to end."""


def tops(net):
    """The arrays of the tops of a net's first layer."""
    return [net.blobs[name].data for name in net.top_names[net._layer_names[0]]]


def drawn_database(folder, count=104, size=(640, 480)):
    """Make an LMDB of ``count`` drawn hands, JPEGs of ``size`` (w, h) pixels, in ``folder``; give its path."""
    hands = Path(folder) / "hands"
    drawn_hands.write_onehand10k(hands, count, seed=1, split="Train", sizes=(size,))
    onehand10k.build_db(hands, onehand10k.plan(hands)["train"], Path(folder) / "train.lmdb")
    return Path(folder) / "train.lmdb"
