"""SeqRanges against a plain set."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.fleet.seq_ranges import SeqRanges

SPANS = st.lists(st.tuples(st.integers(1, 60), st.integers(0, 9)), max_size=30)


@pytest.mark.slow
@settings(deadline=None)
@given(SPANS, st.integers(1, 70), st.integers(0, 70))
def test_it_holds_what_a_set_holds(spans, first, length):
    ranges, numbers = SeqRanges(), set()
    for start, more in spans:
        ranges.add(start, start + more)
        numbers |= set(range(start, start + more + 1))
    assert {number for number in range(80) if number in ranges} == numbers
    held = [*ranges]
    assert all(low <= high for low, high in held)
    assert all(before[1] + 1 < after[0] for before, after in pairwise(held))
    assert bool(ranges) == bool(numbers)
    if numbers:
        assert (ranges.first, ranges.last) == (min(numbers), max(numbers))
    missing = {
        n for low, high in ranges.missing(first, first + length) for n in range(low, high + 1)
    }
    assert missing == set(range(first, first + length + 1)) - numbers


def test_a_long_run_is_one_range():
    ranges = SeqRanges()
    for number in range(1, 10_000):
        ranges.add(number, number)
    assert [*ranges] == [(1, 9999)]
