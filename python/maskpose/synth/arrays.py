"""Types of the renderer's arrays, to annotate with; their shapes are in the docstrings."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.floating]
Ints: TypeAlias = npt.NDArray[np.integer]
Bools: TypeAlias = npt.NDArray[np.bool_]
Image: TypeAlias = npt.NDArray[np.uint8]  # BGR
Size: TypeAlias = tuple[int, int]  # (w, h), pixels
Span: TypeAlias = tuple[float, float]  # (low, high)
Rng: TypeAlias = np.random.Generator
