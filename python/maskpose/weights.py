"""Weight files (caffemodel or HDF5), checked against a network before Caffe, which would abort, sees them."""

import itertools
import textwrap
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from maskpose import messages
from maskpose.batches import INPUT_VALUES
from maskpose.errors import InputError
from maskpose.files import read_bytes, written_beside
from maskpose.runtime import import_caffe

VGG_MEAN = (103.939, 116.779, 123.68)  # BGR, taken from inputs of 0 to 255 (Simonyan and Zisserman's model card)
INPUTS = ("maskpose", "vgg")  # what a file's first layer expects: BGR / 256 - 0.5, or 0 to 255 less VGG_MEAN


@dataclass
class Stored:
    """What a weights file says of itself."""

    name: str  # of the network; "" in HDF5
    shapes: dict  # {layer name: [shape of each of its blobs]}

    @property
    def input(self):
        """Which of INPUTS its network was trained on, by its name."""
        return "vgg" if self.name.upper().startswith("VGG_ILSVRC") else "maskpose"


def read(path):
    """The Stored of a .caffemodel, .caffemodel.h5 or .h5 file. Raises InputError where it is missing or is neither."""
    path = Path(path)
    if not path.is_file():
        raise InputError(f"weights {path}: " + ("a folder" if path.is_dir() else "no such file"))
    if h5py.is_hdf5(path):
        return Stored("", _hdf5_shapes(path))
    complaint = f"weights {path}: neither a caffemodel nor HDF5, or truncated"
    net = messages.parse(import_caffe().proto.caffe_pb2.NetParameter(), read_bytes(path), complaint)
    layers = [*net.layer, *net.layers]  # the second: files from before 2014
    shapes = {layer.name: [_blob_shape(blob) for blob in layer.blobs] for layer in layers if layer.blobs}
    if not shapes:
        raise InputError(f"weights {path}: no layer with weights in it")
    return Stored(net.name, shapes)


def load(net, path, whole=False, stored=None):
    """Copy the weights in ``path`` into ``net`` by layer name; give the names of the layers filled.

    stored: what ``read`` gave of it, if it has been read. Raises InputError where a shared layer's shapes differ,
    where no layer is shared, or, with ``whole``, where the net has a layer that the file does not fill or the file one
    that the net does not have: weights of another variant.
    """
    stored = (stored or read(path)).shapes
    wanted = {name: [tuple(blob.data.shape) for blob in blobs] for name, blobs in net.params.items()}
    shared = [name for name in wanted if name in stored]
    for name in shared:
        if _canonical(stored[name]) != _canonical(wanted[name]):
            raise InputError(
                f"weights {path} are of another variant: layer {name} is {stored[name][0]} there, "
                f"{wanted[name][0]} in this network"
            )
    missing = [name for name in wanted if name not in stored]
    if not shared or (whole and missing):
        raise InputError(f"weights {path} are of another variant: they have no layer {missing[0]}")
    if whole and (unused := [name for name in stored if name not in wanted]):
        raise InputError(f"weights {path} are of another variant: this network has no layer {unused[0]}")
    net.copy_from(str(path))
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
    if (trained_on or stored.input) == "vgg":
        from_vgg_input(net, filled)
        lines.append(
            "trained on inputs of 0 to 255 less their mean: biases divided by 256 and the mean put into conv1_1, so "
            "that this network's inputs give the same features, 256 times smaller"
        )
    return "\n".join(textwrap.fill(line, 118, subsequent_indent="  ", break_on_hyphens=False) for line in lines)


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


def average(net, paths, path):
    """Write the mean of several files' weights to ``path``, a caffemodel; ``net``, a caffe.Net, is left with it.

    Of runs that began with the same weights the mean may be better than each of them. Raises InputError as ``load``
    does for a file that is not of this network, and where nothing can be written.
    """
    sums = None
    for one in paths:
        load(net, one, whole=True)
        now = arrays(net)
        sums = {name: [a + b for a, b in zip(sums[name], now[name])] for name in now} if sums else now
    for name, blobs in net.params.items():
        for blob, total in zip(blobs, sums[name]):
            blob.data[...] = total / len(paths)
    with written_beside(Path(path)) as partial:
        net.save(str(partial))


def _blob_shape(blob):
    if blob.HasField("shape"):
        return tuple(blob.shape.dim)
    return blob.num, blob.channels, blob.height, blob.width  # files from before 2014: biases are 1x1x1xC


def _canonical(shapes):
    """Shapes without their leading ones: what Caffe takes for equal between old files and new."""
    return [tuple(itertools.dropwhile(lambda dim: dim == 1, shape)) for shape in shapes]


def _hdf5_shapes(path):
    try:
        with h5py.File(path) as file:
            return {
                name: [tuple(layer[key].shape) for key in sorted(layer, key=int)]
                for name, layer in file["data"].items()
                if len(layer)
            }
    except (OSError, KeyError, ValueError) as error:
        raise InputError(f"weights {path}: truncated, or HDF5 but not of Caffe ({error})") from None
