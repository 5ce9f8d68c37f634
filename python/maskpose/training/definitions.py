"""The settings of a run's prototxt files: they are compared when a run resumes, so that it can report what changed."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from google.protobuf import text_format

from maskpose.data.settings import DataSettings
from maskpose.errors import InputError
from maskpose.io.files import write_text
from maskpose.io.paths import PathLike
from maskpose.model.caffe_types import SolverParameter
from maskpose.runtime import import_caffe

# what a run may change and still be the same run
FREE_OF_DATA = ("workers", "rank", "ranks")
FREE_OF_SOLVER = ("net", "snapshot", "snapshot_prefix", "display")


def read_settings(folder: Path) -> dict[str, Any]:
    """Return {setting: value} of the train.prototxt and solver.prototxt in ``folder``, or {} if one cannot be read."""
    caffe_pb2 = import_caffe().proto.caffe_pb2
    net, solver = caffe_pb2.NetParameter(), caffe_pb2.SolverParameter()
    try:
        text_format.Merge((folder / "train.prototxt").read_text(), net)
        text_format.Merge((folder / "solver.prototxt").read_text(), solver)
        data = vars(DataSettings.from_json(net.layer[0].python_param.param_str))
    except (OSError, ValueError, IndexError, text_format.ParseError, InputError):
        return {}
    fields = {field.name: getattr(solver, field.name) for field in solver.DESCRIPTOR.fields}
    return {
        **{key: value for key, value in data.items() if key not in FREE_OF_DATA},
        **{f"loss weight of {name}": weight for name, weight in read_loss_weights(folder).items()},
        **{key: value for key, value in fields.items() if key not in FREE_OF_SOLVER and is_compared(key, solver)},
    }


def is_compared(key: str, solver: SolverParameter) -> bool:
    """Return whether a change of a field makes another run. max_iter does if the learning rate depends on it."""
    return key != "max_iter" or solver.lr_policy == "poly"


def read_loss_weights(folder: PathLike) -> dict[str, float]:
    """Return {loss: its weight in the total} of the train.prototxt in ``folder``, or {} if it cannot be read."""
    try:
        net = import_caffe().proto.caffe_pb2.NetParameter()
        text_format.Merge((Path(folder) / "train.prototxt").read_text(), net)
    except (OSError, ValueError, text_format.ParseError):
        return {}
    return {layer.top[0]: layer.loss_weight[0] for layer in net.layer if layer.loss_weight}


@contextlib.contextmanager
def restored_on_error(folder: Path) -> Iterator[None]:
    """Within it, an InputError puts the definitions in ``folder`` back as they were."""
    paths = [folder / name for name in ("train.prototxt", "solver.prototxt")]
    texts = {path: path.read_text() for path in paths if path.is_file()}
    try:
        yield
    except InputError:
        for path, text in texts.items():
            write_text(path, text)
        raise


def describe_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return ["batch_size 2 (was 8)", …] of two results of ``read_settings``."""
    differing = {key: value for key, value in before.items() if key in after and after[key] != value}
    return [f"{key} {_value_text(after[key])} (was {_value_text(value)})" for key, value in differing.items()]


def _value_text(value):
    return f"{value:.7g}" if isinstance(value, float) else str(value)  # Caffe's floats are single precision
