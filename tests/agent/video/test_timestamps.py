"""Times that can be used pass untouched; the others are repaired so that they rise."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.video.timestamps import Timestamps

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
