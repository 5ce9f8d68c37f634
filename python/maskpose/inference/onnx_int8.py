"""An exported ONNX network in int8, by onnxruntime's static quantisation: for onnxruntime, in the browser too."""

import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from maskpose.errors import InputError
from maskpose.extras import install_command

OPERATORS = ("Conv", "MaxPool", "Concat")  # that are quantised; a ReLU becomes a part of its convolution


def onnx_quantiser() -> Callable[[Any, Iterable[npt.NDArray[np.float32]]], Any]:
    """Return a function that quantises an onnx.ModelProto to int8, and returns a new one.

    It takes the model and network inputs (1, 3, m, m), from which it measures the ranges of values. Activations are
    uint8, weights int8 with a scale per output channel. A convolution that gives an output of the network stays in
    fp32: of 256 levels, many cells of a heatmap would be equal, and its maximum would jump. Raises InputError if
    onnxruntime is missing.
    """
    try:
        from onnxruntime import quantization
        from onnxruntime.quantization.quant_utils import add_pre_process_metadata
    except ImportError:
        raise InputError(f"int8 as ONNX needs onnxruntime: {install_command('onnxruntime')}") from None

    def quantise(model: Any, calibration: Iterable[npt.NDArray[np.float32]]) -> Any:
        import onnx

        inputs = [np.asarray(one, np.float32) for one in calibration]
        if not inputs:
            raise InputError("int8 needs images to calibrate on: none could be read")
        add_pre_process_metadata(model)  # without it a warning proposes what the exported network has no use for
        with tempfile.TemporaryDirectory() as folder:
            before, after = Path(folder) / "before.onnx", Path(folder) / "after.onnx"
            onnx.save(model, before)
            quantization.quantize_static(
                str(before),
                str(after),
                _Inputs(model.graph.input[0].name, inputs),  # pyright: ignore[reportArgumentType]: it need not inherit
                op_types_to_quantize=list(OPERATORS),
                nodes_to_exclude=_output_convolutions(model.graph),
                per_channel=True,
                activation_type=quantization.QuantType.QUInt8,
                weight_type=quantization.QuantType.QInt8,
            )
            quantised = onnx.load(after)
        del quantised.metadata_props[:]
        noted = {one.key: one.value for one in model.metadata_props if one.key.startswith("maskpose")}
        onnx.helper.set_model_props(quantised, noted)
        return quantised

    return quantise


class _Inputs:
    """Network inputs as onnxruntime's calibration asks for them."""

    def __init__(self, name: str, inputs: Sequence[npt.NDArray[np.float32]]):
        self._name, self._inputs = name, iter(inputs)

    def get_next(self) -> dict[str, npt.NDArray[np.float32]] | None:
        """Return the next input by its blob's name, or None after the last."""
        array = next(self._inputs, None)
        return None if array is None else {self._name: array}


def _output_convolutions(graph: Any) -> list[str]:
    """Return the names of the convolutions whose result is an output of the network."""
    outputs = {output.name for output in graph.output}
    return [node.name for node in graph.node if node.op_type == "Conv" and outputs.intersection(node.output)]
