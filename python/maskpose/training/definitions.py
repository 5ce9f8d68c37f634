"""What two runs' definitions differ in: a run that goes on otherwise than it began says so."""

import contextlib
from pathlib import Path

from google.protobuf import text_format

from maskpose.data.settings import DataSettings
from maskpose.errors import InputError
from maskpose.io.files import write_text
from maskpose.runtime import import_caffe

# what may change without making another run of it
FREE_OF_DATA = ("workers", "rank", "ranks")
FREE_OF_SOLVER = ("net", "snapshot", "snapshot_prefix", "display")


def of(folder):
    """{setting: value} of the train.prototxt and solver.prototxt in ``folder``; {} where they cannot be read."""
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
        **{f"loss weight of {name}": weight for name, weight in loss_weights(folder).items()},
        **{key: value for key, value in fields.items() if key not in FREE_OF_SOLVER and matters(key, solver)},
    }


def matters(key, solver):
    """Whether a solver's field makes another run: max_iter does where the learning rate follows from it."""
    return key != "max_iter" or solver.lr_policy == "poly"


def loss_weights(folder):
    """{loss: its weight in the total} of the train.prototxt in ``folder``; {} where it cannot be read."""
    try:
        net = import_caffe().proto.caffe_pb2.NetParameter()
        text_format.Merge((Path(folder) / "train.prototxt").read_text(), net)
    except (OSError, ValueError, text_format.ParseError):
        return {}
    return {layer.top[0]: layer.loss_weight[0] for layer in net.layer if layer.loss_weight}


@contextlib.contextmanager
def kept_on_error(folder):
    """Within it, an InputError leaves the definitions in ``folder`` as they were before."""
    paths = [folder / name for name in ("train.prototxt", "solver.prototxt")]
    texts = {path: path.read_text() for path in paths if path.is_file()}
    try:
        yield
    except InputError:
        for path, text in texts.items():
            write_text(path, text)
        raise


def changes(before, now):
    """["batch_size 2 (was 8)", …] of two dicts that ``of`` gives."""
    differing = {key: value for key, value in before.items() if key in now and now[key] != value}
    return [f"{key} {_text(now[key])} (was {_text(value)})" for key, value in differing.items()]


def _text(value):
    return f"{value:.7g}" if isinstance(value, float) else str(value)  # Caffe's are single precision
