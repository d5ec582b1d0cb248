"""When events happened, by clocks that are wrong, set, vouched for, or forgotten."""

import pytest
from machine_clock import MachineClock

from agent.control.clock import EARLIEST_S, EventClock

NOW_S = 1.8e9


def test_a_clock_that_nobody_vouches_for_is_believed_above_the_floor():
    machine = MachineClock(NOW_S, synced=False)
    clock = EventClock(machine.clock())
    assert (clock.believable, clock.synced, clock.now()) == (True, False, NOW_S)
    machine.wall_s = EARLIEST_S - 1
    assert (clock.believable, clock.now()) == (False, None)
    machine.synced = True
    assert (clock.believable, clock.now()) == (True, EARLIEST_S - 1)


def test_what_is_surely_past_raises_the_floor_and_nothing_lowers_it():
    machine = MachineClock(NOW_S, synced=False)
    clock = EventClock(machine.clock())
    clock.not_before(NOW_S + 1)
    assert not clock.believable
    clock.not_before(NOW_S - 100)
    assert not clock.believable
    machine.turn(1)
    assert clock.believable


def test_a_clock_that_was_set_too_far_by_hand_can_be_set_back():
    machine = MachineClock(NOW_S, synced=False)
    clock = EventClock(machine.clock())
    machine.wall_s += 365 * 86400
    assert clock.ts_of(0, clock.machine_boot) == NOW_S + 365 * 86400
    machine.wall_s = NOW_S
    assert clock.believable
    assert clock.ts_of(0, clock.machine_boot) == NOW_S


def test_time_is_worked_out_when_it_is_asked_for():
    machine = MachineClock(0, synced=False)
    clock = EventClock(machine.clock())
    machine.turn(12.3456)
    happened = clock.mono_ms()
    assert happened == 12346
    assert clock.ts_of(happened, clock.machine_boot) is None
    machine.turn(100)
    machine.wall_s = NOW_S
    assert clock.ts_of(happened, clock.machine_boot) == pytest.approx(NOW_S - 100, abs=0.001)


def test_a_clock_that_is_lost_leaves_what_was_believed():
    machine = MachineClock(NOW_S, synced=False)
    clock = EventClock(machine.clock())
    assert clock.ts_of(1000, clock.machine_boot) == NOW_S + 1
    machine.wall_s = 0
    assert clock.ts_of(2000, clock.machine_boot) == NOW_S + 2
    assert clock.now() is None


def test_another_boot_has_its_own_time_or_none():
    clock = EventClock(MachineClock(NOW_S).clock())
    clock.remember("earlier", NOW_S - 5000)
    assert clock.ts_of(2500, "earlier") == NOW_S - 4997.5
    assert clock.ts_of(2500, "never heard of") is None
