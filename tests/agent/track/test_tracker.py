"""Who is who from keyframe to keyframe."""

import dataclasses

import numpy as np
import pytest

from agent.frames.sighting import Sighting
from agent.track.tracker import MAX_LOOK_BACK, MAX_MISSES, Keyframe, Tracker
from models.outline import Outline

EVERY = 5


def seen(index, x, y=20, side=30, *, score=0.9, class_id=0):
    outline = Outline.from_box(np.float32([x, y, x + side, y + side]))
    return Sighting(index, outline, score, class_id, time_s=index / 25)


@pytest.fixture
def tracker():
    return Tracker((0, 1), {0: 0.5, 1: 0.5})


def feed(tracker, *keyframes, scene=0, start=0):
    """Keyframes as lists of (x, y, ...) or of sightings."""
    for number, candidates in enumerate(keyframes):
        index = (start + number) * EVERY
        made = tuple(c if isinstance(c, Sighting) else seen(index, *c) for c in candidates)
        tracker.update(Keyframe(index, index / 25, scene, made))


def paths(tracker):
    """By track: the left edges of its sightings."""
    return [[s.outline.bounds[0] for s in track.sightings] for track in tracker.tracks]


def test_each_object_is_one_track(tracker):
    feed(tracker, *([(10 + 8 * i, 20), (200 - 8 * i, 120)] for i in range(6)))
    assert paths(tracker) == [
        [10 + 8 * i for i in range(6)],
        [200 - 8 * i for i in range(6)],
    ]


def test_the_order_of_detections_means_nothing(tracker):
    feed(tracker, *([(10 + 8 * i, 20), (200 - 8 * i, 120)][:: (-1) ** i] for i in range(6)))
    assert sorted(len(path) for path in paths(tracker)) == [6, 6]


def test_crossing_objects_keep_their_numbers(tracker):
    """Each goes on where its motion leads, though at the crossing the other one is as near."""
    xs = [(10 + 16 * i, 106 - 16 * i) for i in range(7)]
    feed(tracker, *([(a, 20), (b, 24)] for a, b in xs))
    assert paths(tracker) == [[a for a, _ in xs], [b for _, b in xs]]


def test_the_matching_as_a_whole_is_cheapest(tracker):
    """The nearest pair first would leave the other with nothing in its reach."""
    feed(tracker, [(100, 20), (122, 20)], [(120, 20), (142, 20)])
    assert paths(tracker) == [[100, 120], [122, 142]]


@pytest.mark.parametrize(("x", "same"), [(10, True), (35, True), (45, False), (200, False)])
def test_what_is_too_far_away_is_another_one(tracker, x, same):
    feed(tracker, [(10, 20)], [(x, 20)])
    assert len(tracker.tracks) == (1 if same else 2)


@pytest.mark.parametrize("follows", [True, False])
def test_what_was_seen_once_is_found_in_the_frame_or_in_the_scene(tracker, follows):
    """A camera that moves by more than the object's size may follow it, or pass it."""
    pan = np.array([-90.0, 0])
    second = 10 if follows else 10 + pan[0]
    tracker.update(Keyframe(0, 0.0, 0, (seen(0, 10),)))
    tracker.update(Keyframe(5, 0.2, 0, (seen(5, second).in_scene(pan, (320, 240), 0.2),)))
    assert len(tracker.tracks) == 1


@pytest.mark.parametrize(("side", "same"), [(30, True), (50, True), (90, False), (10, False)])
def test_what_is_of_another_size_is_another_one(tracker, side, same):
    middle = 25 - side / 2
    feed(tracker, [(10, 10)], [(middle, middle, side)])
    assert len(tracker.tracks) == (1 if same else 2)


def test_fast_objects_are_found_where_they_go(tracker):
    """Once the speed is known, the gate moves along."""
    feed(tracker, *([(10 + 25 * i, 20)] for i in range(5)))
    assert len(tracker.tracks) == 1


