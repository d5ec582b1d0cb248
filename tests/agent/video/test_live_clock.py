"""A live stream's times, which go on where its own clock was set anew."""

from fractions import Fraction

import pytest

from agent.video.live_clock import MAX_JUMP_S, LiveClock

STEP = Fraction(1, 25)


def moved(stamps, came=None, start=0):
    """The times of packets that say `stamps` and came at `came`, both in seconds."""
    clock = LiveClock(Fraction(start))
    came = stamps if came is None else came
    return [
        float(Fraction(at) + clock.shift(Fraction(at), STEP, at_s))
        for at, at_s in zip(stamps, came, strict=True)
    ], clock.jumps


def test_what_the_design_says():
    assert MAX_JUMP_S == 5


def test_times_that_go_on_are_left_alone():
    assert moved([0, 0.04, 0.08, 0.5, 5.4]) == ([0, 0.04, 0.08, 0.5, 5.4], 0)


@pytest.mark.parametrize("to", [3600, -3600, 1e6, 5.5, -5, -(2**32) / 90_000])
def test_a_jump_goes_on_by_as_much_as_has_passed(to):
    stamps, came = [0, 0.04, to, to + 0.04], [100, 100.04, 100.14, 100.18]
    times, jumps = moved(stamps, came)
    assert times == pytest.approx([0, 0.04, 0.14, 0.18])
    assert jumps == 1


def test_after_a_jump_in_a_burst_times_still_rise():
    times, jumps = moved([0, 0.04, 900, 900.04], [100] * 4)
    assert times == pytest.approx([0, 0.04, 0.08, 0.12])
    assert jumps == 1


def test_a_gap_that_really_passed_is_none():
    assert moved([0, 9, 9.04], [100, 109, 109.04]) == ([0, 9, 9.04], 0)


def test_what_comes_late_is_no_jump():
    """The network or the reader held it up: it was a while ago, and says so."""
    assert moved([0, 0.04, 0.08], [100, 130, 130]) == ([0, 0.04, 0.08], 0)


@pytest.mark.parametrize("step", [4.9, -4.9])
def test_less_than_that_is_believed(step):
    assert moved([100, 100 + step], [7, 7]) == ([100, 100 + step], 0)


def test_a_clock_that_jumps_there_and_back_every_time():
    stamps = [0, 10_000, 0.08, 47_600, 0.16]
    times, jumps = moved(stamps, [i * 0.04 for i in range(5)])
    assert times == pytest.approx([0, 0.04, 0.08, 0.12, 0.16])
    assert jumps == 4


def test_its_start_is_taken_from_all_times():
    assert moved([100_000, 100_000.04], start=100_000)[0] == pytest.approx([0, 0.04])
