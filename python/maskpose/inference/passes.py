"""Passes: the network over crops of images, a batch at a time."""

import itertools
import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from maskpose.boxes import Box
from maskpose.codecs.preprocessing import crop_to_input
from maskpose.inference.outputs import Engine, Outputs, checked_outputs
from maskpose.model.variants import Variant

Item = TypeVar("Item")


class PassRunner:
    """Runs an engine on crops. Threads may share it: they take turns at the engine."""

    def __init__(self, engine: Engine, variant: Variant, batch: int, mirror: bool, weights_name: str = ""):
        """Take an engine.

        Args:
            engine: computes the network.
            variant: what the network is.
            batch: how many inputs the engine gets at once, at most.
            mirror: average every output with that of the mirrored input.
            weights_name: the weights' file, for error messages.
        """
        self._engine, self._variant, self._batch = engine, variant, batch
        self._mirror, self._weights_name = mirror, weights_name
        self._turn = threading.Lock()

    def run_crops(self, image: npt.NDArray[np.uint8], crops: Sequence[Box], mirror: bool = False) -> list[Outputs]:
        """Return the network's outputs for each of several crops of an image.

        Args:
            image: (h, w, 3) BGR.
            crops: in the image's pixels.
            mirror: average with the mirrored crops' outputs, whatever the runner does otherwise.

        Returns:
            {blob: (C, m/8, m/8)} per crop.

        Raises:
            InputError: an output is missing or not finite.
        """
        inputs = np.stack([crop_to_input(image, crop, self._variant.input_size) for crop in crops])
        return self.run(inputs, mirror)

    def run(self, inputs: npt.NDArray[np.float32], mirror: bool = False) -> list[Outputs]:
        """Return the outputs for each of ``inputs`` (N, 3, m, m); arguments and errors are those of ``run_crops``."""
        results = []
        for start in range(0, len(inputs), self._batch):
            part = inputs[start : start + self._batch]
            with self._turn:  # most engines keep what they compute in themselves
                outputs = self._compute(part)
                if self._mirror or mirror:
                    mirrored = flipped(self._compute(np.ascontiguousarray(part[..., ::-1])))
                    outputs = {blob: (maps + mirrored[blob]) / 2 for blob, maps in outputs.items()}
            results += [{blob: maps[n] for blob, maps in outputs.items()} for n in range(len(part))]
        return results

    def _compute(self, inputs: npt.NDArray[np.float32]) -> Outputs:
        return checked_outputs(self._engine, inputs, self._variant, self._weights_name)


def flipped(outputs: Outputs) -> Outputs:
    """Return the outputs mirrored. Keypoints keep their numbers: the network does not tell left hands from right."""
    return {blob: maps[..., ::-1] for blob, maps in outputs.items()}


def in_batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Yield lists of ``size`` items, the last one with what is left. No item is taken before its list is due."""
    remaining = iter(items)
    while batch := list(itertools.islice(remaining, size)):
        yield batch
