"""Finding Caffe and choosing the processor it runs on."""

import os
import subprocess
import sys

from maskpose.errors import InputError


def import_caffe(quiet=True):
    """The ``caffe`` module, its log kept to warnings unless ``quiet`` is False.

    Raises InputError where Caffe is not installed: the C++ library logs as it loads, so the log level must
    be set before the first import, and a plain ``import caffe`` elsewhere would miss that.
    """
    if quiet:
        os.environ.setdefault("GLOG_minloglevel", "2")
    try:
        import caffe
    except ImportError as error:
        raise InputError(
            f"Caffe is not installed for {sys.executable} ({error}): run `make caffe`, "
            "or give a Python that has it: `make … PYTHON=/path/to/python`"
        ) from None
    return caffe


def set_device(gpu=None):
    """Run on GPU number ``gpu``, or on the CPU where it is None. Raises InputError for an unusable GPU."""
    caffe = import_caffe()
    if gpu is None:
        caffe.set_mode_cpu()
        return
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
