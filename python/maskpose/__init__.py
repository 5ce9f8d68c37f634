"""The mask-pose hand cascade of Wang, Peng and Liu, on Caffe: one idea a module.

``maskpose.Predictor().predict("photo.jpg")`` gives a ``maskpose.Hand``.
"""

from typing import TYPE_CHECKING

from maskpose import moved

if TYPE_CHECKING:  # what __getattr__ imports, for editors and type checkers
    from maskpose.inference.hand import Hand
    from maskpose.inference.predictor import Predictor

__version__ = "0.2.0"
__all__ = ["Hand", "Predictor"]

moved.install()


def __getattr__(name):
    """Predictor and Hand, imported when first asked for: the data layer and many scripts need neither."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from maskpose.inference.hand import Hand
    from maskpose.inference.predictor import Predictor

    return {"Hand": Hand, "Predictor": Predictor}[name]
