"""Times that can be used pass untouched; the others are repaired so that they rise."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.video.timestamps import DecodeTimes, Timestamps

MISSING = None


@pytest.mark.parametrize(
    ("stream_pts", "expected"),
    [
        pytest.param([7, 8, 19, 40], [7, 8, 19, 40], id="rising"),
        pytest.param([-5, -1, 0], [-5, -1, 0], id="before zero"),
        pytest.param([MISSING, MISSING, MISSING], [0, 4, 8], id="none at all"),
        pytest.param([10, MISSING, 18], [10, 14, 18], id="one missing"),
        pytest.param([10, 14, 14, 18], [10, 14, 15, 18], id="twice the same"),
        pytest.param([10, 14, 13, 18], [10, 14, 15, 18], id="a little back"),
        pytest.param([1000, 1004, 0, 4, 8], [1000, 1004, 1008, 1012, 1016], id="restarted"),
        pytest.param([1000, 0, 400, 0, 4], [1000, 1004, 1404, 1408, 1412], id="restarted twice"),
        pytest.param([1000, 1004, 0, 1012], [1000, 1004, 1008, 1012], id="one out of place"),
    ],
)
def test_times_rise(stream_pts, expected):
    timestamps = Timestamps(step=4, max_step_back=100)
    assert [timestamps.next_pts(pts, None) for pts in stream_pts] == expected
    assert timestamps.repaired == sum(
        pts != other for pts, other in zip(stream_pts, expected, strict=True)
    )


def test_a_missing_time_follows_by_the_duration_of_the_frame_before():
    timestamps = Timestamps(step=4, max_step_back=100)
    given = [(0, 10), (None, 0), (None, 7), (None, 1)]
    assert [timestamps.next_pts(pts, duration) for pts, duration in given] == [0, 10, 20, 27]


@given(st.lists(st.none() | st.integers(-1000, 1000)), st.integers(0, 50), st.integers(1, 500))
def test_whatever_a_stream_says_times_rise(stream_pts, step, max_step_back):
    timestamps = Timestamps(step, max_step_back)
    times = [timestamps.next_pts(pts, None) for pts in stream_pts]
    assert times == sorted(set(times))


def test_packets_of_sound_may_share_a_tick_that_is_longer_than_they_are():
    """TrueHD's last five sixths of a millisecond, and Matroska counts those."""
    given = [0, 1, 2, 2, 3, 4, 5, 6, 7, 7]
    timestamps = Timestamps(step=1, max_step_back=100, least=0)
    assert [timestamps.next_pts(pts, 1) for pts in given] == given
    assert timestamps.repaired == 0


def test_decode_times_are_given_to_pictures_in_the_order_of_their_showing():
    times = DecodeTimes()
    for dts in (0, 2, 4):
        times.fed(dts)
    assert [times.next_pts(), times.next_pts()] == [0, 2]
    times.fed(6)
    times.fed(8)
    times.lost(6)
    assert [times.next_pts(), times.next_pts(), times.next_pts()] == [4, 8, None]


def test_pictures_that_never_come_do_not_hold_the_others_back_for_ever():
    times = DecodeTimes()
    for dts in range(100):
        times.fed(dts)
    assert times.next_pts() > 60
