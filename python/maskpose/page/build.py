"""Write the page's folder: its own files, the network as ONNX, onnxruntime-web, a few rendered hands to try."""

import hashlib
import importlib.util
import json
from pathlib import Path

from maskpose import __version__
from maskpose.errors import InputError
from maskpose.inference.export import calibration_inputs, export_network
from maskpose.inference.image_paths import find_images
from maskpose.inference.predictor import default_weights
from maskpose.io.files import cache_folder, fresh_folder, read_bytes, read_json, write_bytes, write_text
from maskpose.model.variants import DEFAULT_VARIANT, Variant, get_variant
from maskpose.page import onnxruntime_web
from maskpose.page.settings import settings
from maskpose.page.webgpu import fit_to_webgpu

NETWORK, SMALL_NETWORK = "network.onnx", "network_int8.onnx"  # for GPUs, and by WebAssembly
SETTINGS = "settings.json"
RUNTIME = "ort"  # folder of onnxruntime-web's files
SITE = Path(__file__).with_name("site")  # the page's own files
EXAMPLES = "examples"  # folder of rendered hands to try


def write(
    folder: Path, variant_name: str = DEFAULT_VARIANT, weights: str | Path | None = None, int8: bool = True
) -> None:
    """Write the page into ``folder``, which is empty, missing, or of an earlier call.

    Args:
        folder: where to.
        variant_name: of a variant with masks and keypoints.
        weights: as maskpose.inference.export.export_network takes them; None: the repository's own.
        int8: whether WebAssembly gets the network in int8, calibrated on the page's examples. It needs onnxruntime;
            without that, and on GPUs, the network is in fp32.

    Raises:
        InputError: for a variant without masks or keypoints, for a folder that holds other files or cannot be written,
            where npm cannot fetch onnxruntime-web, and as maskpose.inference.export.export_network.
    """
    variant = _drawable(variant_name)
    weights = Path(weights or default_weights(variant))
    int8 = int8 and can_quantise()
    build = _build_of(variant, weights, int8)
    with fresh_folder(folder) as fresh:
        for path in _own_files():
            write_bytes(fresh / path, read_bytes(SITE / path))
        onnxruntime_web.write(fresh / RUNTIME)
        export_network(variant, weights, fresh / NETWORK)
        fit_to_webgpu(fresh / NETWORK)
        networks = {"wasm": (fresh / NETWORK, "fp32"), "webgpu": (fresh / NETWORK, "fp32")}
        if int8:
            calibration = calibration_inputs(find_images([SITE / EXAMPLES]), variant.input_size)
            export_network(variant, weights, fresh / SMALL_NETWORK, "int8", calibration)
            networks["wasm"] = fresh / SMALL_NETWORK, "int8"
        document = settings(variant, networks) | {"examples": _examples(), "build": build}
        write_text(fresh / SETTINGS, json.dumps(document) + "\n")  # last: the folder is whole


def built(
    folder: Path | None,
    variant_name: str = DEFAULT_VARIANT,
    weights: str | Path | None = None,
    int8: bool = True,
) -> Path:
    """The folder of a page of this version, variant, weights and precision, written where it is not there yet.

    ``folder`` None: one in the cache. Raises InputError as ``write``.
    """
    variant = _drawable(variant_name)
    build = _build_of(variant, Path(weights or default_weights(variant)), int8 and can_quantise())
    folder = folder or cache_folder("page") / "site"
    if not _is_of(folder, build):
        write(folder, variant_name, weights, int8)
    return folder


def can_quantise() -> bool:
    """Whether onnxruntime, which quantises, is installed."""
    return importlib.util.find_spec("onnxruntime") is not None


def _drawable(variant_name: str) -> Variant:
    variant = get_variant(variant_name)
    if not (variant.mask and variant.pose):
        raise InputError(f"the page shows masks and keypoints: {variant.name} does not have both")
    return variant


def _build_of(variant: Variant, weights: Path, int8: bool) -> str:
    """A name for what a page is made from."""
    found = hashlib.sha256(f"{__version__} {variant.name} {int8} {onnxruntime_web.PACKAGE_SHA256}".encode())
    found.update(read_bytes(weights))
    for path in _own_files():
        found.update(path.encode() + read_bytes(SITE / path))
    return found.hexdigest()[:16]


def _is_of(folder: Path, build: str) -> bool:
    try:
        document = read_json(folder / SETTINGS)
    except InputError:
        return False
    return isinstance(document, dict) and document.get("build") == build


def _own_files() -> list[str]:
    """The paths of the page's own files below SITE."""
    return sorted(path.relative_to(SITE).as_posix() for path in SITE.rglob("*") if path.is_file())


def _examples() -> list[str]:
    return [path for path in _own_files() if path.startswith(f"{EXAMPLES}/")]
