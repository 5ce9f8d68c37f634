"""Plots as files: one place for the canvas that needs no screen, and for writing it whole or not at all."""

import io
from pathlib import Path
from typing import TYPE_CHECKING

from maskpose.io.files import atomic_path

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def new_figure(width: float, height: float, layout: str | None = "constrained") -> "Figure":
    """An empty matplotlib figure of that size in inches, without a window; ``layout`` is matplotlib's."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout=layout)
    FigureCanvasAgg(figure)
    return figure


def png_bytes(figure: "Figure", dpi: int = 100) -> bytes:
    """Return ``figure`` as the bytes of a PNG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi)
    return buffer.getvalue()


def save_figure(figure: "Figure", path: str | Path, dpi: int = 130) -> None:
    """Write ``figure`` as ``path``, whose suffix says the kind. Raises InputError where it cannot be written."""
    with atomic_path(Path(path)) as partial:
        figure.savefig(partial, dpi=dpi)
