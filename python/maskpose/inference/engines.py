"""What computes the network of a prediction: Caffe, the reference, or another runtime from the same files.

Each engine takes a batch (N, 3, m, m) float32 and gives {output blob: (N, C, h, w) float32}, in single precision unless
another is asked for. A file that tools/export.py wrote serves in the place of weights.
"""

import contextlib
import importlib.util
import os
import sys
from pathlib import Path

import numpy as np

from maskpose.errors import InputError
from maskpose.inference import onnx_export
from maskpose.io.files import read_bytes
from maskpose.model import weights
from maskpose.model.blobs import refuse_not_finite
from maskpose.model.prototxt import deploy_definition, open_net
from maskpose.model.variants import same_network
from maskpose.runtime import import_openvino, on_gpu
from maskpose.threads import OpenMp, ThreadCount

PROBE_SIZE = 64  # pixels, of the input on which new weights are tried: the network is convolutional


def load_net(variant, weights_path):
    """(NetParameter, caffe.Net) of a variant's deploy network, which holds the weights of a file.

    Raises InputError as weights.load does, and for weights at which the network overflows: OpenVINO and OpenCV would
    not tell, as their ReLU makes 0 of NaN.
    """
    definition = deploy_definition(variant)
    net = open_net(definition)
    weights.load(net, weights_path, whole=True)
    noise = np.random.default_rng(1).random((1, 3, PROBE_SIZE, PROBE_SIZE), np.float32) - 0.5
    refuse_overflow(Caffe(net)(noise), variant, weights_path)
    return definition, net


def refuse_overflow(outputs, variant, weights_path=None):
    """Raise InputError where one of a variant's ``outputs``, {blob: array}, is not finite; it names weights_path."""
    for name in variant.blobs:
        if not np.isfinite(outputs[name]).all():
            raise InputError(
                (f"weights {weights_path}: " if weights_path else "") + f"the network's output {name} is not finite "
                "(NaN or infinity): the weights are damaged, or their training diverged"
            )


class Caffe:
    """The reference. ``net`` may be shared with a training network; its weights are those it has at each call."""

    def __init__(self, net, definition=None):
        """net: a caffe.Net with the input blob ``data``. definition: of it; None: it always has all threads.

        With a definition there are fewer threads while other processes are busy (``maskpose.threads.ThreadCount``),
        unless OMP_NUM_THREADS says how many. What comes out is the same to the bit.
        """
        self.net = net
        self._definition = definition
        self._fewer = None, None  # number of threads, and a net made for them that shares the weights
        self._count = None
        if definition is not None and "OMP_NUM_THREADS" not in os.environ and not on_gpu():
            with contextlib.suppress(OSError):  # a Caffe without GNU OpenMP
                self._openmp = OpenMp()
                self._count = ThreadCount(self._openmp.threads) if self._openmp.threads > 1 else None

    def __call__(self, inputs):
        """As the module says."""
        if self._count is None or (threads := self._count()) == self._count.most:
            return self._forward(self.net, inputs)
        with self._openmp.limited(threads):
            return self._forward(self._net_for(threads), inputs)

    def _net_for(self, threads):
        if self._fewer[0] != threads:  # oneDNN divides a layer among as many threads as there were when it was made
            self._fewer = threads, open_net(self._definition)
            self._fewer[1].share_with(self.net)
        return self._fewer[1]

    @staticmethod
    def _forward(net, inputs):
        if net.blobs["data"].data.shape != inputs.shape:
            net.blobs["data"].reshape(*inputs.shape)
        net.blobs["data"].data[...] = inputs
        return {name: blob.copy() for name, blob in net.forward().items()}


class OpenCv:
    """OpenCV's dnn module, on as many threads as cv2.getNumThreads()."""

    def __init__(self, definition, net):
        """definition: of the network; net: a caffe.Net of it that holds the weights."""
        import cv2
        from google.protobuf import text_format

        files = text_format.MessageToString(definition).encode(), weights.caffemodel(net)
        self._net = cv2.dnn.readNetFromCaffe(*(np.frombuffer(file, np.uint8) for file in files))
        self._names = list(self._net.getUnconnectedOutLayersNames())
        self._blobs = [definition_top(definition, name) for name in self._names]

    def __call__(self, inputs):
        """As the module says."""
        self._net.setInput(inputs)
        return dict(zip(self._blobs, self._net.forward(self._names)))


