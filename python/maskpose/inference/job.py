"""What a prediction of image files writes, and what its results depend on."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maskpose.inference import engines, writers
from maskpose.io.files import read_bytes
from maskpose.io.paths import PathLike

if TYPE_CHECKING:
    from maskpose.inference.predictor import Predictor


@dataclass(frozen=True)
class Job:
    """What is written, and where."""

    folder: PathLike
    formats: Sequence[str] = writers.DEFAULT_FORMATS
    threshold: float = 0.2  # confidence above which a keypoint is detected
    hands: int = 1  # in an image, at most
    side: str = "right"  # which hand OpenPose's files call it
    resume: bool = False  # skip images whose files exist


def result_settings(predictor: "Predictor", job: Job) -> dict[str, Any]:
    """Return what the results depend on besides the image, as a JSON-able dict."""
    names = ("seed", "levels", "centred", "mirror", "refine", "search", "score_threshold")
    weights = hashlib.sha256(b"".join(map(read_bytes, weights_files(predictor)))).hexdigest()
    return {
        "variant": predictor.variant.name,
        "weights": weights,
        "precision": getattr(predictor.engine, "precision", "fp32"),
        "pyramid": predictor.use_pyramid,
        **{name: getattr(predictor, name) for name in names},
        "threshold": job.threshold,
        "hands": job.hands,
        "side": job.side,
    }


def weights_files(predictor: "Predictor") -> list[Path]:
    """Return the files of the predictor's weights; none if it was given a function as engine."""
    return engines.files_of(predictor.weights_path) if predictor.weights_path else []
