"""What a run remembers."""

import numpy as np
import pytest
from covers import box
from worlds import World

from agent.frames.cover import Cover, PlacedOutline
from agent.pipeline.run_journal import RunJournal
from agent.redact.effect import Effect
from agent.redact.redactor import Redactor


def thing(track, label="person"):
    return box(4, 4, 4, 4, track, label)


@pytest.fixture
def note():
    world = World()
    redactor, journal = Redactor(world.size, Effect("solid")), RunJournal()

    def one(index, cover):
        journal.note(redactor.redact(world.frame(index), cover), cover)
        return journal

    return one


def test_tracks_span_from_first_to_last_frame(note):
    covers = [(thing(1),), (thing(1), thing(2, "car")), (), (thing(2, "car"),)]
    for index, outlines in enumerate(covers):
        journal = note(index, Cover(outlines))
    assert list(journal.hidden) == [1, 2, 0, 1]
    spans = [(t.number, t.label, t.first, t.last) for t in journal.tracks.values()]
    assert spans == [(1, "person", 0, 1), (2, "car", 1, 3)]


def test_whole_covers_are_counted_by_reason_most_first(note):
    reasons = ["no keyframe", "detector failed", None, "detector failed"]
    for index, reason in enumerate(reasons):
        journal = note(index, Cover.all_of_it(reason) if reason else Cover(()))
    assert journal.whole == {0: "no keyframe", 1: "detector failed", 3: "detector failed"}
    assert list(journal.whole_reasons().items()) == [("detector failed", 2), ("no keyframe", 1)]


def test_the_reason_is_what_was_done_and_not_what_was_asked(note):
    """A cover that makes no sense hides the frame whole: that is what the journal tells."""
    broken = PlacedOutline(np.full(4, np.nan), np.zeros((4, 4), np.float32), 0.0, 1, "person")
    assert note(0, Cover((broken,))).whole == {0: "invalid outline"}


def test_a_crowd_does_not_overflow_it(note):
    crowd = Cover(tuple(map(thing, range(70_000))), "whole, or painting it would take seconds")
    assert list(note(0, crowd).hidden) == [0xFFFF]
