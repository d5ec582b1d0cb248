"""When the detector looks next where no frame waits for it."""

import itertools
import math

import numpy as np
import pytest

from agent.frames.sighting import Sighting
from agent.pipeline.next_keyframe import NextKeyframe
from agent.pipeline.rhythm import Rhythm
from agent.track.tracker import Keyframe, Tracker
from models.outline import Outline


def looks(every, frames, sees, fault=lambda _i: None):
    """Which frames are looked at, 25 a second; `sees` tells an object's left edge there, or None."""
    rhythm = Rhythm(every, look_ahead=False, max_gap_s=9.0)
    following, tracker, seen = NextKeyframe(rhythm), Tracker((0,), {0: 0.25}), []
    for i in range(frames):
        if not following.is_due(i, i / 25):
            continue
        following.note(i, i / 25)
        seen.append(i)
        x = sees(i)
        found = ()
        if x is not None:
            outline = Outline.from_box(np.float32([x, 20, x + 40, 60]))
            found = (Sighting(i, outline, 0.9, 0, time_s=i / 25),)
        if fault(i) is None:
            tracker.update(Keyframe(i, i / 25, 0, found))
        following.learn(tracker, fault(i))
    return seen


def test_what_rests_is_looked_at_in_the_rhythm_and_once_more_when_it_is_new():
    assert looks(5, 26, lambda _i: 10) == [0, 1, 6, 11, 16, 21]


def test_what_was_missed_is_looked_for_at_once_and_once_only():
    found = looks(5, 40, lambda i: 10 if i < 15 else None)
    assert found[:5] == [0, 1, 6, 11, 16]  # at 16 it is gone
    assert found[5] == 17
    assert found[6] - found[5] >= 3


def test_after_a_fault_it_looks_again_at_once():
    found = looks(5, 20, lambda _i: None, fault=lambda i: "no valid result" if i == 5 else None)
    assert found[:3] == [0, 5, 6]


def test_what_moves_fast_is_looked_at_after_half_the_interval():
    """Not before: whoever asks for every fifth frame can't afford every one."""
    found = looks(5, 40, lambda i: 10 + 8 * i)
    assert set(np.diff(found[2:]).tolist()) == {3}


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("every", [2, 3, 4, 5, 8, 30])
def test_two_looks_need_half_an_interval_and_a_frame(every, seed):
    """Whatever comes and goes, and however fast."""
    rng = np.random.default_rng(seed)
    visible = [rng.random() < 0.6 for _ in range(301)]
    found = looks(every, 301, lambda i: (10 + 6 * i) % 400 if visible[i] else None)
    apart = np.array(found[2:]) - found[:-2]
    assert apart.min() >= 1 + math.ceil(every / 2)


def test_auto_may_look_at_every_frame():
    assert looks("auto", 20, lambda i: 10 + 30 * i) == list(range(20))


def looks_ahead(times_s):
    """At which of these times is looked, as the analysis does: also at the last before a late one."""
    rhythm = Rhythm(5, look_ahead=True, prompt=True, max_gap_s=0.17, strict=True)
    following, seen, before = NextKeyframe(rhythm), [], None
    for i, time_s in enumerate(times_s):
        if before is not None and following.is_late(time_s) and before not in seen:
            following.note(i - 1, before)
            seen.append(before)
        if following.is_due(i, time_s):
            following.note(i, time_s)
            seen.append(time_s)
        before = time_s
    return seen


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("kept", [0.3, 0.5, 0.8])
def test_a_stream_of_which_frames_are_dropped_is_looked_at_no_more_often_than_it_must(seed, kept):
    """At the last frame of those within the longest interval, which is the least there can be."""
    drawn = np.random.default_rng(seed)
    times_s = [i / 30 for i in range(900) if i == 0 or drawn.random() < kept]
    seen = looks_ahead(times_s)
    gaps = [b - a for a, b in itertools.pairwise(seen)]
    neighbours = {b - a for a, b in itertools.pairwise(times_s)}
    assert all(gap <= 0.17 + 1e-6 or gap in neighbours for gap in gaps)
    least, last = 1, times_s[0]
    for at, following in itertools.pairwise(times_s):
        if following - last > 0.17 + 1e-6 and at > last:
            least, last = least + 1, at
    assert len(seen) <= 1.03 * least
