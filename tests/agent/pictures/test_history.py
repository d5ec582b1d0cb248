import numpy as np
import pytest

from agent.pictures.history import binned, loads, longest, runs_of
from agent.pipeline.run_journal import LoadSample


def test_the_longest_tracks_are_kept_and_stand_in_order_of_time(journal_of):
    tracks = [("a", 50, 60), ("b", 0, 3), ("c", 20, 90), ("d", 10, 99)]
    kept = longest(journal_of(100, tracks), 3)
    assert [(span.label, span.number) for span in kept] == [("d", 4), ("c", 3), ("a", 1)]


def test_covers_are_joined_while_frames_follow_and_the_reason_stays():
    whole = {9: "x", 3: "x", 4: "x", 5: "y", 10: "x"}
    assert list(runs_of(whole)) == [(3, 5, "x"), (5, 6, "y"), (9, 11, "x")]
    assert list(runs_of({})) == []


@pytest.mark.parametrize("frames", [1, 7, 100, 1001])
def test_bins_cover_every_frame_and_hide_no_peak(frames):
    counts = np.arange(frames)[::-1] % 5
    counts[frames // 2] = 99
    edges, most = binned(counts, 100)
    assert edges[0] == 0
    assert edges[-1] == frames
    assert len(most) == len(edges) - 1 <= 100
    assert most.max() == 99
    place = int(most.argmax())
    assert edges[place] <= frames // 2 < edges[place + 1]


def test_no_frames_make_one_empty_bin():
    edges, most = binned(np.zeros(0, np.int64), 100)
    assert edges == [0, 1]
    assert most.tolist() == [0]


@pytest.fixture
def half_busy(report):
    """A report of ten seconds of which every stage worked a half."""
    stages = [s.model_copy(update={"busy_s": 5.0 * s.threads}) for s in report.stages]
    return report.model_copy(update={"wall_s": 10.0, "stages": tuple(stages)})


def test_load_is_the_share_of_the_time_between_samples(journal_of, half_busy):
    journal = journal_of(100)
    names = [stage.name for stage in half_busy.stages]
    journal.loads = [
        LoadSample(24, 4.0, dict.fromkeys(names, 1.0)),
        LoadSample(49, 6.0, dict.fromkeys(names, 3.0)),
    ]
    edges, shares = loads(journal, half_busy)
    assert edges == [0, 25, 50, 100]
    assert np.allclose(shares, np.array([0.25, 1.0, 0.5])[:, None])
    assert shares.shape == (3, len(names))


def test_a_wait_that_was_not_booked_yet_is_no_work(journal_of, half_busy):
    """Half-way the stage seemed busy all the time; the end shows that it was waiting."""
    journal = journal_of(100)
    names = [stage.name for stage in half_busy.stages]
    journal.loads = [LoadSample(49, 8.0, dict.fromkeys(names, 8.0))]
    _, shares = loads(journal, half_busy)
    assert np.allclose(shares, np.array([5 / 8, 0])[:, None])


@pytest.mark.parametrize("frames", [0, 1, 2, 40])
def test_without_samples_the_whole_run_is_one(journal_of, half_busy, frames):
    edges, shares = loads(journal_of(frames), half_busy)
    assert edges == [0, max(frames, 1)]
    assert np.allclose(shares, 0.5)
