"""Which sample stands where in a run: epochs of one database, or of several mixed in given shares."""

import numpy as np

from maskpose.errors import InputError

BLOCK = 1000  # places within which every database has its exact share


class MixedSampler:
    """An endless sequence of (database, epoch, index), of which any place can be asked for.

    Of each database every sample comes once in an epoch of its own, in an order that follows from seed and epoch;
    which database's turn it is follows from the seed and the block. Places that follow one another cost least.
    """

    def __init__(self, counts, shares, seed, shuffle=True):
        """counts: the databases' samples. shares: of the places, above 0, together 1. shuffle: False keeps each
        database's own order."""
        self._counts, self._seed, self._shuffle = counts, seed, shuffle
        self._parts = apportion(shares, BLOCK)
        self._block = None
        self._orders = {}  # {database: (epoch, its order)}

    def at(self, place):
        """(database, epoch, index) of the ``place``-th sample of the run, counted from 0."""
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

    def _sample(self, database, place):
        """(epoch, index) of the ``place``-th sample of one database."""
        epoch, within = divmod(place, self._counts[database])
        if not self._shuffle:
            return epoch, within
        if self._orders.get(database, (None, None))[0] != epoch:
            rng = np.random.default_rng(database_seed(database, self._seed, epoch))
            self._orders[database] = epoch, rng.permutation(self._counts[database])
        return epoch, int(self._orders[database][1][within])


def database_seed(database, *numbers):
    """A seed for numpy of ``numbers``, a different one for each database of a mixture."""
    return [*numbers, *([0, database] if database else [])]


def apportion(shares, total):
    """``total`` divided by ``shares``, which sum to 1, as a list of integers by largest remainder, at least 1 each."""
    exact = np.array(shares) * total
    parts = np.maximum(1, np.floor(exact)).astype(int)
    for k in np.argsort(parts - exact, kind="stable")[: max(0, total - parts.sum())]:
        parts[k] += 1
    parts[parts.argmax()] -= parts.sum() - total
    return parts.tolist()


def shard(batch_size: int, rank: int, size: int) -> tuple[int, int]:
    """(first, count) of rank's part of a batch: the parts differ by one sample at most.

    Raises InputError where there are more ranks than samples.
    """
    if batch_size < size:
        raise InputError(f"a batch of {batch_size} cannot be divided among {size} ranks")
    count, rest = divmod(batch_size, size)
    return rank * count + min(rank, rest), count + (rank < rest)
