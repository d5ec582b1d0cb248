"""When a session tries again."""

import random

import pytest

from agent.backoff import FIRST_S
from agent.control.reconnection import CLOCK_LONGEST_S, LONGEST_S, Reconnection

JITTER_S = 10.0


class Clock:
    """Stands still until it is moved."""

    def __init__(self):
        self.now_s = 1000.0

    def __call__(self):
        return self.now_s


def waits(reconnection, number, *, by_clock=False):
    found = []
    for _ in range(number):
        reconnection.lost(0.0, by_clock=by_clock)
        found.append(reconnection.wait_s)
    return found


def one(seed=0, jitter_s=JITTER_S, clock=None):
    return Reconnection(jitter_s, random.Random(seed), clock or Clock())  # noqa: S311


def many(number=500):
    return [one(seed) for seed in range(number)]


def test_the_first_tries_of_a_fleet_are_spread_over_the_jitter():
    first = [each.wait_s for each in many()]
    assert 0 <= min(first) < 0.5
    assert JITTER_S - 0.5 < max(first) <= JITTER_S


def test_the_longest_wait_doubles_up_to_its_limit_and_each_is_spread_over_it():
    fleet = [waits(each, 12) for each in many()]
    for attempt, drawn in enumerate(zip(*fleet, strict=True)):
        most_s = min(FIRST_S * 2**attempt, LONGEST_S)
        assert 0 <= min(drawn) < 0.05 * most_s
        assert 0.95 * most_s < max(drawn) <= most_s


def test_a_clock_that_is_wrong_is_no_reason_to_wait_for_long():
    found = waits(one(), 200, by_clock=True)
    assert CLOCK_LONGEST_S / 2 < max(found) <= CLOCK_LONGEST_S


def test_a_connection_that_lasted_begins_anew():
    reconnection = one()
    waits(reconnection, 12)
    reconnection.lost(LONGEST_S + 1, by_clock=False)
    assert reconnection.wait_s <= FIRST_S


def test_a_connection_that_did_not_last_goes_on():
    """Of two devices with one name, each puts the other out as soon as it is in."""
    fleet = many()
    for each in fleet:
        waits(each, 12)
        each.lost(1.0, by_clock=False)
    assert max(each.wait_s for each in fleet) > LONGEST_S / 2


def test_what_is_held_off_stays_so_whatever_is_for_the_better():
    for seed in range(100):
        clock = Clock()
        reconnection = one(seed, 0.0, clock)
        reconnection.hold_off(60.0)
        reconnection.at_once()
        assert 30 <= reconnection.wait_s <= 60
        clock.now_s += 60
        assert reconnection.wait_s <= 0


def test_at_once_is_at_once():
    reconnection = one()
    waits(reconnection, 12)
    assert reconnection.wait_s > 0
    reconnection.at_once()
    assert reconnection.wait_s == pytest.approx(0)
    reconnection.lost(0.0, by_clock=False)
    assert reconnection.wait_s <= FIRST_S
