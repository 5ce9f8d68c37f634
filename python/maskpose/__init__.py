"""The mask-pose hand cascade of Wang, Peng and Liu, on Caffe: one idea a module.

``maskpose.Predictor().predict("photo.jpg")`` gives a ``maskpose.Hand``.
"""

__version__ = "0.1.0"
__all__ = ["Hand", "Predictor"]


def __getattr__(name):
    """Predictor and Hand, imported when first asked for: the data layer and many scripts need neither."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from maskpose import predictor

    return getattr(predictor, name)
