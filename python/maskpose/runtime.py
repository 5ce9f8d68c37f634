"""Finding Caffe, and the processors it runs on."""

import os
import platform
import subprocess
import sys
from pathlib import Path
from types import ModuleType

from maskpose.errors import InputError
from maskpose.extras import install_command
from maskpose.threads import short_waits

WITHOUT_CAFFE = (
    "in the project's repository run `make caffe`, or give a Python that has it: `make … PYTHON=/path/to/python`"
)


def import_caffe(quiet: bool = True) -> ModuleType:
    """The ``caffe`` module, its log kept to warnings unless ``quiet`` is False, its threads' waits short.

    Raises InputError where Caffe is not installed. The C++ library logs as it loads, and loads OpenMP, which reads
    its settings then: both must be set before the first import, and a plain ``import caffe`` would miss that.
    """
    if quiet:
        os.environ.setdefault("GLOG_minloglevel", "2")
    try:
        with short_waits():
            import caffe
    except ImportError as error:
        raise InputError(f"Caffe is not installed for {sys.executable} ({error}): {WITHOUT_CAFFE}") from None
    return caffe


def import_openvino():
    """The ``openvino`` module, without the statistics of use that it, and nncf with it, would send to its makers.

    Raises InputError where it is not installed.
    """
    # None: as if that package were not there, which is allowed for.
    sys.modules.setdefault("openvino_telemetry", None)  # pyright: ignore[reportArgumentType]
    try:
        import openvino
    except ImportError:
        raise InputError(f"OpenVINO is not installed: {install_command('openvino')}") from None
    return openvino


_device: dict[str, int | None] = {"gpu": None}  # Caffe does not tell which it has


def set_device(gpu=None):
    """Run on GPU number ``gpu``, or on the CPU where it is None. Raises InputError for an unusable GPU."""
    if gpu is None:
        if "caffe" in sys.modules:  # what it begins with anyway
            import_caffe().set_mode_cpu()
        _device["gpu"] = None
        return
    caffe = import_caffe()
    # Caffe aborts the interpreter on a missing GPU: try it in another one first.
    trial = f"import caffe; caffe.set_mode_gpu(); caffe.set_device({int(gpu)})"
    result = subprocess.run([sys.executable, "-c", trial], capture_output=True, text=True)
    if result.returncode:
        if "CPU-only" in result.stderr:
            raise InputError(
                f"GPU {gpu}: this Caffe was built for the CPU only. `make caffe CUDA=1` builds one for GPUs, or give a "
                "Python that has one: make … PYTHON=/path/to/python"
            )
        reason = next((line for line in result.stderr.splitlines() if "Check failed" in line or "GPU" in line), "")
        raise InputError(f"GPU {gpu} cannot be used by this Caffe: {reason.partition('] ')[2] or 'no reason given'}")
    caffe.set_mode_gpu()
    caffe.set_device(int(gpu))
    _device["gpu"] = int(gpu)


def on_gpu() -> bool:
    """Whether ``set_device`` has chosen a GPU."""
    return _device["gpu"] is not None


def machine(gpus=()):
    """What this machine computes on, in a few words: its GPUs of these numbers, or its processor."""
    if gpus:
        query = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader", f"--id={','.join(map(str, gpus))}"]
        try:
            return " + ".join(subprocess.run(query, capture_output=True, text=True, check=True).stdout.split("\n")[:-1])
        except (OSError, subprocess.CalledProcessError):
            return f"GPU {', '.join(map(str, gpus))}"
    threads = os.environ.get("OMP_NUM_THREADS", len(os.sched_getaffinity(0)))
    return f"{processor()}, {threads} threads"


def processor():
    """The processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
