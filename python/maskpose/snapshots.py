"""Snapshots of a training run: written whole or not at all, found again, pruned, restored.

A snapshot is Caffe's own pair, ``<name>_iter_<n>.caffemodel`` and ``.solverstate``; the stock binary reads it.
"""

import contextlib
import math
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

from maskpose import messages, weights
from maskpose.errors import InputError
from maskpose.files import read_bytes
from maskpose.runtime import import_caffe

PARTIAL = ".partial"  # folder within the run's in which Caffe writes a snapshot


def prefix(folder, name):
    """The snapshot_prefix to give the solver, whose folder this makes."""
    (Path(folder) / PARTIAL).mkdir(parents=True, exist_ok=True)
    return str(Path(folder) / PARTIAL / name)


def save(solver, folder, name, keep=None):
    """Take a snapshot and move it to ``folder``; give its caffemodel's path.

    keep: how many snapshots up to this one to leave there, the newest; None leaves all. Raises InputError where
    it cannot be written. A solver state is there only if its weights are.
    """
    folder = Path(folder)
    check_space(solver, folder)
    try:
        solver.snapshot()
        model = model_path(solver, folder, name)
        state = model.with_suffix(".solverstate")
        partial_state = folder / PARTIAL / state.name
        point_to_weights(partial_state, partial_state, str(model))
        os.replace(folder / PARTIAL / model.name, model)
        os.replace(partial_state, state)
    except OSError as error:
        raise InputError(f"no snapshot could be written to {folder}: {error.strerror}") from None
    older = [path for path in states(folder) if iteration_of(path) <= solver.iter]
    for old in older[keep:] if keep else []:
        with contextlib.suppress(OSError):
            old.unlink()
            old.with_suffix(".caffemodel").unlink()
    return model


def model_path(solver, folder, name):
    """Where the weights of a snapshot taken now are."""
    return Path(folder) / f"{name}_iter_{solver.iter}.caffemodel"


def states(folder):
    """The .solverstate files in ``folder``, the newest first."""
    found = [path for path in Path(folder).glob("*.solverstate") if iteration_of(path) is not None]
    return sorted(found, key=iteration_of, reverse=True)


def iteration_of(path):
    """The iteration in a .solverstate's name, or None."""
    match = re.search(r"_iter_(\d+)\.solverstate$", path.name)
    return int(match[1]) if match else None


def check_space(solver, folder):
    """Raise InputError where the disk has no room for a snapshot: Caffe would abort midway."""
    parameters = sum(blob.count for blobs in solver.net.params.values() for blob in blobs)
    needed = 4 * parameters * 4  # float32: weights, up to two histories, and room to rewrite
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise InputError(f"{folder}: a snapshot needs {needed >> 20} MB, {free >> 20} MB are free")


def restore(solver, path):
    """Go on from the snapshot whose .solverstate is ``path``; its caffemodel lies beside it.

    Raises InputError where either is missing, truncated or of another network.
    """
    path = Path(path)
    model = path.with_suffix(".caffemodel")
    check(solver, path)
    weights.load(solver.net, model, whole=True)
    with tempfile.TemporaryDirectory() as scratch:
        # the state names its weights by a path of the day it was written: give Caffe today's
        copy = Path(scratch) / path.name
        point_to_weights(path, copy, str(model))
        solver.restore(str(copy))


def restore_newest(solver, folder):
    """Go on from the newest whole snapshot in ``folder``; give its path, or None where there are no snapshots.

    One that is truncated is passed over with a line on stderr. Raises InputError where none is whole, or where the
    newest whole one is of another network.
    """
    found = states(folder)
    for path in found:
        try:
            read_state(path)
            weights.read(path.with_suffix(".caffemodel"))
        except InputError as error:
            print(f"passed over: {error}", file=sys.stderr)
            continue
        restore(solver, path)
        return path
    if found:
        raise InputError(f"{folder}: none of its {len(found)} snapshots is whole")
    return None


def check(solver, path):
    """Raise InputError where a .solverstate is not whole or not of this solver's network."""
    state = read_state(path)
    wanted = [tuple(blob.data.shape) for blobs in solver.net.params.values() for blob in blobs]
    held = [tuple(blob.shape.dim) for blob in state.history]
    histories = 2 if type(solver).__name__ in ("AdamSolver", "AdaDeltaSolver") else 1
    if held != wanted * histories:
        raise InputError(f"{path} is of another network or another type of solver")
    if any(len(blob.data) != math.prod(shape) for blob, shape in zip(state.history, held)):
        raise InputError(f"{path} is truncated")


def read_state(path):
    """The SolverState message of a .solverstate; InputError where it is none."""
    state = import_caffe().proto.caffe_pb2.SolverState()
    return messages.parse(state, read_bytes(path), f"{path} is truncated or not a solver state")


def point_to_weights(path, copy, model):
    """Copy a .solverstate with the path of its weights changed to ``model``."""
    state = read_state(path)
    state.learned_net = model
    Path(copy).write_bytes(state.SerializeToString())


def discard_partial(folder):
    """Remove what a killed run left half-written."""
    shutil.rmtree(Path(folder) / PARTIAL, ignore_errors=True)
