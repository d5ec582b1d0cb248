"""How many detections may hang, and for how long that counts."""

import pytest

from agent.detect.hang_limit import (
    BACKOFF_WINDOW_S,
    FIRST_PAUSE_S,
    HANG_WINDOW_S,
    LONGEST_PAUSE_S,
    MAX_HANGS,
    HangLimit,
)


def test_what_the_design_says():
    assert (MAX_HANGS, HANG_WINDOW_S) == (3, 600)
    assert (FIRST_PAUSE_S, LONGEST_PAUSE_S, BACKOFF_WINDOW_S) == (1, 300, 3600)


@pytest.mark.parametrize(
    ("hangs", "now", "reached"),
    [
        ([], 0, False),
        ([0, 0], 0, False),
        ([0, 0, 0], 0, True),
        ([0, 100, 599], 599, True),
        ([0, 100, 599], 600, False),
        ([0, 100, 599, 600], 600, True),
        ([0, 100, 599, 600], 700, False),
        ([0, 3600, 7200, 10800], 10800, False),
        ([599, 0, 300], 599, True),  # they may be noted late
        ([599, 0, 300], 600, False),
    ],
)
def test_it_is_reached_by_as_many_as_lie_in_the_window(hangs, now, reached):
    limit = HangLimit()
    for at in hangs:
        limit.note("door", at)
    assert limit.reached("door", now) == reached
    assert not limit.reached("yard", now)


@pytest.mark.parametrize(
    ("hangs", "pause_s"),
    [
        ([0], 1),
        ([0, 20], 2),
        ([20, 0], 2),  # they may be noted late
        ([0, 20, 40], 4),
        ([100 * i for i in range(9)], 256),
        ([100 * i for i in range(10)], 300),
        ([100 * i for i in range(30)], 300),
        ([0, 20, 40, 3640], 1),  # those of an hour before count no more
    ],
)
def test_a_live_lane_pauses_for_twice_as_long_after_each_hang_of_an_hour(hangs, pause_s):
    limit = HangLimit()
    for at in hangs:
        limit.note("door", at)
    last_s = max(hangs)
    assert limit.pauses("door", last_s)
    assert limit.pauses("door", last_s + pause_s - 0.01)
    assert not limit.pauses("yard", last_s)
    assert not limit.pauses("door", last_s + pause_s)


def test_it_forgets_what_lies_behind_the_window():
    limit = HangLimit()
    for hour in range(1000):
        limit.note(f"stream {hour}", hour * 3600.0)
        limit.reached("door", hour * 3600.0)
    assert len(limit._hangs) == 1
