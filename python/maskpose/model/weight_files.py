"""Files of weights, a caffemodel or Caffe's HDF5: what they hold comes out as arrays that have been checked.

Caffe aborts the process at a file that is damaged or of another network. So it is never given one: these classes read,
by Caffe's own rules, and ``maskpose.weights`` copies the arrays into the network.
"""

import math
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np

from maskpose import messages
from maskpose.errors import InputError
from maskpose.files import read_bytes
from maskpose.model import blobs
from maskpose.runtime import import_caffe

MOST_BYTES = 1 << 31  # of a caffemodel: protocol buffers end there
MOST_IN_CHUNK = 1 << 28  # bytes that HDF5 is let unpack at once


class CaffeModel:
    """A .caffemodel, also one of the format from before 2014."""

    def __init__(self, path: Path):
        """Raises InputError where ``path`` is none, holds no weights, or has a layer's weights twice."""
        self.path = path
        if path.stat().st_size > MOST_BYTES:
            raise InputError(f"weights {path}: larger than any caffemodel")
        complaint = f"weights {path}: neither a caffemodel nor HDF5, or truncated"
        net = messages.parse(import_caffe().proto.caffe_pb2.NetParameter(), read_bytes(path), complaint)
        self.name = _text(net.name)
        self._layers = {}
        for layer in [*net.layer, *net.layers]:  # the second: files from before 2014
            if layer.blobs and self._layers.setdefault(_text(layer.name), layer.blobs) is not layer.blobs:
                raise InputError(f"weights {path}: two layers are called {_text(layer.name)}")
        if not self._layers:
            raise InputError(f"weights {path}: no layer with weights in it")

    @property
    def shapes(self) -> dict[str, list[tuple[int, ...]]]:
        """{layer: shape of each of its blobs}, as the file says them."""
        return {name: [blobs.shape_of(blob) for blob in layer] for name, layer in self._layers.items()}

    def fits(self, layer: str, shapes: Sequence[tuple[int, ...]]) -> bool:
        """Whether the layer's blobs can be copied into blobs of these shapes."""
        ours = self._layers[layer]
        return len(ours) == len(shapes) and all(map(blobs.fits, ours, shapes))

    def arrays(self, layer: str) -> list[np.ndarray]:
        """The layer's weights and bias, float32. Raises InputError as ``blobs.values``, with the layer's name."""
        return [blobs.values(blob, f"weights {self.path}: layer {layer}") for blob in self._layers[layer]]


class Hdf5Weights:
    """A .caffemodel.h5, as Caffe writes it for snapshot_format HDF5: data/<layer>/<number of the blob>."""

    name = ""  # of the network: HDF5 has none

    def __init__(self, path: Path):
        """Raises InputError where ``path`` is not such a file."""
        self.path = path
        self.shapes = self._read(lambda data: {name: _shapes(_child(data, name, h5py.Group)) for name in data})
        self.shapes = {name: shapes for name, shapes in self.shapes.items() if shapes}
        if not self.shapes:
            raise InputError(f"weights {path}: no layer with weights in it")

    def fits(self, layer: str, shapes: Sequence[tuple[int, ...]]) -> bool:
        """As CaffeModel.fits."""
        return self.shapes[layer] == list(shapes)

    def arrays(self, layer: str) -> list[np.ndarray]:
        """As CaffeModel.arrays; to be asked for where ``fits`` has said yes, as a file may claim any shape."""
        arrays = self._read(lambda data: [_array(_dataset(data[layer], n)) for n in range(len(self.shapes[layer]))])
        for array in arrays:
            blobs.refuse_not_finite(array, f"weights {self.path}: layer {layer}")
        return arrays

    def _read(self, what):
        """What a function makes of the group ``data``."""
        try:
            with h5py.File(self.path, "r") as file:
                return what(_child(file, "data", h5py.Group))
        except Exception as error:  # h5py has many kinds of them for a damaged file
            reason = str(error).splitlines() or [type(error).__name__]
            raise InputError(f"weights {self.path}: truncated, or HDF5 but not of Caffe ({reason[0]})") from None


def read(path: str | Path) -> CaffeModel | Hdf5Weights:
    """A file of weights, told by its content. Raises InputError where it is missing, or neither."""
    path = Path(path)
    if not path.is_file():
        why = "a folder" if path.is_dir() else "not a file" if path.exists() else "no such file"
        raise InputError(f"weights {path}: {why}")
    if path.suffix == ".solverstate":
        raise InputError(f"weights {path}: a solver's state; its weights are in {path.with_suffix('.caffemodel').name}")
    return Hdf5Weights(path) if h5py.is_hdf5(path) else CaffeModel(path)


def caffemodel(name: str, layers: dict[str, tuple[str, list[np.ndarray]]]) -> bytes:
    """The bytes of a .caffemodel. layers: {name: (type, arrays)}."""
    net = import_caffe().proto.caffe_pb2.NetParameter(name=name)
    for layer_name, (kind, arrays) in layers.items():
        layer = net.layer.add(name=layer_name, type=kind)
        for array in arrays:
            blobs.fill(layer.blobs.add(), array)
    return net.SerializeToString()


def _text(value):
    """A protocol buffer's string, which comes as bytes where it is not UTF-8."""
    return value if isinstance(value, str) else value.decode("utf-8", "backslashreplace")


def _child(group, name, kind):
    """What lies in a group by itself: a link may lead to another file, or nowhere."""
    link = group.get(name, getlink=True) if name in group else None
    if not isinstance(link, h5py.HardLink) or not isinstance(group[name], kind):
        raise InputError(f"{name} is no {kind.__name__.lower()}")
    return group[name]


def _shapes(layer):
    return [tuple(_dataset(layer, number).shape) for number in range(len(layer))]


def _dataset(layer, number):
    """A blob of a layer: whole or real numbers, in the file itself."""
    data = _child(layer, str(number), h5py.Dataset)
    if data.id.get_type().get_class() not in (h5py.h5t.FLOAT, h5py.h5t.INTEGER):
        raise InputError(f"{data.name} holds no numbers")
    if data.is_virtual or data.external:
        raise InputError(f"{data.name} lies in another file")
    if data.chunks and math.prod(data.chunks) * data.dtype.itemsize > MOST_IN_CHUNK:
        raise InputError(f"{data.name} is packed in too large parts")
    return data


def _array(data):
    array = np.empty(data.shape, np.float32)
    data.read_direct(array)
    return array
