"""The modules of version 0.1, which moved into rooms: importing an old name gives the module at its new place.

``import maskpose`` installs this. A DeprecationWarning names the new place.
"""

import importlib
import importlib.abc
import importlib.util
import sys
import warnings
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

MOVED = {
    "augmentation": "data.augmentation",
    "batches": "data.batches",
    "bootstrap": "evaluation.bootstrap",
    "building": "data.build",
    "command_line": "cli.options",
    "conversion": "cli.conversion",
    "cropping": "data.cropping",
    "database": "data.database",
    "datasets": "data.datasets",
    "definitions": "training.definitions",
    "drawing": "visualization.drawing",
    "drawn_hands": "testing.drawn_hands",
    "engines": "inference.engines",
    "event_files": "training.tensorboard",
    "files": "io.files",
    "gallery": "evaluation.gallery",
    "heatmaps": "codecs.heatmaps",
    "images": "io.images",
    "initialisation": "model.initialisation",
    "inputs": "inference.image_paths",
    "inspection": "data.inspection",
    "live": "inference.live",
    "loss_curves": "training.loss_curves",
    "losses": "training.loss_log",
    "mediapipe_hands": "evaluation.mediapipe",
    "messages": "model.messages",
    "metrics": "evaluation.metrics",
    "model_export": "inference.export",
    "network": "model.network",
    "onnx_export": "inference.onnx_export",
    "output": "inference.writers",
    "parallel": "training.distributed",
    "pickles": "io.safe_pickle",
    "picture_crops": "evaluation.paper_crops",
    "prediction": "inference.batch",
    "prediction_files": "evaluation.prediction_readers",
    "predictions": "evaluation.predictions",
    "predictor": "inference.predictor",
    "prefetch": "data.prefetch",
    "pyramid": "inference.pyramid",
    "ranks": "training.launcher",
    "recombining": "data.subsets",
    "records": "data.sample",
    "regions": "boxes",
    "sampling": "data.sampler",
    "score_tables": "evaluation.score_tables",
    "scoring": "evaluation.scores",
    "settings": "data.settings",
    "skeleton": "keypoints",
    "snapshots": "training.snapshots",
    "timing": "training.profiling",
    "tracking": "inference.tracking",
    "validation": "training.validation",
    "variants": "model.variants",
    "video": "inference.video",
    "watching": "training.monitor",
    "weights": "model.weights",
}


class MovedModules(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds ``maskpose.<old name>`` and the modules below it at their new place."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of an old name; None for every other."""
        return importlib.util.spec_from_loader(fullname, self) if new_name(fullname) else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Return the module at its new place."""
        new = new_name(spec.name)
        assert new is not None  # find_spec answers for old names alone
        warnings.warn(f"{spec.name} is now {new}", DeprecationWarning, stacklevel=2)
        self._own_spec = importlib.import_module(new).__spec__
        return sys.modules[new]

    def exec_module(self, module: ModuleType) -> None:
        """Restore the module's spec; it has been executed under its new name, and keeps that."""
        module.__spec__ = self._own_spec


def new_name(name: str) -> str | None:
    """Return the new name of ``maskpose.<old name>``; None if it did not move."""
    package, _, rest = name.partition(".")
    first, _, below = rest.partition(".")
    if package != "maskpose" or first not in MOVED:
        return None
    return ".".join(["maskpose", MOVED[first], *filter(None, [below])])


def install() -> None:
    """Make the old names importable."""
    if not any(isinstance(finder, MovedModules) for finder in sys.meta_path):
        sys.meta_path.insert(0, MovedModules())  # before a moved package's own files are found again
