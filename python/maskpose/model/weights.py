"""Weights, copied from files into networks, averaged and written. maskpose.model.weight_files reads the files."""

import textwrap
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from maskpose.codecs.preprocessing import INPUT_VALUES
from maskpose.errors import InputError
from maskpose.io.files import write_bytes
from maskpose.io.paths import PathLike
from maskpose.model import weight_files
from maskpose.model.blobs import refuse_not_finite, shape_text
from maskpose.model.caffe_types import Net
from maskpose.model.weight_files import CaffeModel, Hdf5Weights, read

VGG_MEAN = (103.939, 116.779, 123.68)  # BGR, taken from inputs of 0 to 255 (Simonyan and Zisserman's model card)
SMALLEST = np.finfo(np.float32).tiny  # below it single precision loses digits, and processors are slow
INPUTS = ("maskpose", "vgg")  # that a file's first layer expects: BGR / 256 - 0.5, or 0 to 255 less VGG_MEAN


def load(net: Net, path: PathLike, whole: bool = False, stored: CaffeModel | Hdf5Weights | None = None) -> list[str]:
    """Copy the weights in ``path`` into ``net`` by layer name.

    Weights below SMALLEST become 0. Adam shrinks the weights of dead features to such numbers (half of the shipped
    ones). They change no result, but a processor takes ten times as long to multiply by them.

    Args:
        net: what is filled. If an error is raised, it stays as it was.
        path: of a caffemodel or an HDF5 file.
        whole: whether the file and the network must have the same layers.
        stored: what ``read`` returned for the file, if it has been read.

    Returns:
        The names of the layers that were filled.

    Raises:
        InputError: the file is not one of weights, or damaged; weights of it are not finite; it shares no layer with
            the network, or one of another shape; or, with ``whole``, either has a layer that the other lacks.
    """
    wanted = {name: [tuple(blob.data.shape) for blob in blobs] for name, blobs in net.params.items()}
    found = matching(wanted, path, whole, stored)
    for name, arrays_of_layer in found.items():
        for blob, array in zip(net.params[name], arrays_of_layer):
            blob.data[...] = array
    return list(found)


def matching(
    wanted: dict[str, list[tuple[int, ...]]],
    path: PathLike,
    whole: bool = False,
    stored: CaffeModel | Hdf5Weights | None = None,
) -> dict[str, list[npt.NDArray[np.float32]]]:
    """Return the weights in ``path`` for a network, {layer: [weights, bias]}; arguments and errors as ``load``.

    wanted: {layer: the shapes of its weights and bias} of the network.
    """
    stored = stored or read(path)
    theirs = stored.shapes
    shared = [name for name in wanted if name in theirs]
    for name in shared:
        if not stored.fits(name, wanted[name]):
            raise InputError(
                f"weights {path} are of another variant: layer {name} is {_texts(theirs[name])} there, "
                f"{_texts(wanted[name])} in this network"
            )
    missing = [name for name in wanted if name not in theirs]
    if not shared or (whole and missing):
        raise InputError(f"weights {path} are of another variant: they have no layer {missing[0]}")
    if whole and (unused := [name for name in theirs if name not in wanted]):
        raise InputError(f"weights {path} are of another variant: this network has no layer {unused[0]}")
    return {
        name: [
            np.where(np.abs(array) < SMALLEST, np.float32(0), array).reshape(shape)
            for array, shape in zip(stored.arrays(name), wanted[name])
        ]
        for name in shared
    }


