"""A deploy network without Caffe: the shapes of its weights, and what it computes, by NumPy.

Slow, but anywhere: it tries weights on a small input before another runtime gets them.
"""

import numpy as np
import numpy.typing as npt

from maskpose.errors import InputError
from maskpose.model.caffe_types import NetParameter

Array = npt.NDArray[np.float32]


def weight_shapes(definition: NetParameter) -> dict[str, list[tuple[int, ...]]]:
    """Return {convolution: the shapes of its weights and bias} of a deploy network."""
    channels, shapes = {}, {}
    for layer in definition.layer:
        inputs = sum(channels[bottom] for bottom in layer.bottom)
        if layer.type == "Input":
            inputs = layer.input_param.shape[0].dim[1]
        elif layer.type == "Convolution":
            param = layer.convolution_param
            side = param.kernel_size[0]
            shapes[layer.name] = [(param.num_output, inputs, side, side), (param.num_output,)]
            inputs = param.num_output
        channels[layer.top[0]] = inputs
    return shapes


def forward(definition: NetParameter, weights: dict[str, list[Array]], inputs: Array) -> dict[str, Array]:
    """Return {output: maps} of a deploy network.

    Args:
        definition: of convolutions with a stride of 1, ReLUs, poolings, concatenations and softmaxes alone.
        weights: {convolution: [weights, bias]}.
        inputs: (N, 3, h, w).

    Raises:
        InputError: there is a layer of another kind.
    """
    blobs, used = {}, set()
    for layer in definition.layer:
        if layer.type == "Input":
            blobs[layer.top[0]] = inputs
            continue
        if layer.type not in LAYERS:
            raise InputError(f"layer {layer.name}: {layer.type} cannot be computed")
        bottoms = [blobs[bottom] for bottom in layer.bottom]
        used |= {*layer.bottom} - {*layer.top}
        with np.errstate(over="ignore", invalid="ignore"):
            blobs[layer.top[0]] = LAYERS[layer.type](layer, weights.get(layer.name), *bottoms)
    return {name: maps for name, maps in blobs.items() if name not in used}


def _convolution(layer, weights, maps):
    """The sum over the kernel's places of a product each: (N, C, h, w) and (K, C, k, k) to (N, K, h, w)."""
    kernel, bias = weights
    pad, side = (layer.convolution_param.pad or [0])[0], kernel.shape[-1]
    padded = np.pad(maps, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    height, width = (size - side + 1 for size in padded.shape[2:])
    result = np.empty((len(maps), len(kernel), height, width), np.float32)
    result[...] = bias[:, None, None]
    for y in range(side):
        for x in range(side):
            result += np.einsum(
                "kc,nchw->nkhw", kernel[..., y, x], padded[..., y : y + height, x : x + width], optimize=True
            )
    return result


def _pooling(layer, _, maps):
    """The largest of each square; what a square lacks at the border counts for nothing."""
    side = layer.pooling_param.stride
    height, width = (-(-size // side) for size in maps.shape[2:])
    room = [(0, height * side - maps.shape[2]), (0, width * side - maps.shape[3])]
    padded = np.pad(maps, [(0, 0), (0, 0), *room], constant_values=-np.inf)
    return padded.reshape(*maps.shape[:2], height, side, width, side).max(axis=(3, 5))


def _softmax(layer, _, maps):
    powers = np.exp(maps - maps.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


LAYERS = {
    "Convolution": _convolution,
    "ReLU": lambda layer, _, maps: np.maximum(maps, 0),
    "Pooling": _pooling,
    "Concat": lambda layer, _, *maps: np.concatenate(maps, axis=1),
    "Softmax": _softmax,
}
