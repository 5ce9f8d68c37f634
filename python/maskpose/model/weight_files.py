"""Files of weights, a caffemodel or Caffe's HDF5, read as arrays that have been checked.

Caffe aborts the process at a file that is damaged or of another network. So Caffe never reads one. These classes read
them by Caffe's own rules, and ``maskpose.model.weights`` copies the arrays into the network.
"""

from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
import numpy.typing as npt

from maskpose.errors import InputError
from maskpose.io.files import read_bytes
from maskpose.io.paths import PathLike
from maskpose.model import blobs, hdf5_blobs, messages

MOST_BYTES = 1 << 31  # of a caffemodel: protocol buffers hold no more


class CaffeModel:
    """A .caffemodel, of the present format or that from before 2014."""

    def __init__(self, path: Path):
        """Read the file. Raises InputError if it is not a caffemodel, has no weights, or has two layers of one name."""
        self.path = path
        if path.stat().st_size > MOST_BYTES:
            raise InputError(f"weights {path}: larger than any caffemodel")
        complaint = f"weights {path}: neither a caffemodel nor HDF5, or truncated"
        net = messages.parse(messages.caffe_message("NetParameter"), read_bytes(path), complaint)
        self.name = _text(net.name)
        self._layers = {}
        for layer in [*net.layer, *net.layers]:  # the second: files from before 2014
            if layer.blobs and self._layers.setdefault(_text(layer.name), layer.blobs) is not layer.blobs:
                raise InputError(f"weights {path}: two layers are called {_text(layer.name)}")
        if not self._layers:
            raise InputError(f"weights {path}: no layer with weights in it")

    @property
    def shapes(self) -> dict[str, list[tuple[int, ...]]]:
        """{layer: shape of each of its blobs}, as the file states them."""
        return {name: [blobs.shape_of(blob) for blob in layer] for name, layer in self._layers.items()}

    def fits(self, layer: str, shapes: Sequence[tuple[int, ...]]) -> bool:
        """Return whether the layer's blobs can be copied into blobs of these shapes."""
        ours = self._layers[layer]
        return len(ours) == len(shapes) and all(map(blobs.fits, ours, shapes))

    def arrays(self, layer: str) -> list[npt.NDArray[np.float32]]:
        """Return the layer's weights and bias. Raises InputError as ``blobs.values``, with the layer's name."""
        return [blobs.values(blob, f"weights {self.path}: layer {layer}") for blob in self._layers[layer]]


class Hdf5Weights:
    """A .caffemodel.h5, as Caffe writes it for snapshot_format HDF5: data/<layer>/<number of the blob>."""

    name = ""  # of the network: HDF5 has none

    def __init__(self, path: Path):
        """Read the shapes. Raises InputError if ``path`` is not such a file."""
        self.path = path
        shapes = self._read(lambda data: {name: _shapes(hdf5_blobs.child(data, name, h5py.Group)) for name in data})
        self.shapes = {name: layer for name, layer in shapes.items() if layer}
        if not self.shapes:
            raise InputError(f"weights {path}: no layer with weights in it")

    def fits(self, layer: str, shapes: Sequence[tuple[int, ...]]) -> bool:
        """As CaffeModel.fits."""
        return self.shapes[layer] == list(shapes)

    def arrays(self, layer: str) -> list[npt.NDArray[np.float32]]:
        """As CaffeModel.arrays. Call it after ``fits`` returned True: a file may claim any shape."""
        count = len(self.shapes[layer])
        arrays = self._read(lambda data: [hdf5_blobs.array(hdf5_blobs.dataset(data[layer], n)) for n in range(count)])
        for array in arrays:
            blobs.refuse_not_finite(array, f"weights {self.path}: layer {layer}")
        return arrays

    def _read(self, parse):
        """``parse`` of the group ``data``."""
        complaint = f"weights {self.path}: truncated, or HDF5 but not of Caffe"
        return hdf5_blobs.read(self.path, complaint, lambda file: parse(hdf5_blobs.child(file, "data", h5py.Group)))


def read(path: PathLike) -> CaffeModel | Hdf5Weights:
    """Return a file of weights. Its content, not its name, says the format.

    Raises:
        InputError: the file is missing, or neither a caffemodel nor HDF5.
    """
    path = Path(path)
    if not path.is_file():
        why = "a folder" if path.is_dir() else "not a file" if path.exists() else "no such file"
        raise InputError(f"weights {path}: {why}")
    if path.name.endswith((".solverstate", ".solverstate.h5")):
        model = path.name.replace(".solverstate", ".caffemodel")
        raise InputError(f"weights {path}: a solver's state; its weights are in {model}")
    return Hdf5Weights(path) if h5py.is_hdf5(path) else CaffeModel(path)


def caffemodel(name: str, layers: dict[str, tuple[str, list[npt.NDArray[np.float32]]]]) -> bytes:
    """Return the bytes of a .caffemodel.

    Args:
        name: of the network.
        layers: {name: (Caffe's type, arrays)}.
    """
    net = messages.caffe_message("NetParameter")
    net.name = name
    for layer_name, (kind, arrays) in layers.items():
        layer = net.layer.add(name=layer_name, type=kind)
        for array in arrays:
            blobs.fill(layer.blobs.add(), array)
    return net.SerializeToString()


def _text(value):
    """A protocol buffer's string; protobuf gives it as bytes if it is not UTF-8."""
    return value if isinstance(value, str) else value.decode("utf-8", "backslashreplace")


def _shapes(layer):
    return [tuple(hdf5_blobs.dataset(layer, number).shape) for number in range(len(layer))]
