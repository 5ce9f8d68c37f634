"""Which sample stands where in a run: epochs of one database, or of several that are mixed in given shares."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from maskpose.errors import InputError

BLOCK = 1000  # places within which every database has its exact share


class MixedSampler:
    """An endless sequence of (database, epoch, index), any place of which can be asked for.

    Every sample of a database comes once in an epoch of that database. The order follows from the seed and the epoch;
    whose turn it is follows from the seed and the block of places. Asking for places in their order costs least.
    """

    def __init__(self, counts: Sequence[int], shares: Sequence[float], seed: int, shuffle: bool = True):
        """Prepare the sequence.

        Args:
            counts: samples of each database.
            shares: of each database in the places, above 0, 1 together.
            seed: of all orders.
            shuffle: whether each epoch has an order of its own; otherwise it has the database's.
        """
        self._counts, self._seed, self._shuffle = counts, seed, shuffle
        self._parts = apportion(shares, BLOCK)
        self._block: int | None = None
        self._turns: npt.NDArray[Any] = np.empty(0, int)  # of the block: whose each place is
        self._orders: dict[int, tuple[int, npt.NDArray[Any]]] = {}  # {database: (epoch, its order)}

    def at(self, place: int) -> tuple[int, int, int]:
        """Return (database, epoch, index) of the ``place``-th sample of the run, counted from 0."""
        if len(self._counts) == 1:
            return (0, *self._sample(0, place))
        block, within = divmod(place, BLOCK)
        if block != self._block:
            turns = np.repeat(range(len(self._parts)), self._parts)
            self._turns = np.random.default_rng([self._seed, block, 1, 1]).permutation(turns)
            self._block = block
        database = int(self._turns[within])
        before = int((self._turns[:within] == database).sum())
        return (database, *self._sample(database, block * self._parts[database] + before))

    def _sample(self, database: int, place: int) -> tuple[int, int]:
        """Return (epoch, index) of the ``place``-th sample of one database."""
        epoch, within = divmod(place, self._counts[database])
        if not self._shuffle:
            return epoch, within
        if self._orders.get(database, (None, None))[0] != epoch:
            rng = np.random.default_rng(database_seed(database, self._seed, epoch))
            self._orders[database] = epoch, rng.permutation(self._counts[database])
        return epoch, int(self._orders[database][1][within])


def database_seed(database: int, *numbers: int) -> list[int]:
    """Return a seed for numpy from ``numbers`` that differs between the databases of a mixture."""
    return [*numbers, *([0, database] if database else [])]


def apportion(shares: Sequence[float], total: int) -> list[int]:
    """Divide ``total`` by ``shares``, which sum to 1, into integers of at least 1, by largest remainder."""
    exact = np.array(shares) * total
    parts = np.maximum(1, np.floor(exact)).astype(int)
    for k in np.argsort(parts - exact, kind="stable")[: max(0, total - parts.sum())]:
        parts[k] += 1
    parts[parts.argmax()] -= parts.sum() - total
    return parts.tolist()


def shard(batch_size: int, rank: int, size: int) -> tuple[int, int]:
    """Return (first, count) of a rank's samples in a batch; the counts of two ranks differ by one at most.

    Args:
        batch_size: samples of the whole batch.
        rank: from 0.
        size: number of ranks.

    Raises:
        InputError: there are more ranks than samples.
    """
    if batch_size < size:
        raise InputError(f"a batch of {batch_size} cannot be divided among {size} ranks")
    count, rest = divmod(batch_size, size)
    return rank * count + min(rank, rest), count + (rank < rest)


def evenly_spaced(count: int, wanted: int) -> list[int]:
    """Return the indices of ``wanted`` of ``count`` things, evenly spaced; of all if there are no more."""
    return np.unique(np.linspace(0, count - 1, min(count, wanted)).astype(int)).tolist()
