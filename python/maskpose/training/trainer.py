"""Training with pycaffe's solver (section 3.3): set up, step, log, snapshot, resume."""

import contextlib
from pathlib import Path

import numpy as np

from maskpose.errors import InputError, Stopped
from maskpose.io.files import make_folder, remove_partials
from maskpose.io.locks import FileLock
from maskpose.io.paths import PathLike
from maskpose.model import weights
from maskpose.model.caffe_types import Solver
from maskpose.model.initialisation import net_loss_weights
from maskpose.runtime import import_caffe
from maskpose.stopping import StopRequest
from maskpose.training import definitions, snapshots, validation
from maskpose.training.distributed import Group, SingleProcess, weigh_losses
from maskpose.training.monitor import TrainingMonitor
from maskpose.training.run import Run, definitions_of, write_definitions

LOCK = ".lock"  # in the run's folder
STOPPING = "stopping after this iteration, with a snapshot (again: at once, without)"


def train(
    run: Run,
    initial_weights: PathLike | None = None,
    resume: PathLike | None = None,
    progress: bool = True,
    group: Group | None = None,
) -> Path:
    """Train to the last iteration. A resumed run ends with the same weights as one that never stopped.

    Args:
        run: what to train. A folder that another training writes to is refused.
        initial_weights: file of weights whose layers are copied by name; None: random ones.
        resume: the .solverstate of a snapshot, or "auto" for the newest in the run's folder that can be restored, if
            there is any.
        progress: whether to show bars.
        group: the ranks that train together, of which only the first logs and takes snapshots; None: this process
            alone.

    Returns:
        The path of the last snapshot's weights.

    Raises:
        InputError: the settings, the folder, the data or the weights are at fault, or the training diverged.
        Stopped: Ctrl-C or SIGTERM asked for the end; a snapshot has been taken.
    """
    group = group or SingleProcess()
    is_lead = group.rank == 0
    with contextlib.ExitStack() as held, group:
        lock = held.enter_context(_locked_folder(run)) if is_lead else None
        with definitions.restored_on_error(run.folder) if is_lead else contextlib.nullcontext():
            before = _replace_definitions(run, resume) if is_lead else {}
            group.barrier()  # until they are written
            solver = import_caffe().get_solver(str(run.folder / "solver.prototxt"))
            restore_or_initialize(solver, run, initial_weights, resume, is_lead)
            monitor = None
            if is_lead:
                scoring = _open_validation(run, solver.net)
                monitor = TrainingMonitor(run, solver, net_loss_weights(solver.net), progress, scoring)
        if is_lead and solver.iter:
            _report_changes(before, definitions.read_settings(run.folder))
        group.connect(solver)
        layer = solver.net.layers[0]
        layer.seek(solver.iter)
        try:
            stopped = iterate(solver, run, group, monitor, lock)
        finally:
            layer.close()
    if stopped:
        raise Stopped(f"iteration {solver.iter} of {solver.param.max_iter}")
    return snapshots.weights_path(solver, run.folder, run.name)


def _locked_folder(run: Run) -> FileLock:
    """Make the run's folder, if its settings are sound, and return the lock on it. Raises InputError."""
    run.check_intervals()
    definitions_of(run)  # wrong settings are reported before anything is made
    make_folder(run.folder)
    return FileLock(run.folder / LOCK, run.folder)


def _open_validation(run, net):
    """The Validation that a run asks for, None if it asks for none. Raises InputError as Validation does."""
    validation.check_options(run.val_db, run.val_every, run.val_limit)
    if not run.val_db:
        return None
    every = run.val_every or run.snapshot_interval
    return validation.Validation(run.variant, net, run.val_db, every, run.val_limit)


def _replace_definitions(run, resume):
    """Write the run's definitions; return the settings that it began with, {} if it is a new one."""
    remove_partials(run.folder)
    if not resume and snapshots.list_snapshots(run.folder):
        raise InputError(f"{run.folder} holds snapshots of an earlier run: resume from one, or choose another folder")
    before = definitions.read_settings(run.folder if resume in (None, "auto") else Path(resume).parent)
    write_definitions(run)
    return before


