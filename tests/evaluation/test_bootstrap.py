import math

import numpy as np
import pytest

from maskpose.evaluation import bootstrap


def test_every_resample_draws_as_many_as_there_are(monkeypatch):
    monkeypatch.setattr(bootstrap, "BLOCK", 7)
    parts, weights = zip(*bootstrap.draws(24, resamples=50, seed=1))
    assert [(part.start, part.stop) for part in parts] == [(0, 7), (7, 14), (14, 21), (21, 24)]
    assert [one.shape for one in weights] == [(50, 7)] * 3 + [(50, 3)]
    together = np.hstack(weights)
    assert (together.sum(axis=1) == 24).all() and len(np.unique(together, axis=0)) == 50


def test_draws_are_those_of_independent_ones(monkeypatch):
    """How often one of n is drawn: mean 1, variance 1 - 1/n, covariance of two -1/n, within a block and across."""
    monkeypatch.setattr(bootstrap, "BLOCK", 4)
    together = np.hstack([weights for _, weights in bootstrap.draws(6, resamples=60_000)])
    assert together.mean(axis=0) == pytest.approx(np.ones(6), abs=0.02)
    covariance = np.full((6, 6), -1 / 6) + np.eye(6)
    np.testing.assert_allclose(np.cov(together.T), covariance, atol=0.02)


def test_intervals_of_a_mean_are_the_normal_ones():
    samples = np.random.default_rng(0).normal(3, 2, 3000)
    once, sums = bootstrap.resampled_sums(lambda part: samples[part, None].astype(np.float32), 3000, seed=1)
    assert once == pytest.approx([samples.sum()], rel=1e-6)
    low, high = bootstrap.interval(sums / 3000)
    half = 1.96 * samples.std() / math.sqrt(3000)
    assert low[0] == pytest.approx(samples.mean() - half, abs=0.15 * half)
    assert high[0] == pytest.approx(samples.mean() + half, abs=0.15 * half)


def test_what_is_nan_is_left_out_and_samples_are_needed(recwarn):
    low, high = bootstrap.interval([[math.nan, 2.0, math.nan], [1.0, 2.0, math.nan]])
    assert low[:2].tolist() == high[:2].tolist() == [1, 2] and math.isnan(low[2])
    assert not len(recwarn)
    with pytest.raises(ValueError, match="at least one"):
        bootstrap.resampled_sums(None, 0)
