"""The network with its weights in one file for other runtimes: ONNX, or OpenVINO's IR in several precisions.

maskpose.inference.engines runs these files. A file notes its variant and the SHA-256 of the weights' file, and an IR
the precision that it was made for.
"""

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from maskpose.codecs.preprocessing import crop_to_input
from maskpose.errors import InputError
from maskpose.extras import install_command
from maskpose.inference import engines, onnx_export
from maskpose.inference.image_paths import ImageFile
from maskpose.inference.onnx_int8 import onnx_quantiser
from maskpose.io.files import atomic_path, sha256
from maskpose.io.images import read_color
from maskpose.io.paths import PathLike
from maskpose.model.variants import Variant
from maskpose.runtime import import_openvino

EXPORT_PRECISIONS = {
    "fp32": "as Caffe computes",
    "fp16": "weights in half the space, computed in fp32",
    "bf16": "the same weights as fp16, computed in bf16 where the processor has it",
    "int8": "weights and activations quantised, calibrated on images",
}
ONNX_PRECISIONS = ("fp32", "int8")
FP16_FILES = ("fp16", "bf16")  # precisions whose files have weights in fp16
FP16_MAX = float(np.finfo(np.float16).max)
CALIBRATION = 300  # images, at most: NNCF's usual number


def export_network(
    variant: Variant,
    weights_path: PathLike,
    path: PathLike,
    precision: str = "fp32",
    calibration: Iterable[npt.NDArray[np.float32]] | None = None,
) -> list[Path]:
    """Write a variant with its weights, and return the paths written.

    Args:
        variant: what the network is.
        weights_path: a caffemodel or an HDF5 file.
        path: to write to, .onnx or .xml; an .xml gets a .bin beside it.
        precision: one of EXPORT_PRECISIONS; one of ONNX_PRECISIONS for an .onnx.
        calibration: network inputs (1, 3, m, m), for int8 alone.

    Raises:
        InputError: as maskpose.model.weights.load does; the suffix or precision is unknown; the calibration is missing
            or has no use; packages are missing; fp16 cannot hold the weights; or the files cannot be written.
    """
    path = Path(path)
    _check_request(path, precision, calibration is not None)
    openvino = import_openvino() if path.suffix == ".xml" else None
    quantise = None
    if precision == "int8":  # here, because a missing package is found before the work
        quantise = _ir_quantiser(variant.input_size) if openvino else onnx_quantiser()
    written = engines.files_of(path)
    with contextlib.ExitStack() as stack:
        partials = [stack.enter_context(atomic_path(file)) for file in written]  # renamed last to first
        definition, arrays = engines.load_arrays(variant, weights_path)
        if precision in FP16_FILES and (large := [name for name in arrays if _largest(arrays[name]) > FP16_MAX]):
            raise InputError(f"weights {weights_path}: layer {large[0]} has weights too large for {precision}")
        network = onnx_export.onnx_model(definition, arrays, variant.name, sha256(weights_path))
        if openvino:
            network = openvino.Core().read_model(network.SerializeToString())
        if quantise and calibration is not None:
            network = quantise(network, calibration)
        if openvino is None:
            partials[0].write_bytes(network.SerializeToString())
            return written
        network.set_rt_info(precision if precision == "bf16" else "fp32", ["maskpose", "precision"])
        network.set_rt_info(variant.name, ["maskpose", "variant"])
        _save_ir(openvino, network, partials[0], precision in FP16_FILES, path)
    return written


def _check_request(path: Path, precision: str, is_calibrated: bool) -> None:
    """Raise InputError for a suffix, a precision and a calibration that do not go together."""
    if path.suffix not in engines.EXPORTED:
        raise InputError(f"{path}: expected a file that ends in {' or '.join(engines.EXPORTED)}")
    if precision not in EXPORT_PRECISIONS:
        raise InputError(f"unknown precision {precision!r}: expected one of {', '.join(EXPORT_PRECISIONS)}")
    if path.suffix == ".onnx" and precision not in ONNX_PRECISIONS:
        allowed = " or ".join(ONNX_PRECISIONS)
        raise InputError(f"{path}: ONNX is written in {allowed}; an .xml takes {', '.join(EXPORT_PRECISIONS)}")
    if precision == "int8" and not is_calibrated:
        raise InputError("int8 needs images to calibrate on")
    if precision != "int8" and is_calibrated:
        raise InputError(f"only int8 is calibrated on images, {precision} is not: leave them out")


def _save_ir(openvino: Any, network: Any, partial: Path, in_fp16: bool, path: Path) -> None:
    """Write an openvino.Model to ``partial``. Raises InputError, which names ``path``, if not all of it is written."""
    try:
        openvino.save_model(network, partial, compress_to_fp16=in_fp16)
        openvino.Core().read_model(partial)  # OpenVINO does not report what is lost as it closes the file
    except RuntimeError as error:
        why = str(error).partition("\n")[0]
        raise InputError(f"{path} cannot be written by OpenVINO ({why}): is the disk full?") from None


def calibration_inputs(
    files: Sequence[ImageFile], size: int, at_most: int = CALIBRATION
) -> Iterator[npt.NDArray[np.float32]]:
    """Yield network inputs (1, 3, m, m) of image files.

    An image that cannot be read is reported on stderr and left out.

    Args:
        files: of the images.
        size: m, the side of the network's input in pixels.
        at_most: how many are taken; of more files, every n-th.
    """
    step = -(-len(files) // at_most) or 1
    for file in files[::step]:
        try:
            image = read_color(file.path)
        except InputError as error:
            print(f"left out: {error}", file=sys.stderr)
            continue
        yield crop_to_input(image, (0, 0, *image.shape[1::-1]), size)[None]


def _largest(arrays: Iterable[npt.NDArray[np.float32]]) -> float:
    """Return the largest magnitude in several arrays."""
    return max(float(np.abs(array).max()) for array in arrays)


def _ir_quantiser(size: int) -> Callable[[Any, Iterable[npt.NDArray[np.float32]]], Any]:
    """Return a function that quantises an openvino.Model with an input of ``size`` pixels to int8.

    It takes the model and inputs from which it measures the ranges of values. Raises InputError if NNCF is missing.
    """
    import_openvino()  # first, or nncf would send statistics
    try:
        import nncf
    except ImportError:
        raise InputError(f"int8 needs NNCF: {install_command('nncf')}") from None

    def quantise(network: Any, calibration: Iterable[npt.NDArray[np.float32]]) -> Any:
        inputs = [np.asarray(one, np.float32) for one in calibration]
        if not inputs:
            raise InputError("int8 needs images to calibrate on: none could be read")
        network.reshape([1, 3, size, size])  # NNCF's statistics need a batch of one
        quantised = nncf.quantize(network, nncf.Dataset(inputs), subset_size=len(inputs))
        quantised.reshape([-1, 3, size, size])
        return quantised

    return quantise
