"""Weights: copied from files into networks, averaged, written. maskpose.model.weight_files reads the files."""

import textwrap

import numpy as np

from maskpose.codecs.preprocessing import INPUT_VALUES
from maskpose.errors import InputError
from maskpose.io.files import write_bytes
from maskpose.model import weight_files
from maskpose.model.blobs import refuse_not_finite, shape_text
from maskpose.model.weight_files import read

VGG_MEAN = (103.939, 116.779, 123.68)  # BGR, taken from inputs of 0 to 255 (Simonyan and Zisserman's model card)
SMALLEST = np.finfo(np.float32).tiny  # below it single precision loses digits, and processors their speed
INPUTS = ("maskpose", "vgg")  # what a file's first layer expects: BGR / 256 - 0.5, or 0 to 255 less VGG_MEAN


def load(net, path, whole=False, stored=None):
    """Copy the weights in ``path`` into ``net`` by layer name; give the names of the layers filled.

    Weights below SMALLEST become 0. Adam shrinks those of features that died to such numbers (half of the shipped
    ones); they change no result, but multiplying by them takes processors ten times as long.

    Args:
        net: a caffe.Net; where an error is raised it stays as it was.
        path: of a caffemodel or an HDF5 file.
        whole: whether the file and the network must have the same layers.
        stored: what ``read`` gave of the file, if it has been read.

    Raises:
        InputError: the file is none, or damaged; a layer of both has other shapes; a layer's weights are not finite;
            they share no layer; or, with ``whole``, either has a layer that the other lacks: another variant's weights.
    """
    stored = stored or read(path)
    theirs = stored.shapes
    wanted = {name: [tuple(blob.data.shape) for blob in blobs] for name, blobs in net.params.items()}
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
    for name, given in {name: stored.arrays(name) for name in shared}.items():  # all are checked before one is copied
        for blob, array in zip(net.params[name], given):
            blob.data[...] = np.where(np.abs(array) < SMALLEST, 0, array).reshape(blob.data.shape)
    return shared


def start_from(net, path, trained_on=None):
    """Copy weights into ``net`` to train it further; give a report of what was filled, lines of text.

    trained_on: which of INPUTS they expect; None: by the file's name of its network. Weights for VGG's inputs are
    brought to this network's (``from_vgg_input``). Raises InputError as ``load`` does.
    """
    stored = read(path)
    filled = load(net, path, stored=stored)
    lines = [f"{path}: {len(filled)} of {len(net.params)} layers filled: {', '.join(filled)}"]
    if left := [name for name in net.params if name not in filled]:
        lines.append(f"not in the file, so random: {', '.join(left)}")
    if unused := [name for name in stored.shapes if name not in net.params]:
        lines.append(f"in the file, but not in this network: {', '.join(unused)}")
    if (trained_on or input_of(stored)) == "vgg":
        from_vgg_input(net, filled)
        lines.append(
            "trained on inputs of 0 to 255 less their mean: biases divided by 256 and the mean put into conv1_1, so "
            "that this network's inputs give the same features, 256 times smaller"
        )
    return "\n".join(textwrap.fill(line, 118, subsequent_indent="  ", break_on_hyphens=False) for line in lines)


def input_of(stored):
    """Which of INPUTS the network of a file, as ``read`` gives it, was trained on, by the network's name."""
    return "vgg" if stored.name.upper().startswith("VGG_ILSVRC") else "maskpose"


def from_vgg_input(net, filled):
    """Bring layers with VGG's weights to inputs of BGR / 256 - 0.5.

    With x = 256 x' + 128 - mean, the features of every layer are 256 times those of x' where weights stay, biases
    shrink by 256, and the first layer's bias takes up the difference of the means; ReLU and pooling keep it so.
    Beside the picture VGG's convolutions see the mean colour, and these see grey. ``filled``: the layers' names, in
    the network's order from its input on.
    """
    scale = float(INPUT_VALUES[1] - INPUT_VALUES[0])
    zero = -INPUT_VALUES[0] / scale  # the grey level that becomes 0
    for name in filled:
        weights, bias = (blob.data for blob in net.params[name])
        if weights.shape[1] == 3:
            bias += weights.sum(axis=(2, 3)) @ (zero - np.array(VGG_MEAN))
        bias *= scale


def arrays(net):
    """{layer: [its weights and bias, copied]} of a caffe.Net."""
    return {name: [blob.data.copy() for blob in blobs] for name, blobs in net.params.items()}


def caffemodel(net, name=""):
    """The bytes of a .caffemodel with a caffe.Net's weights. name: of the network."""
    types = dict(zip(net._layer_names, (layer.type for layer in net.layers)))
    return weight_files.caffemodel(name, {layer: (types[layer], given) for layer, given in arrays(net).items()})


def average(net, paths, path):
    """Write the mean of several files' weights to ``path``, a caffemodel; ``net``, a caffe.Net, is left with it.

    Of runs that began with the same weights the mean may be better than each of them. Raises InputError as ``load``
    does for a file that is not of this network, and where nothing can be written.
    """
    sums = None
    for one in paths:
        load(net, one, whole=True)
        now = arrays(net)
        with np.errstate(over="ignore"):
            sums = {name: [a + b for a, b in zip(sums[name], now[name])] for name in now} if sums else now
    for name, blobs in net.params.items():
        for blob, total in zip(blobs, sums[name]):
            blob.data[...] = total / len(paths)
            refuse_not_finite(blob.data, f"the mean of {len(paths)} files: layer {name}")
    write_bytes(path, caffemodel(net, read(paths[0]).name))


def _texts(shapes):
    return " and ".join(map(shape_text, shapes))
