"""The picture, judged by the colours in it."""

import numpy as np
import pytest

from agent.pictures.palette import ALARM, class_colours
from agent.pictures.timeline import MAX_TRACKS, timeline


@pytest.fixture
def plot_x():
    """From a share of the video to a column of the picture."""
    return lambda share: 150 + share * (1600 - 150 - 90)


def columns_of(picture, colour):
    """Where a colour stands: first and last column."""
    columns = np.flatnonzero((picture == colour).all(axis=2).any(axis=0))
    return (columns[0], columns[-1]) if len(columns) else None


@pytest.mark.slow
def test_a_real_run_shows_a_bar_for_each_track_as_long_as_it_lived(ran, picture, plot_x):
    journal, report, _ = ran
    drawn = picture(timeline(journal, report))
    assert drawn.shape[1] == 1600
    assert columns_of(drawn, ALARM) is None
    colours = class_colours(span.label for span in journal.tracks.values())
    assert set(colours) == {"person", "car"}
    frames = len(journal.hidden)
    for span in journal.tracks.values():
        first, last = columns_of(drawn, colours[span.label])
        assert first == pytest.approx(plot_x(span.first / frames), abs=2)
        assert last == pytest.approx(plot_x((span.last + 1) / frames), abs=2)


@pytest.mark.slow
def test_frames_that_were_covered_whole_are_red(journal_of, report, picture, plot_x):
    whole = dict.fromkeys(range(50, 60), "no valid result")
    drawn = picture(timeline(journal_of(100, whole=whole), report))
    first, last = columns_of(drawn, ALARM)
    assert first == pytest.approx(plot_x(0.5), abs=2)
    assert last >= plot_x(0.6) - 2


@pytest.mark.slow
def test_one_frame_of_an_hour_that_was_covered_whole_is_seen(journal_of, report, picture):
    drawn = picture(timeline(journal_of(100_000, whole={70_000: "no valid result"}), report))
    red = (drawn[:, 1000:1200].astype(int) - ALARM).__abs__().max(axis=2) < 60
    assert red.any()


@pytest.mark.slow
def test_more_tracks_than_rows_make_no_taller_picture(journal_of, report, picture):
    heights = [
        picture(
            timeline(journal_of(1000, [("car", i, i + 50) for i in range(count)]), report)
        ).shape[0]
        for count in (5, MAX_TRACKS, 300)
    ]
    assert heights[0] < heights[1] <= heights[2] < heights[1] + 20


@pytest.mark.slow
@pytest.mark.parametrize("frames", [0, 1, 2, 200_000])
@pytest.mark.parametrize("frame_rate", [None, 30000 / 1001])
def test_any_length_can_be_drawn(journal_of, report, picture, frames, frame_rate):
    claimed = report.input.model_copy(update={"frame_rate": frame_rate})
    tracks = [("person", 0, frames - 1)] if frames else []
    changed = report.model_copy(update={"input": claimed, "real_time_factor": None})
    drawn = picture(timeline(journal_of(frames, tracks), changed))
    colour = class_colours(["person"])["person"]
    assert (columns_of(drawn, colour) is not None) == bool(frames)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["$\\frac{.mp4", "a_b^c.mp4", "grüße 視.mp4", "x" * 200 + ".mp4"])
def test_names_from_outside_are_no_formulas(journal_of, report, picture, name):
    journal = journal_of(10, [("$\\bad{", 0, 5)], {3: "$\\worse{"})
    named = report.input.model_copy(update={"path": f"/videos/{name}"})
    drawn = picture(timeline(journal, report.model_copy(update={"input": named})))
    assert drawn.shape[1] == 1600
