"""What computes the network of a prediction: Caffe, the reference, or another runtime from the same files.

Each engine takes a batch (N, 3, m, m) float32 and gives {output blob: (N, C, h, w) float32}, in single precision.
"""

import importlib.util
import os
import tempfile

import numpy as np

from maskpose import onnx_export, weights
from maskpose.errors import InputError
from maskpose.files import REPOSITORY, write_text
from maskpose.runtime import import_caffe


def deploy_definition(variant):
    """The NetParameter of a variant's deploy.prototxt. Raises InputError where that is missing."""
    from google.protobuf import text_format

    prototxt = REPOSITORY / "prototxt" / variant.name / "deploy.prototxt"
    if not prototxt.is_file():
        raise InputError(f"{prototxt} is missing: run `make prototxt`")
    return text_format.Parse(prototxt.read_text(), import_caffe().proto.caffe_pb2.NetParameter())


def open_net(definition):
    """A caffe.Net of a definition, in TEST phase, its weights zero: no random number is drawn for them."""
    from google.protobuf import text_format

    caffe = import_caffe()
    blank = type(definition)()
    blank.CopyFrom(definition)
    for layer in blank.layer:
        layer.convolution_param.ClearField("weight_filler")  # then it is constant 0
    with tempfile.NamedTemporaryFile("w", suffix=".prototxt") as file:
        file.write(text_format.MessageToString(blank))
        file.flush()
        return caffe.Net(file.name, caffe.TEST)


class Caffe:
    """The reference. ``net`` may be shared with a training network; its weights are those it has at each call."""

    def __init__(self, net):
        """net: a caffe.Net with the input blob ``data``."""
        self.net = net

    def __call__(self, inputs):
        """As the module says."""
        if self.net.blobs["data"].data.shape != inputs.shape:
            self.net.blobs["data"].reshape(*inputs.shape)
        self.net.blobs["data"].data[...] = inputs
        return {name: blob.copy() for name, blob in self.net.forward().items()}


class OpenCv:
    """OpenCV's dnn module, on as many threads as cv2.getNumThreads()."""

    def __init__(self, definition, net):
        """definition: of the network; net: a caffe.Net of it that holds the weights."""
        import cv2
        from google.protobuf import text_format

        with tempfile.TemporaryDirectory() as folder:
            prototxt, model = os.path.join(folder, "net.prototxt"), os.path.join(folder, "net.caffemodel")
            write_text(prototxt, text_format.MessageToString(definition))
            net.save(model)
            self._net = cv2.dnn.readNetFromCaffe(prototxt, model)
        self._names = list(self._net.getUnconnectedOutLayersNames())
        self._blobs = [definition_top(definition, name) for name in self._names]

    def __call__(self, inputs):
        """As the module says."""
        self._net.setInput(inputs)
        return dict(zip(self._blobs, self._net.forward(self._names)))


class OnnxRuntime:
    """onnxruntime on the CPU, from an export to ONNX."""

    def __init__(self, definition, net):
        """As OpenCv's."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = len(os.sched_getaffinity(0))
        options.log_severity_level = 3
        model = onnx_export.export(definition, weights.arrays(net)).SerializeToString()
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name
        self._names = [output.name for output in self._session.get_outputs()]

    def __call__(self, inputs):
        """As the module says."""
        return dict(zip(self._names, self._session.run(None, {self._input: inputs})))


class OpenVino:
    """OpenVINO on the CPU, in fp32 (its own default is bf16 on some processors), from an export to ONNX."""

    def __init__(self, definition, net):
        """As OpenCv's."""
        import openvino

        self._core = openvino.Core()
        model = onnx_export.export(definition, weights.arrays(net)).SerializeToString()
        self._model = self._core.read_model(model)
        self._names = [output.get_any_name() for output in self._model.outputs]
        self._compiled = {}  # {batch size: network}: fixed shapes are faster

    def __call__(self, inputs):
        """As the module says."""
        if inputs.shape not in self._compiled:
            self._model.reshape(list(inputs.shape))
            settings = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
            self._compiled[inputs.shape] = self._core.compile_model(self._model, "CPU", settings)
        found = self._compiled[inputs.shape](inputs)
        return {name: np.array(found[name]) for name in self._names}


# Fastest first on the compact network (docs/benchmarks.md); each with the packages that it needs.
ENGINES = {
    "openvino": (OpenVino, ("openvino", "onnx")),
    "caffe": (Caffe, ()),
    "onnxruntime": (OnnxRuntime, ("onnxruntime", "onnx")),
    "opencv": (OpenCv, ()),
}


def choose(name="auto", gpu=None):
    """The engine's name: "auto" is the fastest that is installed, and on a GPU Caffe.

    Raises InputError where another than Caffe is to run on a GPU.
    """
    if gpu is not None and name not in ("auto", "caffe"):
        raise InputError(f"only Caffe runs on a GPU here: leave out --gpu, or --engine {name}")
    if name != "auto":
        return name
    return "caffe" if gpu is not None else next(one for one in ENGINES if not missing_packages(one))


def open_engine(name, variant, weights_path):
    """The engine ``name``, as ``choose`` takes it, for a variant with weights from a file.

    Raises InputError for an unknown engine or one whose packages are missing, and as weights.load does.
    """
    name = choose(name)
    if name not in ENGINES:
        raise InputError(f"unknown engine {name!r}: expected auto or one of {', '.join(ENGINES)}")
    if missing := missing_packages(name):
        raise InputError(f"the engine {name} needs {' and '.join(missing)}: pip install {' '.join(missing)}")
    definition = deploy_definition(variant)
    net = open_net(definition)
    weights.load(net, weights_path, whole=True)
    return Caffe(net) if name == "caffe" else ENGINES[name][0](definition, net)


def missing_packages(name):
    """The packages that an engine needs and that are not installed."""
    return [package for package in ENGINES[name][1] if importlib.util.find_spec(package) is None]


def definition_top(definition, name):
    """The blob that the layer ``name`` makes."""
    return next(layer.top[0] for layer in definition.layer if layer.name == name)