class OnnxRuntime:
    """onnxruntime on the CPU; ``takes`` and ``made_for`` as OpenVino's.

    While other processes are busy (``maskpose.threads.ThreadCount``), threads that wait sleep at once.
    """

    def __init__(self, model):
        """model: bytes of an ONNX file."""
        threads = len(os.sched_getaffinity(0))
        self._model = model
        self._count = ThreadCount(threads) if threads > 1 else None
        self._session, self._patient = self._open(spinning=True), None
        (given,) = self._session.get_inputs()
        self._input, self.takes = given.name, [size if isinstance(size, int) else None for size in given.shape]
        self.made_for = self._session.get_modelmeta().custom_metadata_map.get(onnx_export.VARIANT)
        self.names = [output.name for output in self._session.get_outputs()]

    def __call__(self, inputs):
        """As the module says."""
        session = self._session
        if self._count and self._count() < self._count.most:
            session = self._patient = self._patient or self._open(spinning=False)
        return dict(zip(self.names, session.run(None, {self._input: inputs})))

    def _open(self, spinning):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = len(os.sched_getaffinity(0))
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "1" if spinning else "0")
        return onnxruntime.InferenceSession(self._model, options, providers=["CPUExecutionProvider"])


class OpenVino:
    """OpenVINO on the CPU; in fp32 unless told otherwise, where its own default is bf16 on some processors.

    ``precision``: one of PRECISIONS, what is asked of it; ``takes``: its input's shape, None for any number;
    ``made_for``: the variant that the file notes, or None; ``model``: the openvino.Model.
    """

    def __init__(self, model, precision=None):
        """model: bytes of an ONNX file, or the path of an IR (.xml); precision: of PRECISIONS, None for fp32 or, of an
        IR, what it was made for. One that the processor does not have is said on stderr, and is fp32.
        """
        self._core = import_openvino().Core()
        self.model = self._core.read_model(model)
        self.precision = precision or self._noted("maskpose", "precision") or "fp32"
        self._hint = PRECISIONS[self.precision]
        self.made_for = self._noted("maskpose", "variant") or self._noted("framework", onnx_export.VARIANT)
        (given,) = self.model.inputs
        self.takes = [None if size.is_dynamic else size.get_length() for size in given.partial_shape]
        self.names = [output.get_any_name() for output in self.model.outputs]
        self._compiled = {}  # {shape of the input: network}: fixed shapes are faster

    def _noted(self, *path):
        return self.model.get_rt_info(list(path)).value if self.model.has_rt_info(list(path)) else None

    def __call__(self, inputs):
        """As the module says."""
        if inputs.shape not in self._compiled:
            self._compiled[inputs.shape] = self._compile(inputs.shape)
        found = self._compiled[inputs.shape](inputs)
        return {name: np.array(found[name], np.float32) for name in self.names}

    def _compile(self, shape):
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
    "caffe": (),
    "onnxruntime": ("onnxruntime", "onnx"),
    "opencv": (),
}
EXPORTED = {".xml": ("openvino",), ".onnx": ("openvino", "onnxruntime")}  # by whom a file of this suffix is run
PRECISIONS = {"fp32": "f32", "bf16": "bf16", "fp16": "f16"}  # and OpenVINO's names for them


def choose(name="auto", gpu=None):
    """The engine's name on a processor: on a GPU "auto" is Caffe.

    Raises InputError where another than Caffe is to run on a GPU.
    """
    if gpu is not None and name not in ("auto", "caffe"):
        raise InputError(f"only Caffe runs on a GPU here: leave out --gpu, or --engine {name}")
    return name if gpu is None else "caffe"


