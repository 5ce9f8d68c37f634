"""Confidence intervals by the bootstrap: images are drawn with replacement, and every sum over them is weighted so.

Only sums over images are needed, for any number of scores at once: a matrix product of how often each image was drawn
and what it adds. Images are taken in blocks, so that memory does not grow with their number.
"""

import warnings
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

BLOCK = 1024  # images at a time


def resampled_sums(
    columns: Callable[[slice], npt.NDArray[np.float32]], n: int, resamples: int = 1000, seed: int = 0
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return sums over n images: each image once (F,), and of ``resamples`` draws (resamples, F).

    Args:
        columns: returns what the images of a slice add, (size, F).
        n: how many images there are.
        resamples: how many times n images are drawn with replacement.
        seed: of the draws.

    Raises:
        ValueError: n is not positive.
    """
    once, drawn = 0.0, 0.0
    for part, weights in draws(n, resamples, seed):
        table = columns(part)
        once = once + table.sum(axis=0, dtype=float)
        drawn = drawn + (weights @ table).astype(float)
    return np.asarray(once), np.asarray(drawn)


def draws(n: int, resamples: int = 1000, seed: int = 0) -> Iterator[tuple[slice, npt.NDArray[np.float32]]]:
    """Yield blocks of the images: a slice, and (resamples, size) how often each of its images is drawn.

    Over the blocks, the numbers of each resample add up to n, as of n independent draws: first it is drawn how many of
    them fall into each block, then which images of the block they are. Raises ValueError if n is not positive.
    """
    if n < 1:
        raise ValueError(f"a bootstrap needs at least one sample, not {n}")
    rng = np.random.default_rng(seed)
    sizes = np.diff([*range(0, n, BLOCK), n])
    per_block = rng.multinomial(n, sizes / n, size=resamples)
    for block, size in enumerate(sizes):
        rows = np.repeat(np.arange(resamples) * size, per_block[:, block])
        drawn = np.bincount(rows + rng.integers(0, size, len(rows)), minlength=resamples * size)
        yield slice(block * BLOCK, block * BLOCK + size), drawn.reshape(resamples, size).astype(np.float32)


def interval(values: npt.ArrayLike, level: float = 0.95) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the low and high ends of percentile intervals of (resamples, …) values along their first axis.

    Values that are NaN are left out; the interval of NaN alone is NaN.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # all values are NaN
        low, high = np.nanquantile(np.asarray(values), [(1 - level) / 2, (1 + level) / 2], axis=0)
    return low, high
