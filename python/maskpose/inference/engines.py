"""Engines: what computes the network in a prediction. Caffe is the reference; others run the same prototxt and weights.

An engine takes inputs (N, 3, m, m) float32 and returns {blob: (N, C, h, w) float32}. It computes in single precision
unless another one is asked for. A file that ``maskpose export`` wrote may take the place of weights.
"""

import contextlib
import importlib.util
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from maskpose.errors import InputError
from maskpose.extras import install_command
from maskpose.inference import onnx_export
from maskpose.inference.outputs import Engine, Outputs, refuse_overflow
from maskpose.io.files import read_bytes
from maskpose.io.paths import PathLike
from maskpose.model import plain_network, weight_files, weights
from maskpose.model.blobs import refuse_not_finite
from maskpose.model.caffe_types import Net, NetParameter
from maskpose.model.prototxt import deploy_definition, open_net
from maskpose.model.variants import Variant, same_network
from maskpose.runtime import import_caffe, import_openvino, on_gpu
from maskpose.threads import OpenMp, ThreadCount

PROBE_SIZE = 64  # pixels of the input on which new weights are tried: the network is convolutional


def load_net(variant: Variant, weights_path: PathLike) -> tuple[NetParameter, Net]:
    """Return the (NetParameter, caffe.Net) of a variant's deploy network with the weights of a file.

    Raises:
        InputError: as maskpose.model.weights.load does, and if the network's outputs are not finite.
    """
    definition = deploy_definition(variant)
    net = open_net(definition)
    weights.load(net, weights_path, whole=True)
    refuse_overflow(Caffe(net)(_probe()), variant, str(weights_path))
    return definition, net


def load_arrays(
    variant: Variant, weights_path: PathLike
) -> tuple[NetParameter, dict[str, list[npt.NDArray[np.float32]]]]:
    """Return the (NetParameter, {layer: [weights, bias]}) of a variant's deploy network with the weights of a file.

    Caffe is not needed. The network is tried on noise, because OpenVINO and OpenCV do not report an overflow: their
    ReLU makes 0 of NaN.

    Raises:
        InputError: as ``load_net``.
    """
    definition = deploy_definition(variant)
    arrays = weights.matching(plain_network.weight_shapes(definition), weights_path, whole=True)
    refuse_overflow(plain_network.forward(definition, arrays, _probe()), variant, str(weights_path))
    return definition, arrays


def _probe():
    """Noise, (1, 3, m, m), as the network's input."""
    return np.random.default_rng(1).random((1, 3, PROBE_SIZE, PROBE_SIZE), np.float32) - 0.5


class Caffe:
    """Caffe, the reference. It uses the weights that ``net`` has at each call; a training net may share them."""

    def __init__(self, net: Net, definition: NetParameter | None = None):
        """Take a net.

        Args:
            net: a caffe.Net with the input blob ``data``.
            definition: its NetParameter. With it the net runs on fewer threads while other processes are busy
                (maskpose.threads.ThreadCount), unless OMP_NUM_THREADS sets their number; results stay the same to the
                bit. None: the net always runs on all threads.
        """
        self.net = net
        self._definition = definition
        self._net_on_fewer: tuple[int, Net] = 0, None  # a number of threads, and a net made for it with shared weights
        self._openmp: OpenMp | None = None
        self._count: ThreadCount | None = None
        if definition is not None and "OMP_NUM_THREADS" not in os.environ and not on_gpu():
            with contextlib.suppress(OSError):  # a Caffe without GNU OpenMP
                self._openmp = OpenMp()
                self._count = ThreadCount(self._openmp.threads) if self._openmp.threads > 1 else None

    def __call__(self, inputs: npt.NDArray[np.float32]) -> Outputs:
        """The outputs for ``inputs``, as the module says."""
        if self._openmp is None or self._count is None or (threads := self._count()) == self._count.most:
            return self._forward(self.net, inputs)
        with self._openmp.limited(threads):
            return self._forward(self._net_for(threads), inputs)

    def _net_for(self, threads: int) -> Net:
        if self._net_on_fewer[0] != threads:  # oneDNN divides a layer for the number of threads at its making
            self._net_on_fewer = threads, open_net(self._definition)
            self._net_on_fewer[1].share_with(self.net)
        return self._net_on_fewer[1]

    @staticmethod
    def _forward(net: Net, inputs: npt.NDArray[np.float32]) -> Outputs:
        if net.blobs["data"].data.shape != inputs.shape:
            net.blobs["data"].reshape(*inputs.shape)
        net.blobs["data"].data[...] = inputs
        return {name: blob.copy() for name, blob in net.forward().items()}


