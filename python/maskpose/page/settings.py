"""What the page's scripts know of the network, the arithmetic and the drawing: settings.json, of Python's constants."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from maskpose import __version__
from maskpose.inference.hand import THRESHOLD
from maskpose.inference.job import Job, result_settings
from maskpose.inference.predictor import Predictor
from maskpose.keypoints import BONES, FINGERS, KEYPOINT_NAMES
from maskpose.model.variants import NUM_KEYPOINTS, STRIDE, Variant
from maskpose.visualization import drawing

INPUT = "data"  # the network's input blob


def settings(variant: Variant, networks: Mapping[str, tuple[Path, str]]) -> dict[str, Any]:
    """The JSON-able settings of a page.

    Args:
        variant: what the networks are.
        networks: {"wasm" or "webgpu": (an ONNX file, its precision)}.
    """
    return {
        "version": __version__,
        "networks": {backend: _network(variant, path, precision) for backend, (path, precision) in networks.items()},
        "blobs": {"input": INPUT, "heatmaps": variant.heatmap_blob, "mask": "mask_prob"},
        "inputSize": variant.input_size,
        "stride": STRIDE,
        "keypoints": NUM_KEYPOINTS,
        "names": KEYPOINT_NAMES,
        "fingers": FINGERS,
        "bones": BONES,
        "threshold": THRESHOLD,
        "scoreThreshold": variant.score_threshold,
        "sure": variant.sure,
        "sureOfTile": variant.sure_of_tile,
        "palettes": {
            "paper": {finger: _hex(colour) for finger, colour in drawing.FINGER_COLOURS.items()},
            "safe": drawing.OKABE_ITO,
        },
        "wristColour": _hex(drawing.WRIST_COLOUR),
        "maskColour": _hex(drawing.MASK_COLOUR),
        "maskOpacity": drawing.MASK_ALPHA,
        "heatOpacity": drawing.HEAT_ALPHA,
        "heatColours": [_hex(colour) for colour in _heat_colours()],
    }


def _network(variant, path, precision):
    data = path.read_bytes()
    return {
        "file": path.name,
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "precision": precision,
        "madeWith": made_with(variant, path),
    }


def made_with(variant: Variant, network: Path) -> str:
    """The text whose SHA-256, the image's bytes after it, is the fingerprint that ``maskpose predict`` writes."""
    predictor = Predictor(variant.name, network, engine=_no_engine)
    return json.dumps(result_settings(predictor, Job(network.parent)), sort_keys=True)


def _no_engine(inputs):
    raise AssertionError("this predictor only states its settings")


def _heat_colours():
    """(256, 3) BGR of the values from 0 to 1."""
    return cv2.applyColorMap(np.arange(256, dtype=np.uint8)[:, None], drawing.HEAT_COLOURS)[:, 0].tolist()


def _hex(colour):
    """A BGR colour as CSS writes it."""
    return "#" + bytes(reversed(colour)).hex()
