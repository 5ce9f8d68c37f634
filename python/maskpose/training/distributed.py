"""Training by several processes at once: each makes a shard of every batch, gradients are averaged.

A group is what its processes share. Each rank's losses are weighted by the size of its shard, so that the plain
mean of the ranks' gradients is the gradient of the whole batch, however unevenly it divides. ``mpirun`` starts the
ranks of ``MpiGroup``; those of ``NcclGroup`` are started by ``maskpose.training.launcher``.
"""

import os
import sys

import numpy as np

from maskpose import runtime
from maskpose.data.sampler import shard
from maskpose.errors import InputError
from maskpose.extras import install_command
from maskpose.runtime import import_caffe
from maskpose.training import launcher


class SingleProcess:
    """The group of a process that trains by itself."""

    rank, size = 0, 1

    def connect(self, solver):
        """Make ``solver`` one of the group's."""

    def mean(self, values):
        """Mean of each value over the ranks: (n,) float64."""
        return np.asarray(values, np.float64)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        """An error that leaves the block ends the whole group: the other ranks would wait for ever."""


class MpiGroup:
    """The ranks that ``mpirun`` started, on one machine or several; gradients go through mpi4py."""

    def __init__(self):
        """Raises InputError where mpi4py is missing."""
        try:
            from mpi4py import MPI
        except ImportError:
            raise InputError(
                f"several ranks need mpi4py: {install_command('mpi4py')} (and Open MPI, as Debian has it)"
            ) from None
        self._comm = MPI.COMM_WORLD
        self.rank, self.size = self._comm.Get_rank(), self._comm.Get_size()
        _tell_caffe(self)

    def connect(self, solver):
        """Give every rank rank 0's weights, and average gradients before each update."""
        blobs = [blob for blobs in solver.net.params.values() for blob in blobs]
        buffer = np.concatenate([blob.data.ravel() for blob in blobs])
        self._comm.Bcast(buffer)
        _spread(buffer, [blob.data for blob in blobs])

        def average():
            np.concatenate([blob.diff.ravel() for blob in blobs], out=buffer)
            from mpi4py import MPI

            self._comm.Allreduce(MPI.IN_PLACE, buffer)
            np.divide(buffer, self.size, out=buffer)
            _spread(buffer, [blob.diff for blob in blobs])

        solver.add_callback(lambda: None, average)

    def mean(self, values):
        """As SingleProcess.mean."""
        return self._comm.allreduce(np.asarray(values, np.float64)) / self.size

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        """As SingleProcess.__exit__."""
        if kind is not None:
            _say(self, error or kind.__name__)
            self._comm.Abort(2)


class NcclGroup:
    """The ranks that ``launcher.launch`` started, one a GPU of this machine; gradients go through NCCL."""

    def __init__(self):
        self._hub = launcher.Hub()
        self.rank, self.size = self._hub.rank, self._hub.size

    def connect(self, solver):
        """Give every rank rank 0's weights, and average gradients on the GPUs before each update.

        Raises InputError where Caffe was built without NCCL.
        """
        caffe = import_caffe()
        if not caffe.has_nccl():
            raise InputError("several GPUs need a Caffe that was built with NCCL: make caffe CUDA=1")
        uid = self._hub.from_first(None if self.rank else caffe.NCCL.new_uid())
        self._nccl = caffe.NCCL(solver, uid)
        self._nccl.bcast()
        solver.add_callback(self._nccl)
        if solver.param.layer_wise_reduce:
            solver.net.after_backward(self._nccl)

    def mean(self, values):
        """As SingleProcess.mean."""
        return self._hub.sum(np.asarray(values, np.float64)) / self.size

    def __enter__(self):
        _tell_caffe(self)
        return self

    def __exit__(self, kind, error, traceback):
        """As SingleProcess.__exit__: this process ends at once, and ``launch`` ends the others."""
        if kind is not None:
            _say(self, error or kind.__name__)
            os._exit(2)


def start_ranks(gpus=None):
    """The group that this process is to train in, on its own processor: the CPU, or one of the GPUs of these numbers.

    Where there are several, a process is started on each, and this one ends with their status. Raises InputError
    for a GPU that cannot be used, and for GPUs under mpirun.
    """
    gpus = gpus or [None]
    if len(gpus) > 1 and not launcher.launched():
        sys.exit(launcher.launch(len(gpus)))
    group = group_of_this_process()
    if isinstance(group, MpiGroup) and gpus != [None]:
        raise InputError("the ranks of mpirun train on the CPU: leave out --gpu, or mpirun")
    runtime.set_device(gpus[group.rank] if len(gpus) > 1 else gpus[0])
    return group


def group_of_this_process():
    """The group that this process was started in: that of ``launch``, mpirun's, or none."""
    if launcher.launched():
        return NcclGroup()
    started_by_mpi = any(int(os.environ.get(name, 1)) > 1 for name in ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE"))
    return MpiGroup() if started_by_mpi else SingleProcess()


def weigh_losses(net, batch_size, group):
    """Multiply the loss weights by the rank's share of the batch over an even share; give that factor.

    Caffe keeps a loss's weight as the gradient of its top blob.
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


def _say(group, error):
    print(f"error: rank {group.rank} of {group.size}: {error}", file=sys.stderr, flush=True)


def _spread(buffer, arrays):
    at = 0
    for array in arrays:
        array[...] = buffer[at : at + array.size].reshape(array.shape)
        at += array.size
