"""Files of a solver's state, .solverstate or .solverstate.h5. What they hold is checked before Caffe restores it.

Caffe aborts the process at a state that is damaged or of another network, or reads beyond its end. So Caffe never reads
a file from outside. It reads the bytes of ``state_for_caffe``, which are made from checked numbers.
"""

from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
import numpy.typing as npt

from maskpose.errors import InputError
from maskpose.io.files import read_bytes
from maskpose.io.paths import PathLike
from maskpose.model import blobs, hdf5_blobs, messages, weight_files
from maskpose.runtime import import_caffe

MOST_BYTES = (1 << 29) - 1  # of a state that Caffe reads as a protocol buffer
SUFFIXES = (".solverstate", ".solverstate.h5")
HISTORIES = {"SGD": 1, "Nesterov": 1, "AdaGrad": 1, "RMSProp": 1, "AdaDelta": 2, "Adam": 2}  # per parameter, by type
SQUARES = {"AdaGrad": (0,), "RMSProp": (0,), "AdaDelta": (0, 1), "Adam": (1,)}  # histories that are sums of squares
EXPECTED = "expected the .solverstate of a snapshot"


class ProtobufState:
    """A .solverstate in Caffe's usual format."""

    def __init__(self, path: Path):
        """Read the state. Raises InputError if ``path`` is not one."""
        self.path = path
        if path.stat().st_size > MOST_BYTES:
            raise InputError(f"{path}: larger than any .solverstate that Caffe reads")
        complaint = f"{path} is truncated or not a solver state: {EXPECTED}"
        state = messages.parse(import_caffe().proto.caffe_pb2.SolverState(), read_bytes(path), complaint)
        if not (state.HasField("iter") and state.history):
            raise InputError(complaint)
        self.iteration, self.step, self._history = state.iter, state.current_step, state.history

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """The shape of each history blob, as the file states it."""
        return [blobs.shape_of(blob) for blob in self._history]

    def fits(self, number: int, shape: tuple[int, ...]) -> bool:
        """Return whether a history blob has this shape."""
        return blobs.fits(self._history[number], shape)

    def array(self, number: int) -> npt.NDArray[np.float32]:
        """Return the numbers of a history blob. Raises InputError as ``blobs.values`` does."""
        return blobs.values(self._history[number], f"{self.path}: history {number}")


class Hdf5State:
    """A .solverstate.h5, as Caffe writes it for snapshot_format HDF5: iter, current_step, history/<number>."""

    def __init__(self, path: Path):
        """Read all but the histories. Raises InputError if ``path`` is not a state."""
        self.path = path
        self._complaint = f"{path} is truncated, or HDF5 but not a solver state: {EXPECTED}"
        self.iteration, self.step, self.shapes = hdf5_blobs.read(path, self._complaint, self._contents)
        if not self.shapes:
            raise InputError(self._complaint)

    def fits(self, number: int, shape: tuple[int, ...]) -> bool:
        """As ProtobufState.fits."""
        return self.shapes[number] == shape

    def array(self, number: int) -> npt.NDArray[np.float32]:
        """As ProtobufState.array. Call it after ``fits`` returned True: a file may claim any shape."""

        def values(file):
            return hdf5_blobs.array(hdf5_blobs.dataset(hdf5_blobs.child(file, "history", h5py.Group), number))

        array = hdf5_blobs.read(self.path, self._complaint, values)
        blobs.refuse_not_finite(array, f"{self.path}: history {number}")
        return array

    @staticmethod
    def _contents(file):
        history = hdf5_blobs.child(file, "history", h5py.Group)
        shapes = [tuple(hdf5_blobs.dataset(history, number).shape) for number in range(len(history))]
        return hdf5_blobs.whole_number(file, "iter"), hdf5_blobs.whole_number(file, "current_step"), shapes