def resolve(name, weights_path=None):
    """The name of the engine for weights in a file: "auto" is the fastest that is installed, of those that read it.

    Raises InputError for an unknown engine, one that does not read the file, and one whose packages are missing.
    """
    if name not in ("auto", *ENGINES):
        raise InputError(f"unknown engine {name!r}: expected auto or one of {', '.join(ENGINES)}")
    suffix = Path(weights_path or "").suffix
    able = EXPORTED.get(suffix, tuple(ENGINES))
    if name == "auto":
        name = next((one for one in able if not missing_packages(one)), able[0])
    if name not in able:
        raise InputError(f"{weights_path}: {suffix} files are run by {' or '.join(able)}, not by {name}")
    if missing := missing_packages(name):
        raise InputError(f"the engine {name} needs {' and '.join(missing)}: pip install {' '.join(missing)}")
    return name


def files_of(weights_path):
    """The files that weights are in: an .xml has a .bin beside it."""
    path = Path(weights_path)
    return [path, path.with_suffix(".bin")] if path.suffix == ".xml" else [path]


def open_engine(name, variant, weights_path, precision=None):
    """The engine ``name``, as ``resolve`` takes it, for a variant with weights from a file.

    precision: one of PRECISIONS, None for fp32 or what an exported file was made for. Raises InputError as ``resolve``
    and weights.load do, for an exported file of another variant, for a precision that is none, and for another engine
    than OpenVINO in another than fp32.
    """
    if precision not in (None, *PRECISIONS):
        raise InputError(f"unknown precision {precision!r}: expected one of {', '.join(PRECISIONS)}")
    name = resolve(name, weights_path)
    if precision not in (None, "fp32") and name != "openvino":
        raise InputError(f"{name} computes in fp32 here: --precision {precision} is OpenVINO's")
    if Path(weights_path).suffix in EXPORTED:
        return _open_exported(name, variant, Path(weights_path), precision)
    definition, net = load_net(variant, weights_path)
    if name == "caffe":
        return Caffe(net, definition)
    if name == "opencv":
        return OpenCv(definition, net)
    model = onnx_export.export(definition, weights.arrays(net), variant.name).SerializeToString()
    return OpenVino(model, precision) if name == "openvino" else OnnxRuntime(model)


def _open_exported(name, variant, path, precision):
    for one in files_of(path):
        if not one.is_file():
            raise InputError(f"{one}: no such file" + (f", which {path.name} needs" if one != path else ""))
    if path.suffix == ".onnx":
        model = read_bytes(path)
        _check_onnx(model, path)
    else:
        model = str(path)
    try:
        engine = OpenVino(model, precision) if name == "openvino" else OnnxRuntime(model)
    except Exception as error:  # each runtime has its own kinds
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise InputError(f"{path} cannot be read by {name}: {reason[-1]}") from None
    if path.suffix == ".xml":
        _check_ir(engine.model, path)
    if engine.made_for is not None and not same_network(engine.made_for, variant.name):
        raise InputError(f"{path} is of another variant than {variant.name}: it was made for {engine.made_for}")
    if sorted(engine.names) != sorted(variant.blobs):
        there = ", ".join(sorted(engine.names))
        raise InputError(f"{path} is of another variant than {variant.name}: its outputs are {there}")
    takes = [None, 3, variant.input_size, variant.input_size]
    if engine.takes != takes:
        there, wanted = (" x ".join(str(size or "any") for size in sizes) for sizes in (engine.takes, takes))
        raise InputError(f"{path} takes inputs of {there}: {variant.name}'s are {wanted}")
    return engine


def _check_onnx(model, path):
    """Raise InputError for bytes that are no ONNX model: OpenVINO tries them as other formats, with much noise.

    Also for one whose weights lie in other files, are damaged or are not finite.
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


def _check_ir(model, path):
    """Raise InputError for an openvino.Model with weights that are not finite."""
    for node in model.get_ops():
        if node.get_type_name() == "Constant" and node.get_element_type().get_type_name() in ("f16", "f32", "f64"):
            refuse_not_finite(node.data, f"{path}: {node.get_friendly_name()}")


def missing_packages(name):
    """The packages that an engine needs and that are not installed."""
    return [package for package in ENGINES[name] if importlib.util.find_spec(package) is None]


def definition_top(definition, name):
    """The blob that the layer ``name`` makes."""
    return next(layer.top[0] for layer in definition.layer if layer.name == name)
