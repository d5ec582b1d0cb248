"""What ranges follow from what was seen."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distill.quantize.histograms import BINS, Extremes, Histograms, Range


def seen(values):
    """The histogram of one tensor `x`."""
    low, high = float(values.min()), float(values.max())
    counts = np.histogram(values, BINS, (low, high))[0] if low < high else np.zeros(BINS, int)
    return Histograms({"x": Extremes(low, high, values.size)}, {"x": counts})


def error(values, bounds):
    """Mean squared error of eight bits over this range."""
    step = (bounds.high - bounds.low) / 255
    coded = np.round(np.clip(values, bounds.low, bounds.high) / step) * step
    return float(((coded - values) ** 2).mean())


NORMAL = np.random.default_rng(0).normal(0.5, 1, 1_000_000)
STRAY = np.concatenate([NORMAL, [-200.0, 300.0]])


def test_all_values_or_all_but_the_rarest():
    assert seen(STRAY).ranges("minmax")["x"] == Range(-200.0, 300.0)
    bounds = seen(STRAY).ranges("percentile", 99.999)["x"]
    wide = 500 / BINS
    low, high = np.quantile(STRAY, [5e-6, 1 - 5e-6])
    assert bounds.low == pytest.approx(low, abs=wide)
    assert bounds.high == pytest.approx(high, abs=wide)


def test_a_lower_percentile_lets_more_values_saturate_at_either_end():
    wide, narrow = (seen(NORMAL).ranges("percentile", share)["x"] for share in (99.999, 90))
    assert wide.low < narrow.low < 0 < narrow.high < wide.high
    assert narrow.high == pytest.approx(np.quantile(NORMAL, 0.95), abs=0.01)
    assert narrow.low == pytest.approx(np.quantile(NORMAL, 0.05), abs=0.01)


def test_all_of_the_values_reach_from_end_to_end():
    assert seen(STRAY).ranges("percentile", 100)["x"] == Range(-200.0, 300.0)


@pytest.mark.parametrize("values", [STRAY, NORMAL, np.abs(NORMAL) ** 3])
def test_least_squares_errs_least(values):
    errors = {
        method: error(values, seen(values).ranges(method)["x"])
        for method in ("minmax", "percentile", "mse")
    }
    assert errors["mse"] <= 1.01 * min(errors.values())  # a bin's values count as its middle


def test_ranges_hold_zero():
    """Padding is zero, and has to have a code of its own."""
    for method in ("minmax", "percentile", "mse"):
        assert seen(NORMAL + 100).ranges(method)["x"].low == 0
        assert seen(NORMAL - 100).ranges(method)["x"].high == 0


@pytest.mark.parametrize("method", ["minmax", "percentile", "mse"])
@pytest.mark.parametrize("value", [0.0, 3.0, -2.0])
def test_a_tensor_of_one_value(method, value):
    """Such as what a pruned channel gives."""
    bounds = seen(np.full(10, value)).ranges(method)["x"]
    assert bounds == Range(min(value, 0.0), max(value, 0.0))


@given(st.lists(st.floats(-1e3, 1e3, width=32), min_size=1, max_size=50))
@settings(max_examples=50, deadline=None)
def test_no_range_exceeds_what_was_seen(values):
    array = np.array(values)
    low, high = min(array.min(), 0), max(array.max(), 0)
    for method in ("minmax", "percentile", "mse"):
        bounds = seen(array).ranges(method)["x"]
        assert low <= bounds.low <= 0 <= bounds.high <= high


def test_what_is_kept_is_what_was_seen():
    counts = seen(STRAY).counts["x"]
    extremes = {"x": Extremes(-200.0, 300.0, 7), "still to count": Extremes(0.0, 1.5, 3)}
    read = Histograms.from_bytes(Histograms(extremes, {"x": counts}).to_bytes())
    assert dict(read.extremes) == extremes
    assert list(read.counts) == ["x"]
    assert read.counts["x"].tolist() == counts.tolist()
    nothing = Histograms.from_bytes(Histograms(extremes, {}).to_bytes())
    assert dict(nothing.counts) == {}
