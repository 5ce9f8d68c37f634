"""Files of weights, a caffemodel or Caffe's HDF5: what they hold comes out as arrays that have been checked.

Caffe aborts the process at a file that is damaged or of another network. So it is never given one: these classes read,
by Caffe's own rules, and ``maskpose.model.weights`` copies the arrays into the network.
"""

from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np

from maskpose.errors import InputError
from maskpose.io.files import read_bytes
from maskpose.model import blobs, hdf5_blobs, messages
from maskpose.runtime import import_caffe

MOST_BYTES = 1 << 31  # of a caffemodel: protocol buffers end there


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
        shapes = self._read(lambda data: {name: _shapes(hdf5_blobs.child(data, name, h5py.Group)) for name in data})
        self.shapes = {name: of_layer for name, of_layer in shapes.items() if of_layer}
        if not self.shapes:
            raise InputError(f"weights {path}: no layer with weights in it")

    def fits(self, layer: str, shapes: Sequence[tuple[int, ...]]) -> bool:
        """As CaffeModel.fits."""
        return self.shapes[layer] == list(shapes)

    def arrays(self, layer: str) -> list[np.ndarray]:
        """As CaffeModel.arrays; to be asked for where ``fits`` has said yes, as a file may claim any shape."""
        count = len(self.shapes[layer])
        arrays = self._read(lambda data: [hdf5_blobs.array(hdf5_blobs.dataset(data[layer], n)) for n in range(count)])
        for array in arrays:
            blobs.refuse_not_finite(array, f"weights {self.path}: layer {layer}")
        return arrays

    def _read(self, what):
        """What a function makes of the group ``data``."""
        complaint = f"weights {self.path}: truncated, or HDF5 but not of Caffe"
        return hdf5_blobs.read(self.path, complaint, lambda file: what(hdf5_blobs.child(file, "data", h5py.Group)))


def read(path: str | Path) -> CaffeModel | Hdf5Weights:
    """A file of weights, told by its content. Raises InputError where it is missing, or neither."""
    path = Path(path)
    if not path.is_file():
        why = "a folder" if path.is_dir() else "not a file" if path.exists() else "no such file"
        raise InputError(f"weights {path}: {why}")
    if path.name.endswith((".solverstate", ".solverstate.h5")):
        model = path.name.replace(".solverstate", ".caffemodel")
        raise InputError(f"weights {path}: a solver's state; its weights are in {model}")
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


def _shapes(layer):
    return [tuple(hdf5_blobs.dataset(layer, number).shape) for number in range(len(layer))]