class OpenCv:
    """OpenCV's dnn module, on as many threads as cv2.getNumThreads() says."""

    def __init__(self, definition: NetParameter, arrays: dict[str, list[npt.NDArray[np.float32]]]):
        """Copy a network: ``definition`` is its NetParameter, ``arrays`` has each layer's weights and bias."""
        import cv2
        from google.protobuf import text_format

        layers = {layer.name: (layer.type, arrays[layer.name]) for layer in definition.layer if layer.name in arrays}
        files = text_format.MessageToString(definition).encode(), weight_files.caffemodel("", layers)
        self._net = cv2.dnn.readNetFromCaffe(*(np.frombuffer(file, np.uint8) for file in files))
        self._names = list(self._net.getUnconnectedOutLayersNames())
        self._blobs = [definition_top(definition, name) for name in self._names]

    def __call__(self, inputs: npt.NDArray[np.float32]) -> Outputs:
        """The outputs for ``inputs``, as the module says."""
        self._net.setInput(inputs)
        return dict(zip(self._blobs, map(np.asarray, self._net.forward(self._names))))


class OnnxRuntime:
    """onnxruntime on the CPU. Threads that wait sleep at once while other processes are busy (maskpose.threads).

    Attributes:
        takes: shape of the input, None for any number.
        made_for: the variant that the file notes, or None.
        names: of the outputs.
    """

    def __init__(self, model: bytes | str):
        """Open the bytes, or the path, of an ONNX file."""
        threads = len(os.sched_getaffinity(0))
        self._model = model
        self._count = ThreadCount(threads) if threads > 1 else None
        self._session, self._session_that_sleeps = self._open(spinning=True), None
        (given,) = self._session.get_inputs()
        self._input = given.name
        self.takes = [size if isinstance(size, int) else None for size in given.shape]
        self.made_for = self._session.get_modelmeta().custom_metadata_map.get(onnx_export.VARIANT)
        self.names = [output.name for output in self._session.get_outputs()]

    def __call__(self, inputs: npt.NDArray[np.float32]) -> Outputs:
        """The outputs for ``inputs``, as the module says."""
        session = self._session
        if self._count and self._count() < self._count.most:
            session = self._session_that_sleeps = self._session_that_sleeps or self._open(spinning=False)
        return dict(zip(self.names, session.run(None, {self._input: inputs})))

    def _open(self, spinning: bool) -> Any:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = len(os.sched_getaffinity(0))
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "1" if spinning else "0")
        options.add_session_config_entry("session.x64quantprecision", "1")  # int8: no sums that overflow without VNNI
        return onnxruntime.InferenceSession(self._model, options, providers=["CPUExecutionProvider"])


