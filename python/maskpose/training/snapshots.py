"""Snapshots of a training run: written whole or not at all, listed, pruned, restored.

A snapshot is Caffe's own pair of files, ``<name>_iter_<n>.caffemodel`` and ``.solverstate``. The stock binary reads it.
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
from maskpose.io.paths import PathLike
from maskpose.model import solver_states, weights
from maskpose.model.caffe_types import Solver
from maskpose.runtime import import_caffe

PARTIAL = ".partial"  # folder within the run's in which a snapshot is written


def snapshot_prefix(folder: PathLike, name: str) -> Path:
    """Return the solver's snapshot_prefix; ``make_partial_folder`` makes its folder."""
    return Path(folder) / PARTIAL / name


def save(solver: Solver, folder: PathLike, name: str, keep: int | None = None) -> Path:
    """Take a snapshot. At any moment, a solver state is there only if its weights are.

    Args:
        solver: whose weights and state are saved.
        folder: the run's.
        name: how the files' names begin.
        keep: how many snapshots to keep, the newest up to this one; None: all.

    Returns:
        The path of the caffemodel.

    Raises:
        InputError: weights are not finite, or the snapshot cannot be written; then nothing of it is left.
    """
    folder = Path(folder)
    for layer, arrays in weights.arrays(solver.net).items():
        if not all(np.isfinite(array).all() for array in arrays):
            raise InputError(
                f"training has diverged: the weights of {layer} are not finite after iteration {solver.iter}. Lower "
                f"base_lr or clip_gradients (--solver KEY=VALUE). The snapshots in {folder} are from before"
            )
    model_path = weights_path(solver, folder, name)
    final = [model_path, model_path.with_suffix(".solverstate")]
    partial = [folder / PARTIAL / path.name for path in final]
    if not (folder / PARTIAL).is_dir():
        raise InputError(f"{folder / PARTIAL} has been removed during the training: no snapshot could be written")
    try:
        # Caffe aborts the process if it cannot write to the disk, so it writes to memory
        model, state = memory_files.collect_writes(solver.snapshot, partial)
        for path, data in zip(partial, (model, _with_weights_at(model_path, state))):
            path.write_bytes(data)
        for path, final_path in zip(partial, final):
            os.replace(path, final_path)
    except OSError as error:
        for path in partial:
            with contextlib.suppress(OSError):
                path.unlink()
        raise InputError(f"no snapshot could be written to {folder}: {reason(error)}") from None
    if keep:
        _remove_older(folder, solver.iter, keep)
    return model_path


def weights_path(solver: Solver, folder: PathLike, name: str) -> Path:
    """Return the path of the weights of a snapshot that is taken at the solver's present iteration."""
    return Path(folder) / f"{name}_iter_{solver.iter}.caffemodel"


def list_snapshots(folder: PathLike) -> list[Path]:
    """Return the paths of the solver states in ``folder``, .solverstate and .solverstate.h5, the newest first."""
    iterations = {path: iteration_of(path) for path in Path(folder).glob("*.solverstate*")}
    numbered = [(-number, path.name, path) for path, number in iterations.items() if number is not None]
    return [path for _, _, path in sorted(numbered)]


def iteration_of(path: Path) -> int | None:
    """Return the iteration in a solver state's name, or None if it names none."""
    match = re.search(r"_iter_([0-9]+)\.solverstate(\.h5)?$", path.name)
    return int(match[1]) if match else None


def restore(solver: Solver, path: PathLike) -> None:
    """Restore the snapshot whose solver state is ``path``; its weights lie beside it.

    Raises InputError if either is missing, damaged, or of another network. ``solver`` then stays as it was.
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


def restore_newest(solver: Solver, folder: PathLike, is_lead: bool = True) -> Path | None:
    """Restore the newest snapshot in ``folder`` that is whole and of this network.

    Args:
        solver: what is restored.
        folder: the run's.
        is_lead: whether to report each skipped snapshot on stderr, as one rank does for all.

    Returns:
        The path of the solver state, or None if there are no snapshots.

    Raises:
        InputError: there are snapshots, and none can be restored.
    """
    states, reasons = list_snapshots(folder), []
    for path in states:
        try:
            restore(solver, path)
            return path
        except InputError as error:
            reasons.append(str(error))
            if is_lead:
                print(f"skipping snapshot: {error}", file=sys.stderr)
    if states:
        raise InputError(f"{folder}: none of its {len(states)} snapshots can be restored; the newest: {reasons[0]}")
    return None


def make_partial_folder(folder: PathLike) -> None:
    """Make the folder for unfinished snapshots, and remove what a killed run left in it. Raises InputError."""
    shutil.rmtree(Path(folder) / PARTIAL, ignore_errors=True)
    make_folder(Path(folder) / PARTIAL)


def _with_weights_at(model, state):
    """The bytes of a solver's state that names ``model`` as the path of its weights."""
    message = import_caffe().proto.caffe_pb2.SolverState.FromString(state)
    message.learned_net = str(model)
    return message.SerializeToString()


def _remove_older(folder, iteration, keep):
    """Remove all but the ``keep`` newest of the snapshots up to an iteration."""
    for state in [path for path in list_snapshots(folder) if (iteration_of(path) or 0) <= iteration][keep:]:
        with contextlib.suppress(OSError):
            state.unlink()
            solver_states.weights_of(state).unlink()