def start_from(net: Net, path: PathLike, trained_on: str | None = None, verbose: bool = False) -> str:
    """Copy weights into ``net``, to train it further.

    Args:
        net: what is filled.
        path: of a file of weights. Weights for VGG's inputs are converted (``from_vgg_input``).
        trained_on: which of INPUTS the weights expect; None: as the network's name in the file suggests.
        verbose: whether the report names the layers, beside their numbers.

    Returns:
        A report of how many layers were filled, lines of text.

    Raises:
        InputError: as ``load``.
    """

    def named(text: str, layers: Sequence[str]) -> str:
        return f"{text}: {', '.join(layers)}" if verbose else text

    stored = read(path)
    filled = load(net, path, stored=stored)
    lines = [named(f"{path}: {len(filled)} of {len(net.params)} layers filled", filled)]
    if left := [name for name in net.params if name not in filled]:
        lines.append(named(f"layers that are not in the file, so random: {len(left)}", left))
    if unused := [name for name in stored.shapes if name not in net.params]:
        lines.append(named(f"layers of the file that this network lacks: {len(unused)}", unused))
    if (trained_on or input_of(stored)) == "vgg":
        from_vgg_input(net, filled)
        lines.append(
            "trained on inputs of 0 to 255 less their mean: biases were divided by 256, the mean was put into conv1_1; "
            "the features are VGG's, 256 times smaller"
        )
    wrapping = textwrap.TextWrapper(118, subsequent_indent="  ", break_on_hyphens=False, break_long_words=False)
    return "\n".join(map(wrapping.fill, lines))


def input_of(stored: CaffeModel | Hdf5Weights) -> str:
    """Return which of INPUTS the network of a file was trained on, by the network's name."""
    return "vgg" if stored.name.upper().startswith("VGG_ILSVRC") else "maskpose"


def from_vgg_input(net: Net, filled: Sequence[str]) -> None:
    """Convert layers with VGG's weights to inputs of BGR / 256 - 0.5.

    VGG's input x and this network's x' are related by x = 256 x' + 128 - mean. If biases are divided by 256 and the
    bias of the first layer takes up the difference of the means, the features of every layer are 1/256 of VGG's.
    ReLU and pooling keep that factor. Only the border differs: there VGG is padded with the mean colour, and this
    network with grey.

    Args:
        net: what is converted.
        filled: the names of the layers with VGG's weights, in the network's order from its input on.
    """
    scale = float(INPUT_VALUES[1] - INPUT_VALUES[0])
    zero = -INPUT_VALUES[0] / scale  # the grey level that becomes 0
    for name in filled:
        weights, bias = (blob.data for blob in net.params[name])
        if weights.shape[1] == 3:
            bias += weights.sum(axis=(2, 3)) @ (zero - np.array(VGG_MEAN))
        bias *= scale


def arrays(net: Net) -> dict[str, list[npt.NDArray[np.float32]]]:
    """Return {layer: [its weights and bias]}, copies."""
    return {name: [blob.data.copy() for blob in blobs] for name, blobs in net.params.items()}


def caffemodel(net: Net, name: str = "") -> bytes:
    """Return the bytes of a .caffemodel with the weights of ``net``; ``name`` is the network's in it."""
    types = dict(zip(net._layer_names, (layer.type for layer in net.layers)))
    return weight_files.caffemodel(name, {layer: (types[layer], blobs) for layer, blobs in arrays(net).items()})


def average(net: Net, paths: Sequence[PathLike], path: PathLike) -> None:
    """Write the mean of several files' weights. It may be better than each of them if their runs began alike.

    Args:
        net: a network of their variant. It holds the mean afterwards.
        paths: files of weights.
        path: the caffemodel to write.

    Raises:
        InputError: as ``load`` for a file of another network, or the mean is not finite or cannot be written.
    """
    sums: dict[str, list[npt.NDArray[np.float32]]] = {}
    for source in paths:
        load(net, source, whole=True)
        loaded = arrays(net)
        with np.errstate(over="ignore"):
            sums = {name: [a + b for a, b in zip(sums[name], loaded[name])] for name in loaded} if sums else loaded
    for name, blobs in net.params.items():
        for blob, total in zip(blobs, sums[name]):
            blob.data[...] = total / len(paths)
            refuse_not_finite(blob.data, f"the mean of {len(paths)} files: layer {name}")
    write_bytes(path, caffemodel(net, read(paths[0]).name))


def _texts(shapes):
    return " and ".join(map(shape_text, shapes))
