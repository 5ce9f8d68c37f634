"""Plots as files: the canvas that needs no screen, and writing it whole or not at all."""

import io
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from maskpose.errors import printable
from maskpose.io.files import atomic_path
from maskpose.io.paths import PathLike

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def new_figure(
    width: float, height: float, layout: Literal["constrained", "compressed", "tight"] | None = "constrained"
) -> "Figure":
    """Return an empty matplotlib figure of that size in inches, without a window; ``layout`` is matplotlib's."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout=layout)
    FigureCanvasAgg(figure)
    return figure


def plot_label(text: str) -> str:
    """Return ``text`` for matplotlib, which reads text between two $ as a formula and hides labels such as _this."""
    text = printable(text).replace("$", r"\$")
    return f" {text}" if text.startswith("_") else text


def save_figure(figure: "Figure", path: PathLike, dpi: int = 130) -> None:
    """Write a figure, in the format of the path's suffix. Raises InputError if it cannot be written."""
    with atomic_path(Path(path)) as partial:
        figure.savefig(partial, dpi=dpi)


def png_bytes(figure: "Figure", dpi: int = 100) -> bytes:
    """Return a figure as the bytes of a PNG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi)
    return buffer.getvalue()
