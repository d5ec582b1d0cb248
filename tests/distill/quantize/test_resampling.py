"""Intervals, against what can be worked out by hand."""

import numpy as np
import pytest

from distill.quantize.resampling import Scattered, draws, ratio


def interval(measure, drawn):
    return Scattered.of(measure, drawn).interval()


def test_draws_are_of_as_many_images_and_the_same_each_time():
    drawn = draws(7)
    assert drawn.shape == (500, 7)
    assert set(drawn.sum(axis=1)) == {7}
    assert drawn.mean() == 1
    assert (drawn == draws(7)).all()
    assert (drawn != draws(7, seed=1)).any()


def test_a_ratio_of_sums_and_not_the_mean_of_ratios():
    measure = ratio([1, 0, 9], [2, 0, 10])
    assert measure(np.array([[1, 1, 1], [2, 5, 0], [0, 3, 0]], float)) == pytest.approx(
        [10 / 12, 2 / 4, np.nan], nan_ok=True
    )


def test_an_interval_over_all_possible_draws():
    """Of two images each is drawn twice in one of four draws, and both in two of four."""
    drawn = np.array([[2, 0], [1, 1], [1, 1], [0, 2]], float)
    found = interval(ratio([0, 1], [1, 1]), drawn)
    assert found.value == 0.5
    assert (found.low, found.high) == pytest.approx((0.0375, 0.9625))


def test_what_both_networks_share_cancels():
    hard = np.array([0.1, 0.9, 0.2, 0.8, 0.5])
    ours, theirs, one = ratio(hard - 0.05, np.ones(5)), ratio(hard, np.ones(5)), draws(5)
    mine, other = Scattered.of(ours, one), Scattered.of(theirs, one)
    alone, paired = mine.interval(), mine.since(other).interval()
    assert alone.high - alone.low > 0.3
    assert (paired.value, paired.low, paired.high) == pytest.approx((-0.05, -0.05, -0.05))


def test_draws_with_nothing_to_measure_are_left_out():
    found = interval(ratio([1, 0], [2, 0]), np.array([[2, 0], [0, 2], [1, 1]], float))
    assert (found.value, found.low, found.high) == (0.5, 0.5, 0.5)
    nothing = interval(ratio([0, 0], [0, 0]), draws(2))
    assert np.isnan([nothing.value, nothing.low, nothing.high]).all()


def test_the_interval_of_a_mean_is_as_wide_as_its_standard_error_says():
    values = np.random.default_rng(0).normal(size=400)
    found = interval(ratio(values, np.ones(400)), draws(400, 4000))
    expected = 2 * 1.96 * values.std() / 20
    assert found.high - found.low == pytest.approx(expected, rel=0.08)
