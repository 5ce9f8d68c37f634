"""The mask-pose hand cascade of Wang, Peng and Liu, on Caffe.

``maskpose.Predictor().predict("photo.jpg")`` returns a ``maskpose.Hand``.
"""

from typing import TYPE_CHECKING

from maskpose import moved

if TYPE_CHECKING:  # what __getattr__ imports, for editors and type checkers
    from maskpose.inference.hand import Hand
    from maskpose.inference.predictor import Predictor

__version__ = "0.2.0"
__all__ = ["Hand", "Predictor"]

moved.install()


def __getattr__(name: str) -> type:
    """Return Predictor or Hand, imported when first used: the data layer and many commands need neither."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from maskpose.inference.hand import Hand
    from maskpose.inference.predictor import Predictor

    return {"Hand": Hand, "Predictor": Predictor}[name]
