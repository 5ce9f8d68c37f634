"""Snapshots of a training run: written whole or not at all, found again, pruned, restored.

A snapshot is Caffe's own pair, ``<name>_iter_<n>.caffemodel`` and ``.solverstate``; the stock binary reads it.
"""

import contextlib
import os
import re
import shutil
import sys
from pathlib import Path

import numpy as np

from maskpose.errors import InputError, reason
from maskpose.io import memory_files
from maskpose.io.files import make_folder
from maskpose.model import solver_states, weights
from maskpose.runtime import import_caffe

PARTIAL = ".partial"  # folder within the run's in which Caffe writes a snapshot


def prefix(folder, name):
    """The snapshot_prefix to give the solver; ``begin`` makes its folder."""
    return Path(folder) / PARTIAL / name


def save(solver, folder, name, keep=None):
    """Take a snapshot and move it to ``folder``; give its caffemodel's path.

    keep: how many snapshots up to this one to leave there, the newest; None leaves all. A solver state is there only
    if its weights are. Raises InputError if it cannot be written, and then leaves none of it; also for weights that
    are not finite.
    """
    folder = Path(folder)
    for layer, arrays in weights.arrays(solver.net).items():
        if not all(np.isfinite(array).all() for array in arrays):
            raise InputError(
                f"training has diverged: the weights of {layer} are not finite after iteration {solver.iter}. Lower "
                f"base_lr or clip_gradients (--solver KEY=VALUE). Snapshots in {folder} are from before"
            )
    final = [model_path(solver, folder, name)]
    final.append(final[0].with_suffix(".solverstate"))
    partial = [folder / PARTIAL / path.name for path in final]
    if not (folder / PARTIAL).is_dir():
        raise InputError(f"{folder / PARTIAL} has been removed during the training: no snapshot could be written")
    try:
        # Caffe ends the process when the disk does not take what it writes, so it writes to memory
        model, state = memory_files.collect_writes(solver.snapshot, partial)
        for path, data in zip(partial, (model, _with_weights_at(final[0], state))):
            path.write_bytes(data)
        for path, goal in zip(partial, final):
            os.replace(path, goal)
    except OSError as error:
        for path in partial:
            with contextlib.suppress(OSError):
                path.unlink()
        raise InputError(f"no snapshot could be written to {folder}: {reason(error)}") from None
    older = [path for path in states(folder) if iteration_of(path) <= solver.iter]
    for old in older[keep:] if keep else []:
        with contextlib.suppress(OSError):
            old.unlink()
            solver_states.weights_of(old).unlink()
    return final[0]


def model_path(solver, folder, name):
    """Where the weights of a snapshot taken now are."""
    return Path(folder) / f"{name}_iter_{solver.iter}.caffemodel"


def states(folder):
    """The solver states in ``folder``, .solverstate and .solverstate.h5, the newest first."""
    found = [path for path in Path(folder).glob("*.solverstate*") if iteration_of(path) is not None]
    return sorted(found, key=lambda path: (-iteration_of(path), path.name))


def iteration_of(path):
    """The iteration in a solver state's name, or None."""
    match = re.search(r"_iter_([0-9]+)\.solverstate(\.h5)?$", path.name)
    return int(match[1]) if match else None


def restore(solver, path):
    """Resume from the snapshot whose solver state is ``path``; its weights lie beside it.

    Raises InputError, with ``solver`` as it was, if either is missing, damaged, or of another network.
    """
    path = Path(path)
    state = solver_states.read(path)
    named = iteration_of(path)
    if named not in (None, state.iteration):
        raise InputError(f"{path} is damaged or renamed: it is of iteration {state.iteration}")
    shapes = [tuple(blob.data.shape) for blobs in solver.net.params.values() for blob in blobs]
    clean = solver_states.state_for_caffe(state, shapes, type(solver).__name__.removesuffix("Solver"))
    weights.load(solver.net, solver_states.weights_of(path), whole=True)
    with memory_files.memory_file(clean) as copy:
        solver.restore(str(copy))


def restore_newest(solver, folder, lead=True):
    """Resume from the newest snapshot in ``folder`` that is whole and of this network.

    Others are skipped with a line on stderr, which ``lead`` False leaves out. Returns the path of its state, or None
    if there are no snapshots. Raises InputError if there are, and none can be resumed from.
    """
    found, reasons = states(folder), []
    for path in found:
        try:
            restore(solver, path)
            return path
        except InputError as error:
            reasons.append(str(error))
            if lead:
                print(f"passed over: {error}", file=sys.stderr)
    if found:
        raise InputError(f"{folder}: none of its {len(found)} snapshots can be resumed from; the newest: {reasons[0]}")
    return None


def _with_weights_at(model, state):
    """The bytes of a solver's state with the path of its weights changed to ``model``."""
    message = import_caffe().proto.caffe_pb2.SolverState.FromString(state)
    message.learned_net = str(model)
    return message.SerializeToString()


def begin(folder):
    """Make the folder for unfinished snapshots, without what a killed run left in it. Raises InputError."""
    shutil.rmtree(Path(folder) / PARTIAL, ignore_errors=True)
    make_folder(Path(folder) / PARTIAL)
