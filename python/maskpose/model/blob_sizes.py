"""How many numbers a network's blobs hold: Caffe ends the process at one that its 32 bits cannot count."""

from maskpose.errors import InputError

MOST = (1 << 31) - 1  # numbers in a blob of Caffe's


def check(net, batch_size: int, input_size: int) -> None:
    """Raise InputError if Caffe cannot hold the blobs that ``counts`` and ``columns`` count."""
    largest = max(*counts(net, batch_size, input_size).values(), columns(net, input_size))
    if largest > MOST:
        raise InputError(
            f"{batch_size} images of {input_size}x{input_size} pixels need an array of {largest:.3g} numbers; Caffe's "
            f"hold {MOST:.3g} at most. Take fewer (batch_size) or smaller ones (input_size)"
        )


def counts(net, batch_size: int, input_size: int) -> dict[str, int]:
    """{blob: how many numbers it holds} of a NetParameter of maskpose.model.network's, labels and losses left out.

    Its first layer gives ``batch_size`` images of 3 x input_size x input_size.
    """
    return {name: batch_size * channels * side**2 for name, (channels, side) in _shapes(net, input_size).items()}


def columns(net, input_size: int) -> int:
    """How many numbers the largest of the columns holds into which a convolution unrolls one image."""
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
