"""What installs a package that only some commands need."""

EXTRAS = {  # {package: the extra of pyproject.toml that has it}
    "onnx": "engines",
    "onnxruntime": "engines",
    "openvino": "engines",
    "nncf": "int8",
    "tensorboardX": "train",
    "mpi4py": "mpi",
    "imagehash": "annotate",
    "numba": "synth",
    "mediapipe": "mediapipe",
    "albumentations": "benchmark",
    "torch": "benchmark",
}


def install_command(package: str) -> str:
    """Return the command that installs a package, such as "pip install 'maskpose[engines]'"."""
    extra = EXTRAS.get(package)
    return f"pip install 'maskpose[{extra}]'" if extra else f"pip install {package}"
