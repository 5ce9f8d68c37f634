"""Weight files (caffemodel or HDF5), checked against a network before Caffe, which would abort, sees them."""

import itertools
from pathlib import Path

import h5py

from maskpose import messages
from maskpose.errors import InputError
from maskpose.files import read_bytes
from maskpose.runtime import import_caffe


def read_shapes(path):
    """{layer name: [shape of each of its blobs]} of a .caffemodel, .caffemodel.h5 or .h5 file.

    Raises InputError where the file is missing or is neither.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"weights {path}: no such file")
    if h5py.is_hdf5(path):
        return _hdf5_shapes(path)
    complaint = f"weights {path}: neither a caffemodel nor HDF5, or truncated"
    net = messages.parse(import_caffe().proto.caffe_pb2.NetParameter(), read_bytes(path), complaint)
    layers = [*net.layer, *net.layers]  # the second: files from before 2014
    shapes = {layer.name: [_blob_shape(blob) for blob in layer.blobs] for layer in layers if layer.blobs}
    if not shapes:
        raise InputError(f"weights {path}: no layer with weights in it")
    return shapes


def load(net, path, whole=False):
    """Copy the weights in ``path`` into ``net`` by layer name; give the names of the layers filled.

    Raises InputError where a shared layer's shapes differ, where no layer is shared, or, with ``whole``,
    where the net has a layer that the file does not fill: weights of another variant.
    """
    stored = read_shapes(path)
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
    net.copy_from(str(path))
    return shared


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
