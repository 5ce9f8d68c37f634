import numpy as np
import pytest

from maskpose.data.sampler import BLOCK, MixedSampler, apportion


def test_one_database_in_its_own_order():
    order = MixedSampler([4], [1.0], seed=1, shuffle=False)
    assert [order.at(place) for place in range(9)] == [(0, place // 4, place % 4) for place in range(9)]


@pytest.mark.parametrize("shares,total,parts", [
    ([1.0], 10, [10]),
    ([0.5, 0.25, 0.25], 8, [4, 2, 2]),
    ([0.4, 0.35, 0.25], 10, [4, 4, 2]),  # remainders 0, 0.5 and 0.5: the first of equals
    ([0.9999, 0.0001], 1000, [999, 1]),
])  # fmt: skip
def test_largest_remainder_by_hand(shares, total, parts):
    assert apportion(shares, total) == parts


def test_shares_are_exact_in_every_block_and_every_sample_comes_once_an_epoch():
    counts, shares = [70, 11, 5], [0.6, 0.3, 0.1]
    order = MixedSampler(counts, shares, seed=3)
    places = [order.at(place) for place in range(3 * BLOCK)]
    for block in range(3):
        databases = [database for database, _, _ in places[block * BLOCK : (block + 1) * BLOCK]]
        assert np.bincount(databases).tolist() == [600, 300, 100]
    for database, count in enumerate(counts):
        samples = [(epoch, index) for which, epoch, index in places if which == database]
        assert [epoch for epoch, _ in samples] == sorted(epoch for epoch, _ in samples)
        epochs = [[index for e, index in samples if e == epoch] for epoch in range(samples[-1][0])]
        assert len(epochs) >= 20 and all(sorted(epoch) == list(range(count)) for epoch in epochs)
        assert len({tuple(epoch) for epoch in epochs}) > len(epochs) / 2


def test_the_databases_take_turns_at_random():
    order = MixedSampler([70, 70], [0.5, 0.5], seed=3)
    turns = np.array([order.at(place)[0] for place in range(BLOCK)])
    assert 400 < (turns[1:] != turns[:-1]).sum() < 600


def test_any_place_can_be_asked_for_and_the_seed_decides():
    def ask(places, seed=3):
        order = MixedSampler([70, 11], [0.6, 0.4], seed)
        return [order.at(place) for place in places]

    places = list(range(0, 2500, 7))
    assert ask(places) == ask(places[::-1])[::-1] == [ask([place])[0] for place in places]
    assert ask(places) != ask(places, seed=4)
    assert ask(places)[:2] != ask([place + BLOCK for place in places])[:2]
