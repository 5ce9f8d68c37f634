"""A Caffe network of the cascade as ONNX: the layers that its deploy prototxts are made of, and no others."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from maskpose import __version__
from maskpose.errors import InputError
from maskpose.extras import install_command
from maskpose.model.caffe_types import NetParameter

OPSET = 17
BATCH = "N"  # name of the dynamic dimension
VARIANT, WEIGHTS = "maskpose_variant", "maskpose_weights_sha256"  # keys of the model's metadata


def onnx_model(
    definition: NetParameter,
    parameters: Mapping[str, Sequence[npt.NDArray[np.float32]]],
    name: str,
    weights_sha256: str | None = None,
) -> Any:
    """Return an onnx.ModelProto that computes what a Caffe network does, for any batch; onnx's checker has passed it.

    Its input and outputs have the blobs' names.

    Args:
        definition: the deploy network, whose first layer is its Input (1, 3, m, m).
        parameters: weights and bias of each convolution, by its layer's name.
        name: of the variant, which the model notes.
        weights_sha256: of the weights' file, which the model notes, too.

    Raises:
        InputError: the network has a layer of another kind, or the onnx package is missing.
    """
    try:
        import onnx
        from onnx import helper, numpy_helper
    except ImportError:
        raise InputError(f"exporting needs the onnx package: {install_command('onnx')}") from None

    def value(blob: str, shape: Sequence[int | str | None]) -> Any:
        return helper.make_tensor_value_info(blob, onnx.TensorProto.FLOAT, shape)

    (source,) = [layer for layer in definition.layer if layer.type == "Input"]
    inputs = [value(source.top[0], [BATCH, *list(source.input_param.shape[0].dim)[1:]])]
    tensor_of = {source.top[0]: source.top[0]}  # the tensor that a blob is by now: ReLU works in place
    nodes, tensors = [], []
    for layer in definition.layer:
        if layer is source or layer.type == "Input":
            continue
        kind, attributes = _operator(layer)
        bottoms = [tensor_of[blob] for blob in layer.bottom]
        for part, array in zip(("weight", "bias"), parameters.get(layer.name, ())):
            tensors.append(numpy_helper.from_array(np.asarray(array, np.float32), f"{layer.name}.{part}"))
            bottoms.append(tensors[-1].name)
        (top,) = layer.top
        tensor_of[top] = f"{top}@{layer.name}" if top in layer.bottom else top
        nodes.append(helper.make_node(kind, bottoms, [tensor_of[top]], name=layer.name, **attributes))
    outputs = []
    for blob in _outputs(definition):
        if tensor_of[blob] != blob:
            nodes.append(helper.make_node("Identity", [tensor_of[blob]], [blob]))
        outputs.append(value(blob, [BATCH, None, None, None]))
    graph = helper.make_graph(nodes, name, inputs, outputs, tensors)
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="maskpose", producer_version=__version__,
        ir_version=8,
    )  # fmt: skip
    helper.set_model_props(model, {VARIANT: name} | ({WEIGHTS: weights_sha256} if weights_sha256 else {}))
    onnx.checker.check_model(model, full_check=True)
    return model


def _operator(layer: Any) -> tuple[str, dict[str, Any]]:
    """Return a layer's ONNX operator and its attributes. Raises InputError if it has none."""
    if layer.type == "Convolution":
        param = layer.convolution_param
        kernel, pad, stride = ((list(field) or [default]) * 2 for field, default in (
            (param.kernel_size, 0), (param.pad, 0), (param.stride, 1)))  # fmt: skip
        return "Conv", {"kernel_shape": kernel[:2], "pads": pad[:2] * 2, "strides": stride[:2]}
    if layer.type == "Pooling" and layer.pooling_param.pool == layer.pooling_param.MAX:
        param = layer.pooling_param
        return "MaxPool", {"kernel_shape": [param.kernel_size] * 2, "strides": [param.stride] * 2, "ceil_mode": 1}
    if layer.type == "ReLU" and not layer.relu_param.negative_slope:
        return "Relu", {}
    if layer.type == "Concat":
        return "Concat", {"axis": layer.concat_param.axis}
    if layer.type == "Softmax":
        return "Softmax", {"axis": layer.softmax_param.axis}
    raise InputError(f"layer {layer.name}: {layer.type} cannot be exported")


def _outputs(definition: NetParameter) -> list[str]:
    """Return the blobs that no layer takes, in the network's order."""
    taken = {blob for layer in definition.layer for blob in layer.bottom if blob not in layer.top}
    return list(dict.fromkeys(blob for layer in definition.layer for blob in layer.top if blob not in taken))