class OpenVino:
    """OpenVINO on the CPU. It computes in fp32 unless told otherwise; its own default is bf16 on some processors.

    Attributes:
        precision: one of PRECISIONS, what OpenVINO is asked for.
        takes: shape of the input, None for any number.
        made_for: the variant that the file notes, or None.
        names: of the outputs.
        model: the openvino.Model.
    """

    def __init__(self, model: bytes | str, precision: str | None = None):
        """Open a network. If the processor lacks the precision, stderr says so and the network computes in fp32.

        Args:
            model: the bytes of an ONNX file, or the path of an IR (.xml).
            precision: one of PRECISIONS. None: what an IR was made for, or fp32.
        """
        self._core = import_openvino().Core()
        self.model = self._core.read_model(model)
        self.precision: str = precision or self._noted("maskpose", "precision") or "fp32"
        self._hint = PRECISIONS[self.precision]
        self.made_for = self._noted("maskpose", "variant") or self._noted("framework", onnx_export.VARIANT)
        (given,) = self.model.inputs
        self.takes = [None if size.is_dynamic else size.get_length() for size in given.partial_shape]
        self.names = [output.get_any_name() for output in self.model.outputs]
        self._compiled: dict[tuple[int, ...], Any] = {}  # by the input's shape: fixed shapes are faster

    def _noted(self, *path: str) -> Any:
        return self.model.get_rt_info(list(path)).value if self.model.has_rt_info(list(path)) else None

    def __call__(self, inputs: npt.NDArray[np.float32]) -> Outputs:
        """The outputs for ``inputs``, as the module says."""
        if inputs.shape not in self._compiled:
            self._compiled[inputs.shape] = self._compile(inputs.shape)
        results = self._compiled[inputs.shape](inputs)
        return {name: np.array(results[name], np.float32) for name in self.names}

    def _compile(self, shape: tuple[int, ...]) -> Any:
        self.model.reshape(list(shape))
        settings = {"INFERENCE_PRECISION_HINT": self._hint, "PERFORMANCE_HINT": "LATENCY"}
        network = self._core.compile_model(self.model, "CPU", settings)
        taken = network.get_property("INFERENCE_PRECISION_HINT").get_type_name()
        if taken != self._hint and not self._compiled:
            print(f"OpenVINO computes in {taken} here, not in {self._hint}: the processor lacks it", file=sys.stderr)
        return network


# Fastest first on the compact network (docs/benchmarks.md); each with the packages that it needs.
ENGINES = {
    "openvino": ("openvino", "onnx"),
    "caffe": ("caffe",),
    "onnxruntime": ("onnxruntime", "onnx"),
    "opencv": (),
}
EXPORTED = {".xml": ("openvino",), ".onnx": ("openvino", "onnxruntime")}  # which engines run a file of this suffix
PRECISIONS = {"fp32": "f32", "bf16": "bf16", "fp16": "f16"}  # to compute in, and OpenVINO's names for them


def choose(name: str = "auto", gpu: int | None = None) -> str:
    """Return the engine for a processor: "auto" is Caffe on a GPU. Raises InputError if another one shall run on a GPU.

    Args:
        name: "auto" or one of ENGINES.
        gpu: number of the GPU. None: the CPU, where ``resolve`` chooses.
    """
    if gpu is not None and name not in ("auto", "caffe"):
        raise InputError(f"only Caffe runs on a GPU here: leave out --gpu, or --engine {name}")
    return name if gpu is None else "caffe"


def resolve(name: str, weights_path: PathLike | None = None) -> str:
    """Return the engine for weights: for "auto" the fastest that is installed and reads the file.

    Args:
        name: "auto" or one of ENGINES.
        weights_path: the file. None: a caffemodel.

    Raises:
        InputError: the engine is unknown, does not read the file, or its packages are missing.
    """
    if name not in ("auto", *ENGINES):
        raise InputError(f"unknown engine {name!r}: expected auto or one of {', '.join(ENGINES)}")
    suffix = Path(weights_path or "").suffix
    able = EXPORTED.get(suffix, tuple(ENGINES))
    if name == "auto":
        name = next((engine for engine in able if not missing_packages(engine)), able[0])
    if name not in able:
        raise InputError(f"{weights_path}: {suffix} files are run by {' or '.join(able)}, not by {name}")
    if missing := missing_packages(name):
        if name == "caffe":
            import_caffe()  # its error says what to do
        raise InputError(f"the engine {name} needs {' and '.join(missing)}: {install_command(missing[0])}")
    return name


def files_of(weights_path: PathLike) -> list[Path]:
    """Return the files that weights consist of: an .xml has a .bin beside it."""
    path = Path(weights_path)
    return [path, path.with_suffix(".bin")] if path.suffix == ".xml" else [path]


