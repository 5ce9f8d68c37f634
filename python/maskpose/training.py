"""Training with pycaffe's solver (section 3.3): set up, step, log, snapshot, resume."""

import dataclasses
import json
import signal
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from maskpose import snapshots, weights
from maskpose.errors import InputError
from maskpose.files import write_text
from maskpose.losses import LossLog, plot_losses
from maskpose.network import data_settings
from maskpose.runtime import import_caffe
from maskpose.settings import DataSettings

ROOT = Path(__file__).parents[2]  # the repository: prototxt/ is there


@dataclass
class Run:
    """What a training run is made of; ``folder`` receives all that it writes."""

    variant: object  # maskpose.variants.Variant
    db: str
    folder: Path
    iterations: int | None = None  # None: the solver's max_iter
    data: dict = dataclasses.field(default_factory=dict)  # data layer settings that differ from the variant's
    solver: dict = dataclasses.field(default_factory=dict)  # SolverParameter fields that differ from the file's
    log_every: int = 10
    snapshot_every: int | None = None  # iterations; None: the variant's
    keep: int | None = None  # how many snapshots to leave; None: all
    warmup: int | None = None  # iterations over which the learning rate rises; None: the variant's

    @property
    def name(self):
        """The last part of the variant's name: the stem of the snapshots."""
        return self.variant.name.rsplit("/", 1)[-1]


def write_definitions(run):
    """Write the run's own train.prototxt and solver.prototxt; give the solver's path.

    They are the repository's prototxt files with the database and what the user changed put in.
    """
    from google.protobuf import text_format

    caffe_pb2 = import_caffe().proto.caffe_pb2
    source = ROOT / "prototxt" / run.variant.name
    net, solver = caffe_pb2.NetParameter(), caffe_pb2.SolverParameter()
    text_format.Merge((source / "train.prototxt").read_text(), net)
    text_format.Merge((source / "solver.prototxt").read_text(), solver)
    settings = {**data_settings(run.variant, str(run.db)), **run.data}
    DataSettings.from_json(json.dumps(settings))
    net.layer[0].python_param.param_str = json.dumps(settings)
    for key, value in run.solver.items():
        try:
            setattr(solver, key, value)
        except (AttributeError, TypeError, ValueError):
            raise InputError(f"the solver has no setting {key} that can be {value!r}") from None
    if run.iterations is not None:
        solver.max_iter = run.iterations
    run.folder.mkdir(parents=True, exist_ok=True)
    solver.net = str(run.folder / "train.prototxt")
    snapshots.discard_partial(run.folder)
    solver.snapshot_prefix = snapshots.prefix(run.folder, run.name)
    solver.snapshot = 0  # the trainer takes the snapshots
    solver.ClearField("display")
    write_text(run.folder / "train.prototxt", text_format.MessageToString(net))
    write_text(run.folder / "solver.prototxt", text_format.MessageToString(solver))
    return run.folder / "solver.prototxt"


def train(run, initial_weights=None, resume=None, progress=True):
    """Train to the last iteration, or until Ctrl-C; give the path of the last snapshot's weights.

    initial_weights: file whose layers are copied by name; resume: a .solverstate to go on from, or "auto" for
    the newest whole one in the run's folder, if any. A run goes on as if it had never stopped. Raises InputError
    for what the user can mend.
    """
    caffe = import_caffe()
    solver_file = write_definitions(run)
    solver = caffe.get_solver(str(solver_file))
    layer = solver.net.layers[0]
    start(solver, run, initial_weights, resume)
    layer.seek(solver.iter)
    last = solver.param.max_iter
    base_lr = solver.param.base_lr
    warmup = max(1, run.variant.warmup if run.warmup is None else run.warmup)
    snapshot_every = run.snapshot_every or run.variant.solver.snapshot
    stop = StopRequest()
    losses_csv = run.folder / "losses.csv"
    batch_size = solver.net.blobs["data"].shape[0]
    log = LossLog(losses_csv, loss_weights(solver.net), solver.iter, batch_size)
    bar = tqdm(total=last, initial=solver.iter, unit="it", dynamic_ncols=True, disable=not progress)
    try:
        with stop, log:
            while solver.iter < last and not stop.asked:
                solver.param.base_lr = base_lr * min(1.0, (solver.iter + 1) / warmup)
                solver.step(1)
                log.add({name: float(solver.net.blobs[name].data) for name in log.weights}, layer.waited)
                bar.update()
                if solver.iter % run.log_every == 0:
                    bar.set_postfix_str(log.write(solver.iter))
                if solver.iter % snapshot_every == 0:
                    snapshots.save(solver, run.folder, run.name, run.keep)
                    plot_losses(losses_csv, run.folder / "losses.png")
            if solver.iter > log.written:
                log.write(solver.iter)
        model = snapshots.save(solver, run.folder, run.name, run.keep)
        plot_losses(losses_csv, run.folder / "losses.png")
    finally:
        bar.close()
        layer.close()
    if stop.asked:
        print(f"stopped at iteration {solver.iter}; to go on: RESUME={model.with_suffix('.solverstate')}")
    return model


def start(solver, run, initial_weights, resume):
    """Bring a new solver to where the run begins: a snapshot, given weights, or the random ones it has."""
    if resume == "auto":
        resume = snapshots.restore_newest(solver, run.folder)
    elif resume:
        snapshots.restore(solver, resume)
    if resume:
        print(f"going on from {resume}")
        if solver.iter >= solver.param.max_iter:
            raise InputError(f"{resume} is at iteration {solver.iter}: nothing left of {solver.param.max_iter}")
    elif initial_weights:
        filled = weights.load(solver.net, initial_weights)
        print(f"{initial_weights}: {len(filled)} of {len(solver.net.params)} layers filled")


def loss_weights(net):
    """{name of each loss: its weight in the total}, in the network's order."""
    return {name: float(weight) for name, weight in net.blob_loss_weights.items() if weight}


class StopRequest:
    """Within it, Ctrl-C and SIGTERM ask for an end after the iteration; a second one ends at once."""

    def __init__(self):
        self.asked = False

    def __enter__(self):
        self._before = {number: signal.signal(number, self._ask) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *exception):
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, number, frame):
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
