"""What a random initialisation does to signal and gradient, measured layer by layer on one batch."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from maskpose.io.memory_files import memory_file
from maskpose.model.network import data_settings, train_net
from maskpose.runtime import import_caffe

SCHEMES = {
    "ours": "msra before every ReLU, gaussian 0.01 on each stage's last layer (what prototxt/ has)",
    "family": "xavier up to conv5_2, gaussian 0.01 after (the habit of CPM's training files)",
    "gaussian": "gaussian 0.01 everywhere",
}


@dataclass
class LayerReport:
    """One convolution on one batch."""

    name: str
    activation: float  # root mean square of its output, after the ReLU where there is one
    alive: float  # share of its channels that are not zero everywhere
    gradient: float  # root mean square of the loss's gradient to its weights, over that of its weights


def measure(variant, db, scheme="ours", batch_size=2, seed=1):
    """([LayerReport of each convolution], {loss: value, "total": weighted sum}) of a fresh network.

    scheme: a key of SCHEMES; the batch is the data layer's first, with augmentation.
    """
    caffe = import_caffe()
    net = build(variant, db, scheme, batch_size)
    with memory_file(str(net).encode()) as path:
        caffe.set_random_seed(seed)
        net = caffe.Net(str(path), caffe.TRAIN)
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


def build(variant, db, scheme, batch_size):
    """NetParameter of the training network with another scheme's fillers and a batch size of its own."""
    net = train_net(variant, str(Path(db)))
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


def rms(array):
    """Root mean square."""
    return float(np.sqrt(np.mean(np.square(array, dtype=np.float64))))


def net_loss_weights(net) -> dict[str, float]:
    """{name of each loss: its weight in the total}, in the network's order."""
    return {name: float(weight) for name, weight in net.blob_loss_weights.items() if weight}
