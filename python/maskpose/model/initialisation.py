"""Signal and gradient of a network with random weights, measured layer by layer on one batch."""

import json
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from maskpose.io.paths import PathLike
from maskpose.model.caffe_types import Net, NetParameter
from maskpose.model.network import data_settings, train_net
from maskpose.model.prototxt import net_of
from maskpose.model.variants import Variant
from maskpose.runtime import import_caffe

SCHEMES = {
    "ours": "msra before every ReLU, gaussian 0.01 on each stage's last layer (what prototxt/ has)",
    "family": "xavier up to conv5_2, gaussian 0.01 after it (the habit of CPM's training files)",
    "gaussian": "gaussian 0.01 everywhere",
}


@dataclass
class LayerReport:
    """One convolution on one batch."""

    name: str
    activation: float  # root mean square of its output, after the ReLU if it has one
    alive: float  # share of its channels that are not zero everywhere
    gradient: float  # root mean square of the loss's gradient by its weights, divided by that of the weights


def measure(
    variant: Variant, db: PathLike, scheme: str = "ours", batch_size: int = 2, seed: int = 1
) -> tuple[list[LayerReport], dict[str, float]]:
    """Run a new network forward and backward on the data layer's first batch, with augmentation.

    Args:
        variant: what to initialise.
        db: LMDB of training samples.
        scheme: a key of SCHEMES.
        batch_size: images.
        seed: of the random weights.

    Returns:
        ([report of each convolution], {loss: value, "total": their weighted sum}).
    """
    caffe = import_caffe()
    definition = training_definition(variant, db, scheme, batch_size)
    caffe.set_random_seed(seed)
    net = net_of(definition, caffe.TRAIN)
    outputs = net.forward()
    weights = net_loss_weights(net)
    losses = {name: float(outputs[name]) for name in weights}
    losses["total"] = sum(weight * losses[name] for name, weight in weights.items())
    net.backward()
    reports = []
    for name, (weight, *_) in net.params.items():
        output = net.blobs[name].data
        reports.append(
            LayerReport(
                name,
                activation=rms(output),
                alive=float((np.abs(output).max(axis=(0, 2, 3)) > 0).mean()),
                gradient=rms(weight.diff) / rms(weight.data),
            )
        )
    net.layers[0].close()
    return reports, losses


def training_definition(variant: Variant, db: PathLike, scheme: str, batch_size: int) -> NetParameter:
    """Return the training network's definition with a scheme's fillers and a batch size of its own."""
    net = train_net(variant, str(db))
    settings = {**data_settings(variant, str(db)), "batch_size": batch_size, "workers": 0}
    net.layer[0].python_param.param_str = json.dumps(settings)
    for layer in net.layer:
        if layer.type == "Convolution" and scheme != "ours":
            filler = layer.convolution_param.weight_filler
            early = scheme == "family" and layer.name.startswith("conv") and not layer.name.endswith(("CPM", "mask"))
            filler.Clear()
            filler.type = "xavier" if early else "gaussian"
            if not early:
                filler.std = 0.01
    return net


def rms(array: npt.NDArray[np.floating]) -> float:
    """Return the root mean square of an array."""
    return float(np.sqrt(np.mean(np.square(array, dtype=np.float64))))


def net_loss_weights(net: Net) -> dict[str, float]:
    """Return {loss: its weight in the total} of an open network, in the network's order."""
    return {name: float(weight) for name, weight in net.blob_loss_weights.items() if weight}
