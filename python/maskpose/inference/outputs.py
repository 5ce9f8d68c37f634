"""What an engine computes, and what of it is refused."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from maskpose.errors import InputError
from maskpose.model.variants import Variant

Outputs: TypeAlias = dict[str, npt.NDArray[np.float32]]
Engine: TypeAlias = Callable[[npt.NDArray[np.float32]], Outputs]


def checked_outputs(
    engine: Engine, inputs: npt.NDArray[np.float32], variant: Variant, weights_name: str = ""
) -> Outputs:
    """The outputs of an engine for ``inputs``, with each of the variant's blobs.

    If the engine's network has another number of sub-stages, the heatmaps are those of its last sub-stage.

    Args:
        engine: computes the network.
        inputs: (N, 3, m, m).
        variant: says which outputs are expected.
        weights_name: the weights' file, for the message.

    Raises:
        InputError: an output is missing or not finite.
    """
    outputs = engine(inputs)
    if variant.pose and variant.heatmap_blob not in outputs:
        sub_stages = [blob for blob in outputs if blob.startswith("Mconv7_stage")]
        if sub_stages:
            last = max(sub_stages, key=lambda blob: (len(blob), blob))
            outputs = {**outputs, variant.heatmap_blob: outputs[last]}
    if missing := [blob for blob in variant.blobs if blob not in outputs]:
        raise InputError(f"the engine gives no {missing[0]}, which {variant.name} has")
    refuse_overflow(outputs, variant, weights_name)
    return outputs


def refuse_overflow(outputs: Outputs, variant: Variant, weights_name: str = "") -> None:
    """Raise InputError, which names the weights, if one of the variant's outputs is not finite."""
    for blob in variant.blobs:
        if not np.isfinite(outputs[blob]).all():
            raise InputError(
                (f"weights {weights_name}: " if weights_name else "") + f"the network's output {blob} is not finite "
                "(NaN or infinity): the weights are damaged, or their training diverged"
            )
