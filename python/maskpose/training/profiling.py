"""The time of a training iteration and of its parts: data, forward, backward, and the rest."""

import dataclasses
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from maskpose.io.progress import progress_bar
from maskpose.model.caffe_types import Net, Solver
from maskpose.runtime import import_caffe
from maskpose.training.distributed import Group, SingleProcess
from maskpose.training.run import Run, write_definitions

PAPER = "the paper: 0.49 s for a batch of 13 at 368x368, mask_pose, on two GTX 1080 Ti"
WARM_UP = 2  # iterations before the measured ones, in which memory is allocated and workers start


@dataclasses.dataclass
class Times:
    """Mean seconds of an iteration and of its parts, over ``iterations``."""

    iterations: int
    batch_size: int  # images of all ranks together
    total: float
    data: float  # waiting for the batch and copying it
    forward: float
    backward: float

    @property
    def rest(self) -> float:
        """Seconds of averaging the ranks' gradients, of the solver's update, and between the layers."""
        return self.total - self.data - self.forward - self.backward

    @property
    def images_per_second(self) -> float:
        """Images that all ranks together train on in a second."""
        return self.batch_size / self.total

    def text(self) -> str:
        """Return a line for the iteration and one for each part."""
        lines = [f"an iteration {self.total:9.4g} s   {self.images_per_second:.4g} images/s"]
        for part in ("data", "forward", "backward", "rest"):
            seconds = getattr(self, part)
            lines.append(f"  {part:<10} {seconds:9.4g} s   {seconds / self.total:4.0%}")
        return "\n".join(lines)


class Stopwatch:
    """Sums the seconds of layer 0 (the data), of the other layers forward, and of all layers backward.

    Caffe calls it before and after each layer of the solver's own step. On a GPU, the work that a layer starts may
    count for a later part.
    """

    def __init__(self, net: Net):
        """Begin at 0 seconds."""
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


def measure_iterations(
    run: Run, iterations: int, group: Group | None = None, one_batch: bool = False, progress: bool = True
) -> Times:
    """Time iterations of a run from random weights. Nothing is logged or kept.

    Args:
        run: what to time.
        iterations: how many.
        group: the ranks that train together; each measures itself. None: this process alone.
        one_batch: whether the network gets its first batch again and again, so that no data is made.
        progress: whether to show a bar.

    Raises:
        InputError: as ``maskpose.training.trainer.train``.
    """
    caffe = import_caffe()
    group = group or SingleProcess()
    with tempfile.TemporaryDirectory(prefix="maskpose-time-") as folder, group:
        run = dataclasses.replace(run, folder=Path(folder), iterations=WARM_UP + iterations)
        write_definitions(run)
        solver = caffe.get_solver(str(run.folder / "solver.prototxt"))
        layer = solver.net.layers[0]
        watch = Stopwatch(solver.net)
        group.connect(solver)
        try:
            if one_batch:
                repeat_first_batch(solver)
            solver.step(WARM_UP)
            group.barrier()  # all ranks begin together
            watch.data = watch.forward = watch.backward = 0.0
            started = time.perf_counter()
            for _ in progress_bar(range(iterations), unit="it", disable=not progress or group.rank > 0):
                solver.step(1)
            total = time.perf_counter() - started
        finally:
            layer.close()
    parts = np.array([total, watch.data, watch.forward, watch.backward]) / iterations
    return Times(iterations, layer.settings.batch_size, *parts.tolist())


def repeat_first_batch(solver: Solver) -> None:
    """Let a solver's data layer return its first batch again and again, so that no data is made."""
    net = solver.net
    layer = net.layers[0]
    net.forward(end=net._layer_names[0])
    arrays = {name: array.copy() for name, array in zip(layer.settings.outputs, data_tops(net))}
    layer.close()
    layer.batches = OneBatch(arrays)


class OneBatch:
    """Has the methods of prefetch.Prefetcher, and always the same batch."""

    waited = 0.0

    def __init__(self, arrays: Mapping[str, npt.NDArray[np.float32]]):
        """arrays: {output: its array}."""
        self._arrays = arrays

    def next(self) -> Mapping[str, npt.NDArray[np.float32]]:
        """Return the batch."""
        return self._arrays

    def close(self) -> None:
        """Do nothing: there are no workers."""


def data_tops(net: Net) -> list[npt.NDArray[np.float32]]:
    """Return the arrays of the tops of a network's first layer."""
    return [net.blobs[name].data for name in net.top_names[net._layer_names[0]]]
