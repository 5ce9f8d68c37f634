"""Training with pycaffe's solver (section 3.3): set up, step, log, snapshot, resume."""

import contextlib
import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from maskpose.data.settings import DataSettings
from maskpose.errors import InputError, Stopped
from maskpose.io.files import make_folder, remove_partials, write_text
from maskpose.io.locks import FileLock
from maskpose.model import blob_sizes, solver_settings, weights
from maskpose.model.initialisation import net_loss_weights
from maskpose.model.network import data_settings
from maskpose.model.prototxt import prototxt_text
from maskpose.runtime import import_caffe
from maskpose.stopping import StopRequest
from maskpose.training import definitions, snapshots
from maskpose.training.distributed import SingleProcess, weigh_losses
from maskpose.training.monitor import TrainingMonitor

_NETWORK, _SCORES, _SNAPSHOTS = "it takes the variant's network", "give --val-db", "give --snapshot-every and --keep"
UNSUPPORTED_SOLVER_FIELDS = {  # settings of the solver that have no effect here, or at which Caffe aborts
    **dict.fromkeys(("net", "net_param", "train_net", "train_net_param", "train_state"), _NETWORK),
    **dict.fromkeys(("test_net", "test_net_param", "test_state", "test_iter", "test_interval"), _SCORES),
    **dict.fromkeys(("test_compute_loss", "test_initialization"), _SCORES),
    **dict.fromkeys(("snapshot", "snapshot_prefix", "snapshot_diff", "snapshot_format"), _SNAPSHOTS),
    **dict.fromkeys(("snapshot_after_train",), "there is always one"),
    **dict.fromkeys(("display", "average_loss", "debug_info"), "give --log-every"),
    **dict.fromkeys(("solver_mode", "device_id"), "give --gpu, or leave it out"),
    "weights": "give --weights",
    "solver_type": "give type",
}  # fmt: skip

LOCK = ".lock"  # in the run's folder
STOPPING = "stopping after this iteration, with a snapshot (again: at once, without)"


@dataclass
class Run:
    """What a training run is made of; ``folder`` receives all that it writes."""

    variant: object  # maskpose.model.variants.Variant
    db: str
    folder: Path
    iterations: int | None = None  # None: the solver's max_iter
    data: dict = dataclasses.field(default_factory=dict)  # data layer settings that differ from the variant's
    solver: dict = dataclasses.field(default_factory=dict)  # SolverParameter fields that differ from the file's
    weights_input: str | None = None  # of initial weights: one of weights.INPUTS; None: by the file
    log_every: int = 10
    snapshot_every: int | None = None  # iterations; None: the variant's
    keep: int | None = None  # how many snapshots to leave; None: all
    warmup: int | None = None  # iterations over which the learning rate rises; None: the variant's
    val_db: str | None = None  # LMDB to score on while training; None: no validation
    val_every: int | None = None  # iterations; None: at every snapshot. The last iteration is scored in any case
    val_limit: int | None = None  # samples of val_db, evenly spread; None: all
    tensorboard: bool = False  # whether to write event files into the folder
    verbose: bool = False  # whether to name the layers that initial weights filled

    @property
    def name(self):
        """The last part of the variant's name: the stem of the snapshots."""
        return self.variant.name.rsplit("/", 1)[-1]

    def check_intervals(self):
        """Raise InputError for a number of iterations or snapshots that is not a positive whole number."""
        for name in ("iterations", "log_every", "snapshot_every", "keep", "val_every", "val_limit"):
            value = getattr(self, name)
            if value is None and name != "log_every":
                continue
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise InputError(f"{name}: expected a positive whole number, not {value!r}")

    @property
    def snapshot_interval(self):
        """Iterations between snapshots."""
        return self.snapshot_every or self.variant.solver.snapshot


def write_definitions(run):
    """Write a run's train.prototxt and solver.prototxt into its folder. Raises InputError as ``definitions_of``."""
    from google.protobuf import text_format

    net, solver = definitions_of(run)
    make_folder(run.folder)
    snapshots.begin(run.folder)
    write_text(run.folder / "train.prototxt", text_format.MessageToString(net))
    write_text(run.folder / "solver.prototxt", text_format.MessageToString(solver))


def definitions_of(run):
    """(NetParameter, SolverParameter) that a run trains with.

    They are the repository's prototxt files with the database and what the user changed put in. Raises InputError for
    settings that are none, or with which nothing is learnt; nothing is written.
    """
    from google.protobuf import text_format

    caffe_pb2 = import_caffe().proto.caffe_pb2
    net, solver = caffe_pb2.NetParameter(), caffe_pb2.SolverParameter()
    text_format.Merge(prototxt_text(run.variant, "train"), net)
    text_format.Merge(prototxt_text(run.variant, "solver"), solver)
    settings = {**data_settings(run.variant, str(run.db)), **run.data}
    checked = DataSettings.from_json(json.dumps(settings), "--data")
    blob_sizes.check(net, checked.batch_size, checked.input_size)
    net.layer[0].python_param.param_str = json.dumps(settings)
    for key, value in run.solver.items():
        if key in UNSUPPORTED_SOLVER_FIELDS:
            raise InputError(f"solver {key} is the trainer's own: {UNSUPPORTED_SOLVER_FIELDS[key]}")
        solver_settings.set_field(solver, key, value)
    if run.iterations is not None:
        if "max_iter" in run.solver:
            raise InputError("--iterations and --solver max_iter both say how many iterations: give one of them")
        solver_settings.set_field(solver, "max_iter", run.iterations)
    solver_settings.check(solver)
    files = {"net": run.folder / "train.prototxt", "snapshot_prefix": snapshots.prefix(run.folder, run.name)}
    for key, path in files.items():
        solver_settings.set_field(solver, key, str(path))
    solver.snapshot = 0  # the trainer takes the snapshots
    solver.ClearField("display")
    return net, solver