def read(path: PathLike) -> ProtobufState | Hdf5State:
    """Return a solver's state. The file's content, not its name, says the format.

    Raises:
        InputError: there is no such file, or it is something else. The message names the state that was probably
            meant, if that lies beside it.
    """
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{path} is a folder: {EXPECTED}{_newest_in(path)}")
    if not path.is_file():
        raise InputError(f"{path}: {'not a file' if path.exists() else 'no such file'}: {EXPECTED}, or auto")
    try:
        return Hdf5State(path) if h5py.is_hdf5(path) else ProtobufState(path)
    except InputError:
        if not path.name.endswith(SUFFIXES) and _holds_weights(path):
            raise InputError(f"{path} holds weights alone: {EXPECTED}{_beside(path)}") from None
        raise


def state_for_caffe(state: ProtobufState | Hdf5State, shapes: Sequence[tuple[int, ...]], solver_type: str) -> bytes:
    """Return the bytes of a .solverstate that Caffe can restore. They name no file of weights.

    Args:
        state: as ``read`` returns it.
        shapes: of the network's parameters, in Caffe's order.
        solver_type: Caffe's name, such as "Adam".

    Raises:
        InputError: the state is of another network or type of solver, or damaged. It is damaged if numbers are
            missing, too many, not finite, or negative though they are sums of squares, or if its iteration is
            impossible.
    """
    path, held = state.path, state.shapes
    wanted = list(shapes) * HISTORIES[solver_type]
    if len(held) != len(wanted):
        raise InputError(
            f"{path} is of another network or another type of solver: it has {len(held)} history blobs, and "
            f"{solver_type} has {len(wanted)} for this network"
        )
    for number, shape in enumerate(wanted):
        if not state.fits(number, shape):
            raise InputError(
                f"{path} is of another network: history {number} is {blobs.shape_text(held[number])} there, "
                f"{blobs.shape_text(shape)} in this network"
            )
    if not 0 <= state.iteration < 1 << 31:
        raise InputError(f"{path} is damaged: iteration {state.iteration}")
    if not 0 <= state.step <= state.iteration:
        raise InputError(f"{path} is damaged: step {state.step} of the learning rate at iteration {state.iteration}")
    clean = import_caffe().proto.caffe_pb2.SolverState(iter=state.iteration, current_step=state.step)
    for number, shape in enumerate(wanted):
        array = state.array(number).reshape(shape)
        if number // len(shapes) in SQUARES.get(solver_type, ()) and array.size and array.min() < 0:
            raise InputError(f"{path} is damaged: history {number} has negative values, and it is of squares")
        blobs.fill(clean.history.add(), array)
    data = clean.SerializeToString()
    if len(data) > MOST_BYTES:
        raise InputError(f"{path}: larger than any .solverstate that Caffe reads")
    return data


def weights_of(path: PathLike) -> Path:
    """Return the path of the weights that belong to the state at ``path``: beside it, under Caffe's name.

    The path that the state itself names does not matter: it says where the weights were when it was written.
    """
    path = Path(path)
    suffix = next((suffix for suffix in reversed(SUFFIXES) if path.name.endswith(suffix)), path.suffix)
    stem = path.name.removesuffix(suffix)
    return path.with_name(f"{stem}.caffemodel{'.h5' if suffix.endswith('.h5') else ''}")


def _holds_weights(path):
    try:
        weight_files.read(path)
    except InputError:
        return False
    return True


def _beside(path):
    """The end of a message about weights: the state beside them."""
    names = (path.name.replace(".caffemodel", ".solverstate"), f"{path.name.partition('.caffemodel')[0]}.solverstate")
    for state in map(path.with_name, names):
        if state != path and state.is_file():
            return f": {state}"
    return "; to begin a training with weights, give --weights"


def _newest_in(folder):
    """The end of a message about a folder: how to resume from a snapshot in it."""
    return " in it, or auto with that folder as --out" if any(folder.glob("*.solverstate*")) else ", or auto"
