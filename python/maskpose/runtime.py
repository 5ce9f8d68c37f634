"""Caffe and OpenVINO, and the processors that they run on."""

import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from maskpose.errors import InputError
from maskpose.extras import install_command
from maskpose.threads import short_waits

WITHOUT_CAFFE = (
    "in the project's repository run `make caffe`, or give a Python that has it: `make … PYTHON=/path/to/python`"
)


def import_caffe(quiet: bool = True) -> ModuleType:
    """Return the ``caffe`` module. Its threads soon sleep when they wait.

    The C++ library logs as it loads. It also loads OpenMP, which reads its settings then. Both must be set before the
    first import, which a plain ``import caffe`` would not do.

    Args:
        quiet: log warnings alone.

    Raises:
        InputError: Caffe is not installed.
    """
    if quiet:
        os.environ.setdefault("GLOG_minloglevel", "2")
    try:
        with short_waits():
            import caffe
    except ImportError as error:
        raise InputError(f"Caffe is not installed for {sys.executable} ({error}): {WITHOUT_CAFFE}") from None
    return caffe


def import_openvino() -> ModuleType:
    """Return the ``openvino`` module. It and nncf send no statistics of use to their makers.

    Raises:
        InputError: OpenVINO is not installed.
    """
    # With None, the package counts as missing, which openvino allows for.
    sys.modules.setdefault("openvino_telemetry", None)  # pyright: ignore[reportArgumentType]
    try:
        import openvino
    except ImportError:
        raise InputError(f"OpenVINO is not installed: {install_command('openvino')}") from None
    return openvino


_device: dict[str, int | None] = {"gpu": None}  # Caffe does not tell which it has


def set_device(gpu: int | None = None) -> None:
    """Run Caffe on the GPU of this number, or on the CPU if it is None. Raises InputError for an unusable GPU."""
    if gpu is None:
        if "caffe" in sys.modules:  # Caffe starts on the CPU
            import_caffe().set_mode_cpu()
        _device["gpu"] = None
        return
    caffe = import_caffe()
    # Caffe aborts the interpreter if the GPU is missing, so another one tries it first.
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
    """Return whether ``set_device`` has chosen a GPU."""
    return _device["gpu"] is not None


def machine(gpus: Sequence[int] = ()) -> str:
    """Return in a few words what this machine computes on: its GPUs of these numbers, or its processor."""
    if gpus:
        query = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader", f"--id={','.join(map(str, gpus))}"]
        try:
            return " + ".join(subprocess.run(query, capture_output=True, text=True, check=True).stdout.split("\n")[:-1])
        except (OSError, subprocess.CalledProcessError):
            return f"GPU {', '.join(map(str, gpus))}"
    threads = os.environ.get("OMP_NUM_THREADS", len(os.sched_getaffinity(0)))
    return f"{processor()}, {threads} threads"


def processor() -> str:
    """Return the processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
