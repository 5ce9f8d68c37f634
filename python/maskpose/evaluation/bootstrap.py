"""Confidence intervals by the bootstrap: photographs drawn anew, with replacement, and every sum over them weighed so.

Only sums over photographs are needed, for any number of figures at once: a matrix product of how often each photograph
was drawn and what it adds. Photographs are taken in blocks, so that memory does not grow with their number.
"""

import warnings

import numpy as np

BLOCK = 1024  # photographs at a time


def resampled_sums(columns, n, resamples=1000, seed=0):
    """Sums over n photographs: (F,) of each once, and (resamples, F) of n drawn with replacement; float64.

    columns: what photographs add, a function from a slice of them to (size, F) float32. Raises ValueError when n is
    not positive.
    """
    once, drawn = 0.0, 0.0
    for part, weights in draws(n, resamples, seed):
        table = columns(part)
        once = once + table.sum(axis=0, dtype=float)
        drawn = drawn + (weights @ table).astype(float)
    return once, drawn


def draws(n, resamples=1000, seed=0):
    """Yield (slice of the photographs, (resamples, size) float32 of how often each of them is drawn), a block each.

    Over the blocks, each resample's numbers add up to n, as of n independent draws: how many of them fall into each
    block is drawn first, then which photographs there. Raises ValueError when n is not positive.
    """
    if n < 1:
        raise ValueError(f"a bootstrap needs at least one sample, not {n}")
    rng = np.random.default_rng(seed)
    sizes = np.diff([*range(0, n, BLOCK), n])
    of_blocks = rng.multinomial(n, sizes / n, size=resamples)
    for block, size in enumerate(sizes):
        rows = np.repeat(np.arange(resamples) * size, of_blocks[:, block])
        drawn = np.bincount(rows + rng.integers(0, size, len(rows)), minlength=resamples * size)
        yield slice(block * BLOCK, block * BLOCK + size), drawn.reshape(resamples, size).astype(np.float32)


def interval(values, level=0.95):
    """(low, high): percentile intervals of (resamples, …) values along their first axis, without those that are NaN."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # all NaN: so is the interval
        low, high = np.nanquantile(values, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return low, high