def train(run, initial_weights=None, resume=None, progress=True, group=None):
    """Train to the last iteration; give the path of the last snapshot's weights.

    initial_weights: file whose layers are copied by name; resume: a .solverstate to go on from, or "auto" for
    the newest whole one in the run's folder, if any. A run goes on as if it had never stopped. group: the ranks
    that train together (``distributed``), of which the first alone logs and snapshots. Raises InputError for
    what the user can mend, and Stopped, its snapshot taken, where Ctrl-C or SIGTERM asked for an end.
    """
    with contextlib.ExitStack() as held:
        return _train(run, initial_weights, resume, progress, group or SingleProcess(), held)


def _train(run, initial_weights, resume, progress, group, held):
    """As ``train``; ``held`` keeps the lock on the run's folder."""
    caffe = import_caffe()
    lock = None
    with group:
        lead = group.rank == 0
        watch = None
        if lead:
            run.check_intervals()
            definitions_of(run)  # what is wrong with the settings is said before anything is made
            make_folder(run.folder)
            lock = held.enter_context(FileLock(run.folder / LOCK, run.folder))
            remove_partials(run.folder)
        with definitions.kept_on_error(run.folder) if lead else contextlib.nullcontext():
            if lead:
                refuse_other_run(run, resume)
                before = definitions.of(run.folder if resume in (None, "auto") else Path(resume).parent)
                write_definitions(run)
            group.mean([0])  # wait until they are there
            solver = caffe.get_solver(str(run.folder / "solver.prototxt"))
            layer = solver.net.layers[0]
            start(solver, run, initial_weights, resume, lead)
            if lead:
                watch = TrainingMonitor(run, solver, net_loss_weights(solver.net), progress)
        if lead and solver.iter and (changes := definitions.changes(before, definitions.of(run.folder))):
            print(f"going on with {', '.join(changes)}")
        group.connect(solver)
        layer.seek(solver.iter)
        try:
            stopped = iterate(solver, run, group, watch, lock)
        finally:
            layer.close()
    model = snapshots.model_path(solver, run.folder, run.name)
    if stopped:
        raise Stopped(f"iteration {solver.iter} of {solver.param.max_iter}")
    return model


def refuse_other_run(run, resume):
    """Raise InputError where the run's folder holds snapshots that it is not to go on from."""
    if not resume and snapshots.states(run.folder):
        raise InputError(f"{run.folder} holds snapshots of an earlier run: resume from one, or choose another folder")


def iterate(solver, run, group, watch, lock=None):
    """Step to the solver's max_iter, taking snapshots; give whether Ctrl-C ended it before.

    watch: rank 0's; lock: rank 0's FileLock on the run's folder. Raises InputError if the folder is no longer there.
    """
    last = solver.param.max_iter
    base_lr = solver.param.base_lr
    warmup = max(1, run.variant.warmup if run.warmup is None else run.warmup)
    names = list(net_loss_weights(solver.net))
    factor = weigh_losses(solver.net, solver.net.layers[0].settings.batch_size, group)
    stopped = False
    with StopRequest(STOPPING if group.rank == 0 else None) as stop, watch or contextlib.nullcontext():
        while solver.iter < last and not stopped:
            solver.param.base_lr = base_lr * min(1.0, (solver.iter + 1) / warmup)
            learning_rate = solver.lr  # what its policy makes of that
            solver.step(1)
            losses = [factor * float(solver.net.blobs[name].data) for name in names]
            asked, *losses = group.mean([stop.asked, *losses])
            if not np.isfinite(losses).all():
                raise InputError(
                    f"training has diverged: a loss is not finite at iteration {solver.iter}. Lower base_lr or "
                    f"clip_gradients (--solver KEY=VALUE). Snapshots in {run.folder} are from before"
                )
            stopped = asked > 0
            if lock and not lock.is_held():
                raise InputError(
                    f"{run.folder} was removed or replaced: the training ends at iteration {solver.iter} of {last}, "
                    "without a snapshot of it"
                )
            if watch:
                done = stopped or solver.iter == last
                snapshot_due = done or solver.iter % run.snapshot_interval == 0
                watch.step(dict(zip(names, losses)), learning_rate, snapshot_due, stop)
                if snapshot_due:
                    snapshots.save(solver, run.folder, run.name, run.keep)
                    watch.draw(last=done)
    return stopped


def start(solver, run, initial_weights, resume, lead=True):
    """Bring a new solver to where the run begins: a snapshot, given weights, or the random ones it has."""
    if resume == "auto":
        resume = snapshots.restore_newest(solver, run.folder, lead)
    elif resume:
        snapshots.restore(solver, resume)
    if resume:
        if solver.iter >= solver.param.max_iter:
            raise InputError(
                f"{resume} is at iteration {solver.iter}: nothing left of {solver.param.max_iter}; to go further, "
                "give a larger --iterations (make: ITERS=)"
            )
        if lead:
            print(f"going on from {resume}")
    elif initial_weights:
        report = weights.start_from(solver.net, initial_weights, run.weights_input, run.verbose)
        if lead:
            print(report)