@pytest.mark.parametrize("misses", range(MAX_MISSES + 2))
def test_a_track_is_found_again_after_a_few_misses(tracker, misses):
    feed(tracker, [(10, 20)], *([[]] * misses), [(12, 20)])
    assert len(tracker.tracks) == (1 if misses <= MAX_MISSES else 2)


def test_a_weak_detection_starts_nothing_but_carries_on(tracker):
    feed(tracker, [seen(0, 10, score=0.3)])
    assert tracker.tracks == []
    tracker = Tracker((0,), {0: 0.5})
    feed(tracker, [(10, 20)], [seen(5, 14, score=0.3)], [seen(10, 18, score=0.25)])
    assert paths(tracker) == [[10, 14, 18]]


def test_another_class_starts_nothing_but_carries_on_and_the_name_stays(tracker):
    feed(tracker, [seen(0, 10, class_id=7)])
    assert tracker.tracks == []
    tracker = Tracker((0,), {0: 0.5})
    feed(tracker, [(10, 20)], [seen(5, 12, class_id=7)], [(14, 20)])
    assert paths(tracker) == [[10, 12, 14]]
    assert tracker.tracks[0].class_id == 0


def test_a_second_name_of_one_object_does_not_carry_on_another(tracker):
    """A dog that is also called a cat must not pull a lost dog to its place."""
    feed(tracker, [(10, 20), (24, 20)], [(12, 20), seen(5, 12, score=0.4)])
    assert paths(tracker) == [[10, 12], [24]]


def test_a_new_track_reaches_back_to_weak_detections(tracker):
    weak = [[seen(5 * i, 10 + 2 * i, score=0.3)] for i in range(5)]
    feed(tracker, *weak, [(20, 20)])
    assert paths(tracker) == [[20 - 2 * i for i in range(MAX_LOOK_BACK, -1, -1)]]


def test_looking_back_stops_at_a_gap_and_at_a_cut(tracker):
    feed(tracker, [seen(0, 10, score=0.3)], [], [(14, 20)])
    assert paths(tracker) == [[14]]
    tracker = Tracker((0,), {0: 0.5})
    feed(tracker, [seen(0, 10, score=0.3)])
    feed(tracker, [(12, 20)], scene=1, start=1)
    assert paths(tracker) == [[12]]


def test_looking_back_takes_nobody_else_s_detection(tracker):
    feed(tracker, [(10, 20)], [(12, 20)], [(14, 20), (24, 20)])
    assert paths(tracker) == [[10, 12, 14], [24]]


def test_nothing_is_followed_across_a_cut(tracker):
    feed(tracker, [(10, 20)], [(12, 20)])
    feed(tracker, [(14, 20)], [(16, 20)], scene=1, start=2)
    assert paths(tracker) == [[10, 12], [14, 16]]


def test_a_preview_changes_nothing(tracker):
    feed(tracker, [(10, 20)], [(14, 20)])
    pairs, alone = tracker.preview((seen(10, 18), seen(10, 200)))
    assert [s.outline.bounds[0] for s in alone] == [200]
    assert [(track.number, s.outline.bounds[0]) for track, s in pairs] == [(1, 18)]
    assert paths(tracker) == [[10, 14]]
    assert len(tracker.keyframes) == 2


def test_numbers_count_from_one_and_are_never_given_twice(tracker):
    for i in range(6):
        feed(tracker, [(10 + 100 * (i % 3), 20)], scene=i, start=i)
    assert [track.number for track in tracker.tracks] == [1, 2, 3, 4, 5, 6]
    assert tracker.born == 6


