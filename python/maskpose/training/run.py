"""What a training is of: the variant, its data and settings, and the definitions that Caffe trains with."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskpose.data.settings import DataSettings
from maskpose.errors import InputError
from maskpose.io.files import make_folder, write_text
from maskpose.model import blob_sizes, solver_settings
from maskpose.model.caffe_types import NetParameter, SolverParameter
from maskpose.model.network import data_settings
from maskpose.model.prototxt import prototxt_text
from maskpose.model.variants import Variant
from maskpose.runtime import import_caffe
from maskpose.training import snapshots

_NETWORK, _SCORES, _SNAPSHOTS = "it takes the variant's network", "give --val-db", "give --snapshot-every and --keep"
# {field: what to do instead} of the solver's fields that have no effect here, or at which Caffe aborts
UNSUPPORTED_SOLVER_FIELDS = {
    **dict.fromkeys(("net", "net_param", "train_net", "train_net_param", "train_state"), _NETWORK),
    **dict.fromkeys(("test_net", "test_net_param", "test_state", "test_iter", "test_interval"), _SCORES),
    **dict.fromkeys(("test_compute_loss", "test_initialization"), _SCORES),
    **dict.fromkeys(("snapshot", "snapshot_prefix", "snapshot_diff", "snapshot_format"), _SNAPSHOTS),
    **dict.fromkeys(("snapshot_after_train",), "there is always one"),
    **dict.fromkeys(("display", "average_loss", "debug_info"), "give --log-every"),
    **dict.fromkeys(("solver_mode", "device_id"), "give --gpu, or leave it out"),
    "weights": "give --weights",
    "solver_type": "give type",
}


@dataclass
class Run:
    """What is trained, on what, and how."""

    variant: Variant
    db: str  # LMDB of training samples
    folder: Path  # for all that the run writes
    iterations: int | None = None  # None: the solver's max_iter
    data: dict[str, Any] = dataclasses.field(default_factory=dict)  # settings of the data layer that differ
    solver: dict[str, Any] = dataclasses.field(default_factory=dict)  # fields of SolverParameter that differ
    weights_input: str | None = None  # that initial weights expect, one of weights.INPUTS; None: as the file suggests
    log_every: int = 10  # iterations
    snapshot_every: int | None = None  # iterations; None: the variant's
    keep: int | None = None  # how many snapshots to keep, the newest; None: all
    warmup: int | None = None  # iterations over which the learning rate rises; None: the variant's
    val_db: str | None = None  # LMDB to score on while training; None: no validation
    val_every: int | None = None  # iterations; None: at every snapshot. The last iteration is always scored
    val_limit: int | None = None  # samples of val_db, evenly spread; None: all
    tensorboard: bool = False  # whether to write event files into the folder
    verbose: bool = False  # whether to name the layers that initial weights filled

    @property
    def name(self) -> str:
        """The last part of the variant's name, with which the names of snapshots begin."""
        return self.variant.name.rsplit("/", 1)[-1]

    def check_intervals(self) -> None:
        """Raise InputError if a number of iterations, snapshots or samples is not a positive whole number."""
        for name in ("iterations", "log_every", "snapshot_every", "keep", "val_every", "val_limit"):
            value = getattr(self, name)
            if value is None and name != "log_every":
                continue
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise InputError(f"{name}: expected a positive whole number, not {value!r}")

    @property
    def snapshot_interval(self) -> int:
        """Iterations between snapshots."""
        return self.snapshot_every or self.variant.solver.snapshot


def write_definitions(run: Run) -> None:
    """Write a run's train.prototxt and solver.prototxt into its folder. Raises InputError as ``definitions_of``."""
    from google.protobuf import text_format

    net, solver = definitions_of(run)
    make_folder(run.folder)
    snapshots.make_partial_folder(run.folder)
    write_text(run.folder / "train.prototxt", text_format.MessageToString(net))
    write_text(run.folder / "solver.prototxt", text_format.MessageToString(solver))


def definitions_of(run: Run) -> tuple[NetParameter, SolverParameter]:
    """Return the definitions that a run trains with: the repository's, with the run's database and changed settings.

    Raises InputError if a setting is unknown or wrong.
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
            raise InputError("--iterations and --solver max_iter are the same setting: give one of them")
        solver_settings.set_field(solver, "max_iter", run.iterations)
    solver_settings.check(solver)
    files = {"net": run.folder / "train.prototxt", "snapshot_prefix": snapshots.snapshot_prefix(run.folder, run.name)}
    for key, path in files.items():
        solver_settings.set_field(solver, key, str(path))
    solver.snapshot = 0  # the trainer takes the snapshots
    solver.ClearField("display")
    return net, solver
