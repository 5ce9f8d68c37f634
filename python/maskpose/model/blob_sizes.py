"""How many numbers a network's blobs hold. Caffe aborts the process if its 32 bits cannot count them."""

from maskpose.errors import InputError
from maskpose.model.caffe_types import NetParameter

MOST = (1 << 31) - 1  # numbers in a blob of Caffe's


def check(net: NetParameter, batch_size: int, input_size: int) -> None:
    """Raise InputError if Caffe cannot hold the blobs that ``counts`` and ``columns`` count."""
    largest = max(*counts(net, batch_size, input_size).values(), columns(net, input_size))
    if largest > MOST:
        raise InputError(
            f"{batch_size} images of {input_size}x{input_size} pixels need an array of {largest:.3g} numbers, but "
            f"Caffe's hold {MOST:.3g} at most: choose fewer (batch_size) or smaller images (input_size)"
        )


def counts(net: NetParameter, batch_size: int, input_size: int) -> dict[str, int]:
    """Return {blob: how many numbers it holds}, without labels and losses.

    Args:
        net: a definition of maskpose.model.network.
        batch_size: images that its first layer gives.
        input_size: their side, pixels.
    """
    return {name: batch_size * channels * side**2 for name, (channels, side) in _shapes(net, input_size).items()}


def columns(net: NetParameter, input_size: int) -> int:
    """Return the most numbers that a convolution of ``net`` needs to unroll one image into columns."""
    shapes = _shapes(net, input_size)
    return max(
        layer.convolution_param.kernel_size[0] ** 2 * shapes[layer.bottom[0]][0] * shapes[layer.bottom[0]][1] ** 2
        for layer in net.layer if layer.type == "Convolution"
    )  # fmt: skip


def _shapes(net, input_size):
    """{blob: (channels, side)}, in the order of the layers."""
    shapes = {net.layer[0].top[0]: (3, input_size)}
    for layer in net.layer[1:]:
        bottoms = [shapes[name] for name in layer.bottom if name in shapes]
        if not bottoms or layer.type.endswith("Loss"):
            continue
        channels, side = sum(channels for channels, _ in bottoms), bottoms[0][1]
        if layer.type == "Convolution":
            channels = layer.convolution_param.num_output
        elif layer.type == "Pooling":
            side = -(-side // layer.pooling_param.stride)
        shapes[layer.top[0]] = channels, side
    return shapes