@pytest.mark.slow
def test_ten_thousand_keyframes_are_forgotten_behind(tracker):
    """One object stays, others come and go; what is kept does not grow."""
    most = 0
    resident = [seen(0, 10 + x).outline for x in range(7)]
    visitor, doubt = seen(0, 300).outline, seen(0, 500).outline
    for i in range(10_000):
        time_s = i * EVERY / 25
        found = [
            Sighting(i * EVERY, resident[i % 7], 0.9, 0, time_s=time_s),
            Sighting(i * EVERY, doubt, 0.2, 0, time_s=time_s),
        ]
        if i % 20 < 8:
            found.append(Sighting(i * EVERY, visitor, 0.9, 1, time_s=time_s))
        tracker.update(Keyframe(i * EVERY, time_s, i // 1000, tuple(found)))
        if i >= 8:
            tracker.forget((i - 8) * EVERY)
        held = len(tracker.keyframes) + len(tracker.tracks) + len(tracker._taken[True])
        most = max(most, held + sum(len(track.sightings) for track in tracker.tracks))
    assert most < 80
    assert tracker.born == 500 + 10


@pytest.mark.parametrize("seed", range(20))
def test_a_lower_score_adds_tracks_and_changes_none(seed):
    """A careful user who hides from 0.15 on must not show what 0.25 would have hidden."""
    rng = np.random.default_rng(seed)
    careful = Tracker((0,), {0: 0.15}, {0: 0.25})
    usual = Tracker((0,), {0: 0.25})
    paths_px = rng.uniform(0, 200, (6, 2)), rng.uniform(-12, 12, (6, 2))
    for number in range(30):
        index = number * EVERY
        crowd = []
        for start, step in zip(*paths_px, strict=True):
            x, y = start + step * number + rng.normal(0, 3, 2)
            score, class_id = rng.uniform(0.02, 0.6), int(rng.random() < 0.2)
            crowd.append(seen(index, x, y, 30 * rng.uniform(0.8, 1.2), score=score))
            crowd[-1] = dataclasses.replace(crowd[-1], class_id=class_id)
        scene = number // 12
        careful.update(
            Keyframe(index, index / 25, scene, tuple(c for c in crowd if c.score > 0.06))
        )
        usual.update(Keyframe(index, index / 25, scene, tuple(c for c in crowd if c.score > 0.1)))
    sure = [track.sightings for track in careful.tracks if track.sure]
    assert sure == [track.sightings for track in usual.tracks]
    assert len(careful.tracks) > len(usual.tracks)
    assert len(usual.tracks) > 10


def test_a_track_that_becomes_sure_keeps_its_number():
    tracker = Tracker((0,), {0: 0.15}, {0: 0.5})
    feed(tracker, [seen(0, 10, score=0.2)], [seen(5, 14, score=0.2)], [seen(10, 18)])
    assert [track.number for track in tracker.tracks] == [1, 1]
    assert tracker.born == 1


def test_what_is_still_needed_is_not_forgotten(tracker):
    """Tracks with a sighting that a waiting frame lies behind or before stay as they are."""
    feed(tracker, *([(10 + 2 * i, 20)] for i in range(12)))
    feed(tracker, *([[]] * 2), start=12)
    tracker.forget(8 * EVERY)
    (track,) = tracker.tracks
    kept = [s.index for s in track.sightings]
    assert {i * EVERY for i in range(7, 12)} <= set(kept)
    assert len(kept) < 12
    assert tracker.after(track.sightings[-1], 1) == 12 * EVERY


def test_a_track_remembers_the_other_classes_that_it_surely_was(tracker):
    """What was seen as a plate once is no mere person any more."""
    feed(
        tracker,
        [seen(0, 10, class_id=1)],
        [seen(5, 11, class_id=0, score=0.9)],
        [seen(10, 12, class_id=0, score=0.3), seen(10, 200, class_id=1)],
        [seen(15, 13, class_id=1)],
    )
    first, second = tracker.tracks
    assert (first.class_id, first.also) == (1, {0})
    assert (second.class_id, second.also) == (1, set())


def test_a_weak_sighting_or_a_class_that_is_not_hidden_is_not_remembered(tracker):
    feed(
        tracker,
        [seen(0, 10, class_id=1)],
        [seen(5, 11, class_id=0, score=0.3)],
        [seen(10, 12, class_id=7, score=0.9)],
    )
    (track,) = tracker.tracks
    assert len(track.sightings) == 3
    assert track.also == set()
