"""Training by several processes at once: each makes a shard of every batch, and their gradients are averaged.

The processes of one training are a group, and each has a rank in it. Each rank's losses are weighted by the size of its
shard, so that the plain mean of the ranks' gradients is the gradient of the whole batch, even if the batch cannot be
divided evenly. ``mpirun`` starts the ranks of an ``MpiGroup``, ``maskpose.training.launcher`` those of an
``NcclGroup``.
"""

import os
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Protocol

import numpy as np
import numpy.typing as npt

from maskpose import runtime
from maskpose.data.sampler import shard
from maskpose.errors import InputError
from maskpose.extras import install_command
from maskpose.model.caffe_types import Net, Solver
from maskpose.runtime import import_caffe
from maskpose.training import launcher


class Group(Protocol):
    """What the ranks of a training share. An error that leaves its ``with`` block ends every rank."""

    rank: int
    size: int

    def connect(self, solver: Solver) -> None:
        """Give every rank the weights of rank 0, and average gradients before each update of ``solver``."""

    def mean(self, values: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return the mean of each value over the ranks; every rank must call it."""
        ...

    def barrier(self) -> None:
        """Wait until every rank has come here."""

    def __enter__(self) -> "Group": ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...


class SingleProcess:
    """The group of a process that trains by itself."""

    rank, size = 0, 1

    def connect(self, solver: Solver) -> None:
        """Do nothing: there are no others."""

    def mean(self, values: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return the values."""
        return np.asarray(values, np.float64)

    def barrier(self) -> None:
        """Do nothing: there are no others."""

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        """Let an error pass."""


class MpiGroup:
    """The ranks that ``mpirun`` started, on one machine or several; gradients go through mpi4py."""

    def __init__(self):
        """Join the group. Raises InputError if mpi4py is missing."""
        try:
            from mpi4py import MPI
        except ImportError:
            raise InputError(
                f"several ranks need mpi4py: {install_command('mpi4py')} (and Open MPI, as Debian has it)"
            ) from None
        self._mpi, self._comm = MPI, MPI.COMM_WORLD
        self.rank, self.size = self._comm.Get_rank(), self._comm.Get_size()
        _tell_caffe(self)

    def connect(self, solver: Solver) -> None:
        """As Group.connect."""
        blobs = [blob for blobs in solver.net.params.values() for blob in blobs]
        buffer = np.concatenate([blob.data.ravel() for blob in blobs])
        self._comm.Bcast(buffer)
        _scatter(buffer, [blob.data for blob in blobs])

        def average():
            np.concatenate([blob.diff.ravel() for blob in blobs], out=buffer)
            self._comm.Allreduce(self._mpi.IN_PLACE, buffer)
            np.divide(buffer, self.size, out=buffer)
            _scatter(buffer, [blob.diff for blob in blobs])

        solver.add_callback(lambda: None, average)

    def mean(self, values: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """As Group.mean."""
        total: npt.NDArray[np.float64] = self._comm.allreduce(np.asarray(values, np.float64))
        return total / self.size

    def barrier(self) -> None:
        """As Group.barrier."""
        self._comm.Barrier()

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        """End every rank if an error leaves the block: the others would wait for this one for ever."""
        if kind is not None:
            _report(self, error or kind.__name__)
            self._comm.Abort(2)


class NcclGroup:
    """The ranks that ``launcher.launch`` started, one for each GPU of this machine; gradients go through NCCL."""

    def __init__(self):
        """Join the group."""
        self._hub = launcher.Hub()
        self.rank, self.size = self._hub.rank, self._hub.size

    def connect(self, solver: Solver) -> None:
        """As Group.connect, on the GPUs. Raises InputError if Caffe was built without NCCL."""
        caffe = import_caffe()
        if not caffe.has_nccl():
            raise InputError("several GPUs need a Caffe that was built with NCCL: make caffe CUDA=1")
        uid = self._hub.from_first(None if self.rank else caffe.NCCL.new_uid())
        self._nccl = caffe.NCCL(solver, uid)
        self._nccl.bcast()
        solver.add_callback(self._nccl)
        if solver.param.layer_wise_reduce:
            solver.net.after_backward(self._nccl)

    def mean(self, values: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """As Group.mean."""
        return self._hub.sum(np.asarray(values, np.float64)) / self.size

    def barrier(self) -> None:
        """As Group.barrier."""
        self._hub.sum(np.zeros(1))

    def __enter__(self):
        _tell_caffe(self)
        return self

    def __exit__(self, kind, error, traceback):
        """End this process at once if an error leaves the block; ``launcher.launch`` then ends the others."""
        if kind is not None:
            _report(self, error or kind.__name__)
            os._exit(2)


def start_ranks(gpus: Sequence[int] | None = None) -> Group:
    """Return the group that this process trains in, with Caffe set to its GPU or the CPU.

    If there are several GPUs, a process is started for each, and this one exits with their status.

    Args:
        gpus: numbers of the GPUs to train on; None: the CPU.

    Raises:
        InputError: a GPU cannot be used, or GPUs are given under mpirun.
    """
    devices: Sequence[int | None] = gpus or [None]
    if len(devices) > 1 and not launcher.is_launched():
        sys.exit(launcher.launch(len(devices)))
    group = group_of_this_process()
    if isinstance(group, MpiGroup) and gpus:
        raise InputError("the ranks of mpirun train on the CPU: leave out --gpu, or mpirun")
    runtime.set_device(devices[group.rank] if len(devices) > 1 else devices[0])
    return group


def group_of_this_process() -> SingleProcess | MpiGroup | NcclGroup:
    """Return the group that this process was started in: by ``launcher.launch``, by mpirun, or by itself."""
    if launcher.is_launched():
        return NcclGroup()
    started_by_mpi = any(int(os.environ.get(name, 1)) > 1 for name in ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE"))
    return MpiGroup() if started_by_mpi else SingleProcess()


def weigh_losses(net: Net, batch_size: int, group: Group) -> float:
    """Multiply the loss weights by the size of the rank's shard, divided by an even shard's. Return that factor.

    Caffe keeps a loss's weight as the gradient of its top blob.

    Args:
        net: the training network of this rank.
        batch_size: images of all ranks together.
        group: of this rank.
    """
    factor = shard(batch_size, group.rank, group.size)[1] * group.size / batch_size
    for name, weight in net.blob_loss_weights.items():
        if weight:
            net.blobs[name].diff[...] *= factor
    return factor


def _tell_caffe(group):
    caffe = import_caffe()
    caffe.set_solver_count(group.size)
    caffe.set_solver_rank(group.rank)
    caffe.set_multiprocess(True)  # or Caffe refuses Python layers


def _report(group, error):
    print(f"error: rank {group.rank} of {group.size}: {error}", file=sys.stderr, flush=True)


def _scatter(buffer, arrays):
    """Copy a flat buffer into arrays, one after the other."""
    start = 0
    for array in arrays:
        array[...] = buffer[start : start + array.size].reshape(array.shape)
        start += array.size
