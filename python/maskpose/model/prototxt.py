"""Definitions as text: what prototxt/ holds, and how a definition is read, written and opened as a network."""

from typing import Any

from google.protobuf import text_format

from maskpose.errors import InputError
from maskpose.io.files import shipped
from maskpose.io.memory_files import memory_file
from maskpose.model.caffe_types import Net, NetParameter
from maskpose.model.messages import caffe_message
from maskpose.model.network import deploy_net, train_net
from maskpose.model.variants import VARIANTS, Variant
from maskpose.runtime import import_caffe

HEADER = "# Written by `make prototxt` from python/maskpose/model/network.py; change it there.\n"
STOCK_DB = "data/onehand10k/train.lmdb"  # that the committed train.prototxt names


def prototxt_files(variant: Variant, db: str = STOCK_DB) -> dict[str, str]:
    """Return the text of the variant's files, {path below prototxt/: text}."""
    folder, name = variant.name, variant.name.rsplit("/", 1)[-1]
    solver = solver_text(variant, f"prototxt/{folder}/train.prototxt", f"runs/stock/{folder}/{name}")
    return {
        f"{folder}/train.prototxt": HEADER + text_format.MessageToString(train_net(variant, db)),
        f"{folder}/deploy.prototxt": HEADER + text_format.MessageToString(deploy_net(variant)),
        f"{folder}/solver.prototxt": HEADER + solver,
    }


def solver_text(variant: Variant, net: str, snapshot_prefix: str) -> str:
    """Return the text of a solver.prototxt, related fields beside one another.

    It has no solver_mode: ``caffe train`` runs on the GPU if it is given -gpu.

    Args:
        variant: whose ``solver`` is written.
        net: path of the train.prototxt.
        snapshot_prefix: how the paths of snapshots begin.
    """
    solver = variant.solver
    fields: dict[str, Any] = {"net": net, "type": solver.type}
    fields |= {key: getattr(solver, key) for key in ("base_lr", "momentum", "lr_policy", "max_iter", "weight_decay")}
    fields["snapshot"] = solver.snapshot
    if solver.lr_policy == "step":
        fields |= {"gamma": solver.gamma, "stepsize": solver.stepsize}
    fields |= {**solver.extra, "snapshot_prefix": snapshot_prefix, "display": 20, "average_loss": 20, "random_seed": 1}
    message = import_caffe().proto.caffe_pb2.SolverParameter
    # a message for each field: a whole one would be written in the order of caffe.proto
    return "".join(text_format.MessageToString(message(**{key: value})) for key, value in fields.items())


def prototxt_text(variant: Variant, kind: str) -> str:
    """Return the text of a variant's ``kind``.prototxt (train, deploy or solver).

    That is the committed file, or what it would be if the variant's name ends in changes. Raises InputError if the
    file is missing.
    """
    if variant.name not in VARIANTS:
        return prototxt_files(variant)[f"{variant.name}/{kind}.prototxt"]
    path = shipped(f"prototxt/{variant.name}/{kind}.prototxt")
    if not path.is_file():
        raise InputError(f"{path} is missing: run `make prototxt`")
    return path.read_text()


def deploy_definition(variant: Variant) -> NetParameter:
    """Return what a variant's deploy.prototxt holds. Raises InputError if that is missing."""
    return text_format.Parse(prototxt_text(variant, "deploy"), caffe_message("NetParameter"))


def open_net(definition: NetParameter) -> Net:
    """Return the network of a definition, in TEST phase. Its weights are zero: no random number is drawn for them."""
    blank = type(definition)()
    blank.CopyFrom(definition)
    for layer in blank.layer:
        layer.convolution_param.ClearField("weight_filler")  # then it is constant 0
    return net_of(blank, import_caffe().TEST)


def net_of(definition: NetParameter, phase: int) -> Net:
    """Return the network of a definition in a phase, caffe.TRAIN or caffe.TEST, its weights as its fillers say."""
    with memory_file(text_format.MessageToString(definition).encode()) as path:
        return import_caffe().Net(str(path), phase)
