"""Times in an output's ticks: as they were, or as near as can be, and no two alike."""

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recording import INFO

from agent.errors import OutputError
from agent.video.output_clock import MAX_TICKS, MILLISECONDS, OutputClock, mp4_time_base
from agent.video.picture_durations import PictureDurations

NANOSECONDS = Fraction(1, 10**9)
HOUR_S = 3600


def ticks(clock, times, time_base):
    return [clock.ticks(pts, time_base) for pts in times]


def test_ticks_of_the_sources_own_length_stay_as_they_are():
    clock = OutputClock(Fraction(1001, 30000))
    assert ticks(clock, [-3, 0, 1, 7, 10**12], Fraction(1001, 30000)) == [-3, 0, 1, 7, 10**12]


def test_others_are_rounded():
    times = [0, 33366667, 66733333, 3600 * 10**9]
    assert ticks(OutputClock(MILLISECONDS), times, NANOSECONDS) == [0, 33, 67, 3_600_000]


def test_a_picture_comes_late_rather_than_at_the_time_of_another():
    times = [0, 40_000, 40_010, 40_020, 80_000]
    assert ticks(OutputClock(MILLISECONDS), times, Fraction(1, 10**6)) == [0, 40, 41, 42, 80]


@pytest.mark.parametrize("rate", [1200, 2000, 10_000])
def test_pictures_faster_than_the_clock_are_refused_with_the_remedy(rate):
    clock = OutputClock(MILLISECONDS, "out.mkv")
    with pytest.raises(OutputError, match=r"^out\.mkv: counts in 1/1000 s.*write \.mp4 or \.mov$"):
        ticks(clock, range(100), Fraction(1, rate))


@given(st.lists(st.integers(0, 10**7), unique=True, max_size=50), st.integers(1, 10**6))
def test_whatever_comes_no_two_are_alike_and_none_far_off(times, rate):
    """In the clock of MP4's finest ticks; one that is too slow refuses."""
    clock = OutputClock(Fraction(1, 10**6))
    given = sorted(times)
    taken = ticks(clock, given, Fraction(1, rate))
    assert taken == sorted(set(taken))
    for before, after in zip(given, taken, strict=True):
        assert abs(Fraction(before, rate) - Fraction(after, 10**6)) <= Fraction(2, 1000)


@pytest.mark.parametrize(
    ("own", "length_s", "rate", "expected"),
    [
        pytest.param(Fraction(1, 25), 60, 25, Fraction(1, 25), id="own"),
        pytest.param(Fraction(1001, 30000), None, 30, Fraction(1001, 30000), id="own, NTSC"),
        pytest.param(Fraction(1, 90000), 48 * HOUR_S, 30, Fraction(1, 90000), id="two days"),
        pytest.param(Fraction(1, 10**6), 60, 30, Fraction(1, 10**6), id="microseconds"),
        pytest.param(Fraction(1, 10**6), None, 30, Fraction(1, 10**6), id="from a pipe"),
        pytest.param(Fraction(1, 10**6), HOUR_S, 30, Fraction(1, 90000), id="an hour of them"),
        pytest.param(NANOSECONDS, 60, 30, Fraction(1, 10**6), id="nanoseconds"),
        pytest.param(NANOSECONDS, HOUR_S, 30, Fraction(1, 90000), id="an hour of nanoseconds"),
        pytest.param(NANOSECONDS, None, 30, Fraction(1, 90000), id="nanoseconds from a pipe"),
        pytest.param(Fraction(1, 705_600_000), 9, 30, Fraction(1, 10**6), id="flicks"),
        pytest.param(
            Fraction(1, 90000), 99 * HOUR_S, Fraction(1, HOUR_S), MILLISECONDS, id="time-lapse"
        ),
    ],
)
def test_mp4_gets_the_finest_ticks_in_which_its_gaps_fit(own, length_s, rate, expected):
    info = replace(INFO, time_base=own, duration_s=length_s, frame_rate=Fraction(rate))
    assert mp4_time_base(info) == expected


def test_no_gap_of_a_short_source_is_too_long():
    for length_s in (1, 60, HOUR_S, 6 * HOUR_S):
        info = replace(INFO, time_base=NANOSECONDS, duration_s=length_s)
        assert length_s / mp4_time_base(info) < MAX_TICKS


def test_a_picture_lasts_until_the_next_and_the_last_as_long_as_it_says():
    durations = PictureDurations(usual=40)
    for pts, claimed in [(0, 40), (40, 5000), (100, 700)]:
        durations.add(pts, claimed)
    assert durations.newest == 100
    assert [durations.take(pts) for pts in (0, 100, 40)] == [40, 700, 60]


def test_a_last_picture_that_says_nothing_lasts_as_long_as_is_usual():
    durations = PictureDurations(usual=40)
    durations.add(0, 0)
    assert durations.take(0) == 40
