"""After how long a live source is silent."""

import pytest

from agent.pipeline.silence import Silence


@pytest.mark.parametrize(
    ("times_s", "after_s"),
    [
        ([], 0.2),
        ([5.0], 0.2),
        ([0, 1 / 30, 2 / 30], 0.2),
        ([0, 0.1, 0.2], 0.2),
        ([0, 0.25, 0.5], 0.5),
        ([0, 2, 4], 1.0),
        ([0, 0.25, 3], 0.5),  # a pause is no rhythm
        ([0, 3, 3.25], 0.5),
        ([0, 1 / 30, 0.3, 0.6, 0.9], 0.6),  # but what lasts is
    ],
)
def test_it_is_twice_the_step_of_a_slow_source_and_never_less_than_a_fifth_of_a_second(
    times_s, after_s
):
    silence = Silence()
    for time_s in times_s:
        silence.note(time_s)
    assert silence.after_s == pytest.approx(after_s)
