"""Each layer of a network on one processor beside the same layer on another, forward and backward."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from maskpose.io.paths import PathLike
from maskpose.model.caffe_types import Net, NetParameter
from maskpose.model.network import train_net
from maskpose.model.variants import NUM_KEYPOINTS, STRIDE, Variant
from maskpose.runtime import import_caffe

ENGINE_LAYERS = {"Convolution": "convolution_param", "ReLU": "relu_param", "Pooling": "pooling_param",
                 "Softmax": "softmax_param", "SoftmaxWithLoss": "softmax_param"}  # fmt: skip
CAFFE = 1  # the value of ``engine`` for Caffe's own layers


def use_engine(net: NetParameter, engine: str) -> None:
    """Let a NetParameter's layers be Caffe's own if ``engine`` is "caffe"; "default" leaves the choice to the build."""
    for layer in net.layer:
        if engine == "caffe" and layer.type in ENGINE_LAYERS:
            getattr(layer, ENGINE_LAYERS[layer.type]).engine = CAFFE


def definition(variant: Variant, batch: int, side: int, engine: str) -> NetParameter:
    """Return the definition of the training network that takes its batch from outside, of images of ``side`` pixels."""
    net = train_net(variant, "none")
    channels = {"data": 3, "mask_label": 1, "heatmap_label": NUM_KEYPOINTS + 1}
    layers = []
    for top in net.layer[0].top:
        size = side if top == "data" else side // STRIDE
        layer = type(net.layer[0])(name=top, type="Input", top=[top])
        layer.input_param.shape.add().dim.extend((batch, channels[top], size, size))
        layers.append(layer)
    layers += list(net.layer)[1:]
    del net.layer[:]
    net.layer.extend(layers)
    net.force_backward = True  # the first convolution's gradient to the image too
    use_engine(net, engine)
    return net


def fill(net: Net, seed: int = 0) -> None:
    """Give a caffe.Net weights and inputs under which signals neither vanish nor explode."""
    rng = np.random.default_rng(seed)
    for weight, bias in net.params.values():
        weight.data[...] = rng.normal(0, np.sqrt(2 / np.prod(weight.data.shape[1:])), weight.data.shape)
        bias.data[...] = rng.normal(0, 0.1, bias.data.shape)
    for name in net.inputs:
        values = rng.uniform(-0.5, 0.5, net.blobs[name].data.shape)
        net.blobs[name].data[...] = values > 0 if name == "mask_label" else values


def compare(
    reference: Net, other: Net, on_reference: Callable[[], None], on_other: Callable[[], None]
) -> Iterator[tuple[str, str, dict[str, float]]]:
    """Yield (layer, "forward" or "backward", {what: relative difference}) of two caffe.Nets of the same layers.

    Each layer of ``other`` gets what the reference's had, so that differences do not add up from layer to layer.

    Args:
        reference: a net that ``fill`` has filled.
        other: a net of the same layers, whatever its weights are.
        on_reference, on_other: called before work on each, to choose its processor.
    """
    names = list(reference._layer_names)
    for name, blobs in reference.params.items():
        for given, taken in zip(blobs, other.params[name]):
            taken.data[...] = given.data
    for number, name in enumerate(names):
        tops, bottoms = reference.top_names[name], reference.bottom_names[name]
        copy_data(reference, other, bottoms if bottoms else tops)
        run_layer(reference, on_reference, "_forward", number)
        run_layer(other, on_other, "_forward", number)
        yield name, "forward", {top: relative(other.blobs[top].data, reference.blobs[top].data) for top in tops}
    reference.clear_param_diffs()
    on_other()
    other.clear_param_diffs()
    for number, name in reversed(list(enumerate(names))):
        tops, bottoms = reference.top_names[name], reference.bottom_names[name]
        copy_data(reference, other, [*bottoms, *tops])
        for top in tops:
            other.blobs[top].diff[...] = reference.blobs[top].diff
        run_layer(reference, on_reference, "_backward", number)
        run_layer(other, on_other, "_backward", number)
        found = {b: relative(other.blobs[b].diff, reference.blobs[b].diff) for b in bottoms}
        kinds = zip(("weights", "bias"), reference.params.get(name, ()), other.params.get(name, ()))
        found |= {kind: relative(theirs.diff, ours.diff) for kind, ours, theirs in kinds}
        if found:
            yield name, "backward", found


def copy_data(source: Net, target: Net, names: Iterable[str]) -> None:
    """Copy blobs' data from net to net."""
    for name in names:
        target.blobs[name].data[...] = source.blobs[name].data


def run_layer(net: Net, choose_processor: Callable[[], None], method: str, number: int) -> None:
    """Run one layer of a net, forward or backward (the name of pycaffe's method), on the processor chosen."""
    choose_processor()
    getattr(net, method)(number, number)


def relative(found: npt.NDArray, expected: npt.NDArray) -> float:
    """Largest difference over the largest expected value; infinite where anything is not finite."""
    if not (np.isfinite(found).all() and np.isfinite(expected).all()):
        return float("inf")
    return float(np.abs(found - expected).max() / max(np.abs(expected).max(), 1e-30))


def open_net(net: NetParameter, folder: PathLike, name: str) -> Net:
    """Write a definition into ``folder``, and return the net of it, in TRAIN phase."""
    caffe = import_caffe()
    path = Path(folder) / f"{name}.prototxt"
    path.write_text(str(net))
    return caffe.Net(str(path), caffe.TRAIN)
