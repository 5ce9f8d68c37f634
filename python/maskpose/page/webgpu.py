"""Change an ONNX network so that onnxruntime-web's WebGPU computes it right: it gives the same numbers as before.

onnxruntime-web 1.30.0 miscomputes convolutions whose input's channels are no multiple of 4, such as the 66 of F+. With
3, the image's, it is right. Similar: https://github.com/microsoft/onnxruntime/issues/29651.
"""

from pathlib import Path
from typing import Any

import numpy as np

MULTIPLE = 4  # of channels, that WebGPU's convolutions take at once
IMAGE_CHANNELS = 3


def fit_to_webgpu(path: Path) -> None:
    """Pad the channels of an ONNX file's convolutions to multiples of MULTIPLE, with zeros and weights of zero."""
    import onnx

    model = onnx.load(path)
    _pad_channels(model.graph)
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString())


def _pad_channels(graph: Any) -> None:
    from onnx import helper, numpy_helper

    tensors = {tensor.name: tensor for tensor in graph.initializer}
    for node in [node for node in graph.node if node.op_type == "Conv"]:
        weight = numpy_helper.to_array(tensors[node.input[1]])
        missing = -weight.shape[1] % MULTIPLE
        if not missing or weight.shape[1] == IMAGE_CHANNELS:
            continue
        amounts, padded = f"{node.name}.padding", f"{node.input[0]}@{node.name}"
        graph.initializer.append(numpy_helper.from_array(np.array([0, 0, 0, 0, 0, missing, 0, 0]), amounts))
        wide = np.pad(weight, ((0, 0), (0, missing), (0, 0), (0, 0)))
        tensors[node.input[1]].CopyFrom(numpy_helper.from_array(wide, node.input[1]))
        pad = helper.make_node("Pad", [node.input[0], amounts], [padded], name=f"{node.name}.pad")
        graph.node.insert(list(graph.node).index(node), pad)
        node.input[0] = padded
