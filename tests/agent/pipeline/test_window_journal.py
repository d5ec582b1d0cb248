"""What a run without end remembers: counters, and the last minutes."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from agent.frames.cover import Cover, PlacedOutline
from agent.pipeline.run_journal import LoadSample
from agent.pipeline.window_journal import MAX_LOADS, WindowJournal

NOWHERE, FLAT = np.zeros(4), np.zeros((2, 2), np.float32)


@dataclass
class Shown:
    index: int
    whole: str | None = None


def cover(*tracks):
    return Cover(tuple(PlacedOutline(NOWHERE, FLAT, 0.0, track, "person") for track in tracks))


def test_it_counts_frames_keyframes_objects_and_reasons():
    journal = WindowJournal()
    for index in range(10):
        journal.note(Shown(index, "no keyframe" if index < 3 else None), cover(1, index // 5 + 2))
    journal.note_keyframe(0)
    journal.note_keyframe(5)
    assert (journal.frames, journal.keyframes, journal.objects) == (10, 2, 3)
    assert journal.whole == {"no keyframe": 3}
    assert list(journal.hidden) == [2] * 10


def test_it_counts_by_what_an_object_was_first_taken_for():
    journal = WindowJournal()
    for index, label in enumerate(["car", "car", "person", "person"]):
        outlines = [PlacedOutline(NOWHERE, FLAT, 0.0, track, label) for track in (1, index)]
        journal.note(Shown(index), Cover(tuple(outlines)))
    assert journal.labels == {"car": 2, "person": 2}
    assert journal.objects == 4


def test_a_track_that_is_still_seen_is_not_counted_twice():
    journal = WindowJournal(window_frames=10)
    for index in range(100):
        journal.note(Shown(index), cover(1, *([2] if index < 5 else [])))
    assert journal.objects == 2
    assert [(span.number, span.first, span.last) for span in journal.tracks.values()] == [
        (1, 0, 99)
    ]


def resident_bytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux' /proc")
def test_ten_million_frames_leave_it_as_large_as_the_first_million():
    """Healthy, with people who come and go, and covered whole; a year's worth takes no more."""
    journal = WindowJournal()
    frame, empty = Shown(0), Cover(())
    walking = [cover(track) for track in range(1, 11)]

    def sizes():
        return len(journal.hidden), len(journal.loads), len(journal.tracks), len(journal.whole)

    before = None
    for index in range(10_000_000):
        frame.index = index
        frame.whole = "detector timed out" if index % 3 == 0 else None
        if index % 100 == 0:
            journal.note_load(LoadSample(index, index / 30, {}))
            journal.note(frame, walking[index // 1_000_000])
        else:
            journal.note(frame, empty)
        if index % 5 == 0:
            journal.note_keyframe(index)
        if index == 1_000_000:
            before = sizes(), resident_bytes()
    assert journal.frames == 10_000_000
    assert journal.objects == 10
    assert before[0] == (*sizes()[:2], before[0][2], 1)
    assert len(journal.tracks) <= 2
    assert len(journal.loads) == MAX_LOADS
    assert resident_bytes() - before[1] < 2 << 20