def open_engine(name: str, variant: Variant, weights_path: PathLike, precision: str | None = None) -> Engine:
    """Return an engine for a variant, with the weights of a file.

    Args:
        name: as ``resolve`` takes it.
        variant: what the network is.
        weights_path: a caffemodel, an HDF5 file or an exported file.
        precision: one of PRECISIONS; engines other than OpenVINO compute in fp32. None: what an exported file was made
            for, or fp32.

    Raises:
        InputError: as ``resolve`` and maskpose.model.weights.load do; the exported file is damaged or of another
            variant; or the precision is unknown or not the engine's.
    """
    if precision not in (None, *PRECISIONS):
        raise InputError(f"unknown precision {precision!r}: expected one of {', '.join(PRECISIONS)}")
    name = resolve(name, weights_path)
    if precision not in (None, "fp32") and name != "openvino":
        raise InputError(f"{name} computes in fp32 here: --precision {precision} is OpenVINO's")
    if Path(weights_path).suffix in EXPORTED:
        return _open_exported(name, variant, Path(weights_path), precision)
    if name == "caffe":
        definition, net = load_net(variant, weights_path)
        return Caffe(net, definition)
    definition, arrays = load_arrays(variant, weights_path)
    if name == "opencv":
        return OpenCv(definition, arrays)
    model = onnx_export.onnx_model(definition, arrays, variant.name).SerializeToString()
    return OpenVino(model, precision) if name == "openvino" else OnnxRuntime(model)


def _open_exported(name: str, variant: Variant, path: Path, precision: str | None) -> Engine:
    """``open_engine`` for a file that ``maskpose export`` wrote."""
    for file in files_of(path):
        if not file.is_file():
            raise InputError(f"{file}: no such file" + (f", which {path.name} needs" if file != path else ""))
    model = str(path)
    if path.suffix == ".onnx":
        model = read_bytes(path)
        _check_onnx(model, path)
    try:
        engine = OpenVino(model, precision) if name == "openvino" else OnnxRuntime(model)
    except Exception as error:  # each runtime has its own kinds
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise InputError(f"{path} cannot be read by {name}: {lines[-1]}") from None
    if path.suffix == ".xml" and isinstance(engine, OpenVino):
        _check_ir(engine.model, path)
    if engine.made_for is not None and not same_network(engine.made_for, variant.name):
        raise InputError(f"{path} is of another variant than {variant.name}: it was made for {engine.made_for}")
    if sorted(engine.names) != sorted(variant.blobs):
        outputs = ", ".join(sorted(engine.names))
        raise InputError(f"{path} is of another variant than {variant.name}: its outputs are {outputs}")
    takes = [None, 3, variant.input_size, variant.input_size]
    if engine.takes != takes:
        found, expected = (" x ".join(str(size or "any") for size in sizes) for sizes in (engine.takes, takes))
        raise InputError(f"{path} takes inputs of {found}: {variant.name}'s are {expected}")
    return engine


def _check_onnx(model: bytes, path: Path) -> None:
    """Raise InputError unless the bytes are an ONNX model with all of its weights, which are finite.

    OpenVINO would try other bytes as other formats, with many messages.
    """
    import onnx
    from google.protobuf.message import DecodeError

    try:
        graph = onnx.load_model_from_string(model).graph
    except DecodeError:
        graph = None
    if graph is None or not graph.node:
        raise InputError(f"{path} is no ONNX model, or not whole")
    for tensor in graph.initializer:
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            raise InputError(f"{path}: {tensor.name} lies in another file")
        try:
            array = onnx.numpy_helper.to_array(tensor)
        except Exception as error:  # of several kinds
            raise InputError(f"{path}: {tensor.name} is damaged: {error}") from None
        if array.dtype.kind == "f":
            refuse_not_finite(array, f"{path}: {tensor.name}")


def _check_ir(model: Any, path: Path) -> None:
    """Raise InputError if an openvino.Model has weights that are not finite."""
    for node in model.get_ops():
        if node.get_type_name() == "Constant" and node.get_element_type().get_type_name() in ("f16", "f32", "f64"):
            refuse_not_finite(node.data, f"{path}: {node.get_friendly_name()}")


def missing_packages(name: str) -> list[str]:
    """Return the packages that an engine needs and that are not installed."""
    return [package for package in ENGINES[name] if importlib.util.find_spec(package) is None]


def definition_top(definition: NetParameter, name: str) -> str:
    """Return the blob that the layer ``name`` of a NetParameter makes."""
    return next(layer.top[0] for layer in definition.layer if layer.name == name)
