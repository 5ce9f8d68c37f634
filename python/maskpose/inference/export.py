"""The network with its weights in one file for other runtimes: ONNX, or OpenVINO's IR in several precisions.

``engines`` runs what is written here. A file notes its variant, and an IR the precision that it was made for.
"""

import contextlib
import sys
from pathlib import Path

import numpy as np

from maskpose.codecs.preprocessing import crop_to_input
from maskpose.errors import InputError
from maskpose.extras import install_command
from maskpose.inference import engines, onnx_export
from maskpose.io.files import atomic_path
from maskpose.io.images import read_color
from maskpose.runtime import import_openvino

PRECISIONS = {
    "fp32": "as Caffe computes",
    "fp16": "weights in half the space, computed in fp32",
    "bf16": "the same weights as fp16, computed in bf16 where the processor has it",
    "int8": "weights and activations quantised, calibrated on photographs",
}
HALF = ("fp16", "bf16")  # whose files have weights in fp16
HALF_MOST = float(np.finfo(np.float16).max)
CALIBRATION = 300  # photographs, at most: NNCF's usual number


def export(variant, weights_path, path, precision="fp32", calibration=None):
    """Write a variant with weights to ``path``, .onnx or .xml (and .bin beside it); give the paths written.

    precision: one of PRECISIONS; .onnx is always fp32. calibration: for int8 alone, an iterable of network inputs
    (1, 3, m, m) float32. Raises InputError for another suffix or precision, where calibration is missing or has no use,
    for missing packages, where nothing can be written, for weights that fp16 cannot hold, and as weights.load.
    """
    path = Path(path)
    if path.suffix not in engines.EXPORTED:
        raise InputError(f"{path}: expected a file that ends in {' or '.join(engines.EXPORTED)}")
    if precision not in PRECISIONS:
        raise InputError(f"unknown precision {precision!r}: expected one of {', '.join(PRECISIONS)}")
    if path.suffix == ".onnx" and precision != "fp32":
        raise InputError(f"{path}: ONNX is written in fp32; an .xml takes {', '.join(PRECISIONS)}")
    if precision == "int8" and calibration is None:
        raise InputError("int8 needs photographs to calibrate on")
    if precision != "int8" and calibration is not None:
        raise InputError(f"only int8 is calibrated on photographs, {precision} is not: leave them out")
    quantise = _quantiser() if precision == "int8" else None  # what is missing is said before the work
    openvino = import_openvino() if path.suffix == ".xml" else None
    written = engines.files_of(path)
    with contextlib.ExitStack() as stack:
        partials = [stack.enter_context(atomic_path(one)) for one in written]  # renamed last to first
        definition, arrays = engines.load_arrays(variant, weights_path)
        if precision in HALF and (large := [name for name in arrays if _largest(arrays[name]) > HALF_MOST]):
            raise InputError(f"weights {weights_path}: layer {large[0]} has weights too large for {precision}")
        model = onnx_export.export(definition, arrays, variant.name).SerializeToString()
        if openvino is None:
            partials[0].write_bytes(model)
            return written
        network = openvino.Core().read_model(model)
        if quantise:
            network = quantise(network, variant.input_size, calibration)
        network.set_rt_info(precision if precision == "bf16" else "fp32", ["maskpose", "precision"])
        network.set_rt_info(variant.name, ["maskpose", "variant"])
        _save(openvino, network, partials[0], precision in HALF, path)
    return written


def _save(openvino, network, partial, in_half, path):
    """Write an IR to ``partial``. Raises InputError that names ``path`` if not all of it reaches the disk."""
    try:
        openvino.save_model(network, partial, compress_to_fp16=in_half)
        openvino.Core().read_model(partial)  # what is lost as a file is closed, nobody is told
    except RuntimeError as error:
        why = str(error).partition("\n")[0]
        raise InputError(f"{path} cannot be written by OpenVINO ({why}): is the disk full?") from None


def calibration_inputs(photographs, size, at_most=CALIBRATION):
    """Yield network inputs (1, 3, m, m) of ``photographs``, maskpose.inference.image_paths.Photograph, evenly spread.

    One that cannot be read is said on stderr and left out.
    """
    step = -(-len(photographs) // at_most) or 1
    for one in photographs[::step]:
        try:
            image = read_color(one.path)
        except InputError as error:
            print(f"left out: {error}", file=sys.stderr)
            continue
        yield crop_to_input(image, (0, 0, *image.shape[1::-1]), size)[None]


def _largest(arrays):
    """The largest magnitude in several arrays."""
    return max(float(np.abs(array).max()) for array in arrays)


def _quantiser():
    """A function of (network, size, calibration) that gives the network in int8, its ranges measured on the latter."""
    import_openvino()  # first, or nncf would send statistics
    try:
        import nncf
    except ImportError:
        raise InputError(f"int8 needs NNCF: {install_command('nncf')}") from None

    def quantise(network, size, calibration):
        inputs = [np.asarray(one, np.float32) for one in calibration]
        if not inputs:
            raise InputError("int8 needs photographs to calibrate on: none could be read")
        network.reshape([1, 3, size, size])  # NNCF's statistics want a batch of one
        quantised = nncf.quantize(network, nncf.Dataset(inputs), subset_size=len(inputs))
        quantised.reshape([-1, 3, size, size])
        return quantised

    return quantise
