"""What runs the network in a browser: onnxruntime-web, of npm, pinned by its version and SHA-256."""

import tarfile
from pathlib import Path

from maskpose.errors import InputError
from maskpose.io.files import write_bytes
from maskpose.synth.assets import npm_fetched

PACKAGE = "onnxruntime-web@1.30.0"  # MIT licence
PACKAGE_SHA256 = "d2228df7e4616bc3348bf504ee888f3bec43789a273f0a63f3e68d203ce3bf71"
INSIDE = "package/dist/"  # folder of the files in the package
FILES = (
    # for processors, by WebAssembly
    "ort.wasm.min.mjs",
    "ort-wasm-simd-threaded.mjs",
    "ort-wasm-simd-threaded.wasm",
    # for GPUs, by WebGPU
    "ort.webgpu.min.mjs",
    "ort-wasm-simd-threaded.asyncify.mjs",
    "ort-wasm-simd-threaded.asyncify.wasm",
)


def write(folder: Path) -> None:
    """Write onnxruntime-web's FILES into ``folder``; npm fetches them the first time. Raises InputError."""
    package = npm_fetched(PACKAGE, PACKAGE_SHA256)
    try:
        with tarfile.open(package) as archive:
            for name in FILES:
                file = archive.extractfile(INSIDE + name)
                if file is None:
                    raise KeyError(f"{name} is no file")
                write_bytes(folder / name, file.read())
    except (KeyError, EOFError, tarfile.TarError) as error:
        raise InputError(f"{package} holds no such file: {error}") from None