def _report_changes(before, after):
    if changes := definitions.describe_changes(before, after):
        print(f"resuming with changed settings: {', '.join(changes)}")


def restore_or_initialize(
    solver: Solver,
    run: Run,
    initial_weights: PathLike | None = None,
    resume: PathLike | None = None,
    is_lead: bool = True,
) -> None:
    """Put a new solver where the run begins: at a snapshot, at given weights, or at its random ones.

    Args:
        solver: as Caffe made it.
        run: of the solver.
        initial_weights: as in ``train``.
        resume: as in ``train``.
        is_lead: whether to print what was done, as one rank does for all.

    Raises:
        InputError: the snapshot or the weights cannot be used, or the snapshot is of the last iteration.
    """
    if resume == "auto":
        resume = snapshots.restore_newest(solver, run.folder, is_lead)
    elif resume:
        snapshots.restore(solver, resume)
    if resume:
        last = solver.param.max_iter
        if solver.iter >= last:
            raise InputError(
                f"{resume} is at iteration {solver.iter}, and the training ends at {last}: to train further, give a "
                "larger --iterations (make: ITERS=)"
            )
        if is_lead:
            print(f"resuming from {resume}")
    elif initial_weights:
        report = weights.start_from(solver.net, initial_weights, run.weights_input, run.verbose)
        if is_lead:
            print(report)


def iterate(
    solver: Solver, run: Run, group: Group, monitor: TrainingMonitor | None = None, lock: FileLock | None = None
) -> bool:
    """Step to the solver's max_iter, and take snapshots.

    Args:
        solver: where the run begins or resumes.
        run: of the solver.
        group: the ranks that train together.
        monitor: of rank 0; None on the others.
        lock: on the run's folder, of rank 0; None on the others.

    Returns:
        Whether Ctrl-C or SIGTERM ended it before the last iteration.

    Raises:
        InputError: the training has diverged, or its folder is no longer there.
    """
    last = solver.param.max_iter
    base_lr = solver.param.base_lr
    warmup = max(1, run.variant.warmup if run.warmup is None else run.warmup)
    names = list(net_loss_weights(solver.net))
    factor = weigh_losses(solver.net, solver.net.layers[0].settings.batch_size, group)
    stopped = False
    with StopRequest(STOPPING if group.rank == 0 else None) as stop, monitor or contextlib.nullcontext():
        while solver.iter < last and not stopped:
            solver.param.base_lr = base_lr * min(1.0, (solver.iter + 1) / warmup)
            learning_rate = solver.lr  # of this iteration: its policy, applied to that
            solver.step(1)
            losses = [factor * float(solver.net.blobs[name].data) for name in names]
            asked, *losses = group.mean([stop.asked, *losses])
            stopped = asked > 0
            _check_losses(losses, solver, run)
            if lock and not lock.is_held():
                raise InputError(
                    f"{run.folder} was removed or replaced: the training ends at iteration {solver.iter} of {last}, "
                    "without a snapshot of it"
                )
            if monitor:
                is_end = stopped or solver.iter == last
                snapshot_due = is_end or solver.iter % run.snapshot_interval == 0
                monitor.step(dict(zip(names, losses)), learning_rate, snapshot_due, stop)
                if snapshot_due:
                    snapshots.save(solver, run.folder, run.name, run.keep)
                    monitor.plot(is_end)
    return stopped


def _check_losses(losses, solver, run):
    """Raise InputError if a loss is not finite."""
    if not np.isfinite(losses).all():
        raise InputError(
            f"training has diverged: a loss is not finite at iteration {solver.iter}. Lower base_lr or "
            f"clip_gradients (--solver KEY=VALUE). The snapshots in {run.folder} are from before"
        )
