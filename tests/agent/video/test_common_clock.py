"""What was joined goes on where it left off, sound and picture together; what is a gap stays one."""

from fractions import Fraction

import pytest

from agent.video.common_clock import CommonClock

PICTURE, SOUND = 0, 1


def placed(clock, packets):
    """Where the clock puts packets of (stream, seconds, duration), or of pts besides."""
    times = []
    for kind, seconds, duration, *shown in packets:
        dts = Fraction(seconds)
        pts = Fraction(shown[0]) if shown else dts
        times.append(dts + clock.shift(kind, dts, pts, Fraction(duration)))
    return times


def stream(kind, times, duration=1):
    return [(kind, time, duration) for time in times]


@pytest.mark.parametrize(
    ("seconds", "jumps"),
    [
        pytest.param([0, 1, 2, 3], 0, id="none"),
        pytest.param([0, 1, 600, 601], 1, id="forwards"),
        pytest.param([600, 601, 0, 1], 1, id="back"),
        pytest.param([0, 1, 0, 1], 1, id="back a little"),
        pytest.param([5, 6, 95443, 95444, 2, 3], 2, id="both ways"),
    ],
)
def test_a_running_clock_goes_on_over_jumps(seconds, jumps):
    clock = CommonClock(Fraction(seconds[0]), may_jump=True)
    assert placed(clock, stream(PICTURE, seconds)) == list(range(len(seconds)))
    assert clock.jumps == jumps


@pytest.mark.parametrize("seconds", [[0, 1, 3600, 3601], [0, 1, 10**7, 10**7 + 1], [9, 3, 4]])
def test_where_no_clock_runs_all_times_are_meant(seconds):
    clock = CommonClock(Fraction(0), may_jump=False)
    assert placed(clock, stream(PICTURE, seconds)) == seconds
    assert clock.jumps == 0


def test_a_pause_of_less_than_ten_seconds_is_one():
    assert placed(CommonClock(Fraction(0), may_jump=True), stream(PICTURE, [0, 1, 9])) == [0, 1, 9]


def test_sound_that_goes_on_shows_that_a_pause_of_the_picture_is_one():
    clock = CommonClock(Fraction(0), may_jump=True)
    sound = stream(SOUND, range(30))
    assert placed(clock, [*stream(PICTURE, [0, 1]), *sound, (PICTURE, 30, 1)])[-1] == 30
    assert clock.jumps == 0


def test_pictures_a_minute_apart_are_no_jumps_if_they_are_reordered():
    """Nothing else tells a time-lapse of B-frames: a transport stream knows no durations."""
    shown = [120, 300, 180, 240, 480, 360, 420]
    packets = [(PICTURE, 60 * n, 0, pts) for n, pts in enumerate(shown)]
    clock = CommonClock(Fraction(0), may_jump=True)
    assert placed(clock, packets) == [60 * n for n in range(7)]


def test_pictures_that_last_long_are_no_jumps():
    clock = CommonClock(Fraction(0), may_jump=True)
    assert placed(clock, stream(PICTURE, [0, 15, 30], duration=15)) == [0, 15, 30]


@pytest.mark.parametrize("first", [PICTURE, SOUND])
def test_sound_and_picture_move_as_far_as_each_other(first):
    """Whichever comes first, and though both were not equally long."""
    before = [*stream(PICTURE, [0, 1, 2]), *stream(SOUND, ["0.5", "1.5", "2.5"])]
    after = [(PICTURE, 700, 1), (SOUND, 700, 1)]
    if first == SOUND:
        after.reverse()
    after += [(PICTURE, 701, 1), (SOUND, 701, 1)]
    clock = CommonClock(Fraction(0), may_jump=True)
    times = placed(clock, before + after)[6:]
    assert times[2] == times[3]  # together
    assert min(times) >= 3  # after all pictures
    assert times[2] <= Fraction("4.5")  # without a hole
    assert clock.jumps == 1


def test_streams_need_not_start_together():
    clock = CommonClock(Fraction(0), may_jump=True)
    packets = [*stream(PICTURE, range(5)), *stream(SOUND, range(5))]
    assert placed(clock, packets) == [*range(5), *range(5)]
    assert clock.jumps == 0


def test_a_packet_without_a_time_moves_with_the_others():
    clock = CommonClock(Fraction(10), may_jump=True)
    assert clock.shift(PICTURE, None, None, Fraction(0)) == -10


def test_a_stream_whose_times_are_broken_moves_no_other():
    clock = CommonClock(Fraction(0), may_jump=True)
    broken = [0, 1, 30890, 3, -500, 5, 6, 0, 8, 9]
    packets = [
        packet for n, time in enumerate(broken) for packet in ((PICTURE, n, 1), (SOUND, time, 1))
    ]
    times = placed(clock, packets)
    assert times[::2] == list(range(10))
    assert times[1::2] == list(range(10))


def test_sound_that_begins_after_a_jump_goes_with_the_picture():
    clock = CommonClock(Fraction(0), may_jump=True)
    packets = [*stream(PICTURE, [0, 1, 600, 601]), (SOUND, 601, 1)]
    assert placed(clock, packets)[-1] == 3
