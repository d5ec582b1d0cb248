"""Percentiles, and how long runs are timed."""

import pytest
from worlds import HandClock

from agent.bench.latency import LEAST_RUNS, Latency, timed


def test_percentiles_are_of_all_runs_in_milliseconds():
    found = Latency.of([each / 1000 for each in range(101, 0, -1)])
    assert found.runs == 101
    assert (found.p50_ms, found.p90_ms, found.p99_ms) == pytest.approx((51, 91, 100))


def test_one_slow_run_of_a_hundred_is_in_no_median():
    found = Latency.of([0.001] * 99 + [1.0])
    assert found.p50_ms == found.p90_ms == pytest.approx(1)
    assert found.p99_ms > 10


def test_of_no_run_there_is_no_percentile():
    with pytest.raises(ValueError, match="no run was timed"):
        Latency.of([])


class Runs:
    """Takes what a hand-driven clock is told it takes; the first ones, longer."""

    def __init__(self, clock, takes_s, says_s=None, warm_up=3):
        self.clock, self.takes_s, self.says_s, self.warm_up = clock, takes_s, says_s, warm_up
        self.count = 0

    def __call__(self):
        self.count += 1
        self.clock.turn(100 if self.count <= self.warm_up else self.takes_s)
        return self.says_s


def test_runs_are_timed_for_as_long_as_was_asked():
    runs = Runs(clock := HandClock(), 0.25)
    wall, device = timed(runs, 20, now=clock)
    assert wall == [0.25] * 80
    assert device == []
    assert runs.count == 83  # the first don't count


def test_slow_ones_are_timed_often_enough_all_the_same():
    runs = Runs(clock := HandClock(), 8.0)
    assert timed(runs, 1, now=clock)[0] == [8.0] * LEAST_RUNS


def test_what_the_device_says_is_kept_apart():
    runs = Runs(clock := HandClock(), 0.5, says_s=0.125)
    wall, device = timed(runs, 10, now=clock)
    assert (wall, device) == ([0.5] * 20, [0.125] * 20)
