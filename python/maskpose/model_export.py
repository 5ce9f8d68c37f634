"""The network with its weights in one file for other runtimes: ONNX, or OpenVINO's IR in several precisions.

``maskpose.engines`` runs what is written here. A file notes its variant, and an IR the precision that it was made for.
"""

from pathlib import Path

import numpy as np

from maskpose import engines, onnx_export, weights
from maskpose.errors import InputError
from maskpose.files import make_folder

PRECISIONS = {
    "fp32": "as Caffe computes",
    "fp16": "weights in half the space, computed in fp32",
    "bf16": "weights in half the space, computed in bf16 where the processor has it",
    "int8": "weights and activations quantised, calibrated on photographs",
}
CALIBRATION = 300  # photographs, at most: NNCF's usual number


def export(variant, weights_path, path, precision="fp32", calibration=None):
    """Write a variant with weights to ``path``, .onnx or .xml (and .bin beside it); give the paths written.

    precision: one of PRECISIONS; .onnx is always fp32. calibration: for int8, an iterable of network inputs
    (1, 3, m, m) float32. Raises InputError for another suffix or precision, for missing packages, and as weights.load.
    """
    path = Path(path)
    if path.suffix not in engines.EXPORTED:
        raise InputError(f"{path}: expected a file that ends in {' or '.join(engines.EXPORTED)}")
    if path.suffix == ".onnx" and precision != "fp32":
        raise InputError(f"{path}: ONNX is written in fp32; an .xml takes {', '.join(PRECISIONS)}")
    definition = engines.deploy_definition(variant)
    net = engines.open_net(definition)
    weights.load(net, weights_path, whole=True)
    model = onnx_export.export(definition, weights.arrays(net), variant.name).SerializeToString()
    make_folder(path.parent)
    if path.suffix == ".onnx":
        partial = path.with_name(f".partial-{path.name}")
        partial.write_bytes(model)
        partial.replace(path)
        return [path]
    return _write_ir(model, path, variant, precision, calibration)


def _write_ir(model, path, variant, precision, calibration):
    try:
        import openvino
    except ImportError:
        raise InputError("an .xml needs OpenVINO: pip install openvino") from None
    network = openvino.Core().read_model(model)
    if precision == "int8":
        network = _quantised(network, variant, calibration)
    network.set_rt_info(precision if precision == "bf16" else "fp32", ["maskpose", "precision"])
    network.set_rt_info(variant.name, ["maskpose", "variant"])
    written = [path, path.with_suffix(".bin")]
    partials = [one.with_name(f".partial-{one.name}") for one in written]
    openvino.save_model(network, partials[0], compress_to_fp16=precision in ("fp16", "bf16"))
    for partial, one in reversed(list(zip(partials, written))):  # the .xml, which names the network, last
        partial.replace(one)
    return written


def _quantised(network, variant, calibration):
    """The network in int8, its ranges measured on ``calibration``'s inputs."""
    try:
        import nncf
    except ImportError:
        raise InputError("int8 needs NNCF: pip install nncf") from None
    inputs = [np.asarray(one, np.float32) for one in calibration or ()]
    if not inputs:
        raise InputError("int8 needs photographs to calibrate on")
    size = variant.input_size
    network.reshape([1, 3, size, size])  # NNCF's statistics want a batch of one
    quantised = nncf.quantize(network, nncf.Dataset(inputs), subset_size=len(inputs))
    quantised.reshape([-1, 3, size, size])
    return quantised
