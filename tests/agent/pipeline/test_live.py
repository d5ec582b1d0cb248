"""A live stream in a simulated time: a camera that is too fast, that falls silent, that comes back."""

import itertools
from dataclasses import replace

import pytest
from live_run import LiveRun
from live_world import STATE
from worlds import Thing, World, linear

from agent.live.ledger import credit_of
from agent.pipeline.rhythm import MAX_GAP_S, MOST_OPEN, Rhythm
from agent.service.resident import resident_bytes

FPS = 30
DETECT_S = 0.027
"""Of a network of 320 px on one core."""

SILENT_S = 0.3
"""After so long without a frame all that came has left."""


def at_rate(frames, fps=FPS, from_s=0.0):
    return [from_s + i / fps for i in range(frames)]


def rhythm_of(every, latency="short"):
    return Rhythm(every, look_ahead=latency != "low", prompt=True, strict=True)


def nobody(frames):
    return World(frames=frames, size=(64, 36))


def budget_s(run, every, latency):
    """How late a picture may be by what a client is told, at the rate at which they left."""
    held_back = 0 if latency == "low" else 2 * every + MOST_OPEN
    fps = FPS * len(run.left) / (len(run.left) + run.channel.dropped)
    return credit_of(replace(STATE, fps=fps, hold_back_frames=held_back)).most_late_ms / 1000


@pytest.mark.parametrize("latency", ["short", "low"])
@pytest.mark.parametrize("every", [3, 5])
def test_a_detector_that_is_twice_too_slow_for_a_minute_costs_frames_and_no_delay(every, latency):
    """The newest are kept, decoded and before they were looked at; it is as late in the last
    fifteen seconds as in the first."""
    frames = 60 * FPS
    run = LiveRun(nobody(frames), at_rate(frames), rhythm_of(every, latency), 2 * every / FPS)
    assert 0.4 * frames < run.channel.dropped == frames - len(run.left) < 0.9 * frames
    first, last = (
        sorted(delay for index, _, delay in run.left if index // (15 * FPS) == quarter)
        for quarter in (0, 3)
    )
    p95_s = last[int(0.95 * len(last))]
    assert p95_s <= 1.2 * first[int(0.95 * len(first))]
    assert p95_s <= 1.5 * budget_s(run, every, latency)
    assert {cover.whole for _, cover, _ in run.left} == {None}


class Weighed(World):
    """A world that notes how much memory there is when a frame of it comes.

    Attributes:
        bytes: of each frame.
    """

    def __init__(self, frames):
        super().__init__(Thing(lambda i: (10 + i % 200, 40)), frames=frames, size=(320, 180))
        self.bytes = []

    def frame(self, i):
        self.bytes.append(resident_bytes())
        return super().frame(i)


@pytest.mark.skipif(not resident_bytes(), reason="needs Linux' /proc")
@pytest.mark.parametrize("latency", ["short", "low"])
def test_a_detector_that_is_twice_too_slow_for_a_minute_costs_no_memory(latency):
    """From the first ten seconds on; frames of the other fifty would be 130 MB."""
    world = Weighed(60 * FPS)
    times_s, rhythm = at_rate(world.frames), rhythm_of(3, latency)
    run = LiveRun(world, times_s, rhythm, 6 / FPS, lambda cover: cover.objects)
    assert sum(seen for _, seen, _ in run.left) > 200
    assert world.bytes[-1] <= 1.03 * world.bytes[10 * FPS]


@pytest.mark.parametrize("every", [1, 3, 5, "auto"])
def test_a_detector_that_keeps_up_costs_no_frame(every):
    frames = 6 * FPS
    run = LiveRun(nobody(frames), at_rate(frames), rhythm_of(every), DETECT_S)
    assert run.channel.dropped == run.silences - 1 == 0
    assert [index for index, *_ in run.left] == list(range(frames))


@pytest.mark.slow
@pytest.mark.parametrize("latency", ["short", "low"])
@pytest.mark.parametrize("every", [1, 3, 5, "auto"])
@pytest.mark.parametrize("frames", [1, 2, 30, 31, 32, 33, 34])
def test_what_was_held_back_is_out_soon_after_a_camera_falls_silent(frames, every, latency):
    world = World(Thing(linear(10, 8, 2)), frames=frames)
    times_s = at_rate(frames)
    run = LiveRun(world, times_s, rhythm_of(every, latency), DETECT_S)
    assert [index for index, *_ in run.left] == list(range(frames))
    assert {cover.whole for _, cover, _ in run.left} == {None}
    assert run.last_s <= times_s[-1] + SILENT_S
    assert run.silences == 1
    assert latency == "low" or frames - 1 in run.keyframes


@pytest.mark.parametrize("pause_s", [0.25, 5.0])
@pytest.mark.parametrize("media_pauses", [True, False])
def test_a_camera_that_was_silent_goes_on_as_before(pause_s, media_pauses):
    """Also where its frames were only held up on the way and come all at once."""
    frames = 90
    times_s = at_rate(50) + at_rate(40, FPS if media_pauses else 10_000, from_s=50 / FPS + pause_s)
    run = LiveRun(nobody(frames), times_s, rhythm_of(5), DETECT_S)
    assert run.silences == 2
    assert len(run.left) == frames - run.channel.dropped
    assert {cover.whole for _, cover, _ in run.left} == {None}
    assert 49 in run.keyframes
    before = [delay for index, _, delay in run.left if index < 50]
    assert max(before) <= 12 / FPS + SILENT_S


@pytest.mark.slow
@pytest.mark.parametrize("latency", ["short", "low"])
def test_one_that_falls_silent_again_and_again_is_forgotten_behind(latency):
    """A doorbell for a year: what is held does not grow."""
    bursts = 120
    times_s = [start_s + i / FPS for start_s in range(bursts) for i in range(9)]
    world = World(Thing(lambda i: (10 + i % 30, 8)), frames=len(times_s))
    run = LiveRun(world, times_s, rhythm_of(3, latency), DETECT_S)
    assert (run.silences, len(run.left)) == (bursts, 9 * bursts)
    tracker = run.analyst._settled.tracker
    held = len(run.analyst._certainty) + len(tracker.keyframes) + len(tracker.tracks)
    held += sum(map(len, tracker._taken.values()))
    held += sum(len(track.sightings) for track in tracker.tracks)
    assert held < 60  # of 480 keyframes and more


@pytest.mark.parametrize("fps", [3, 5, 10])
def test_a_slow_camera_is_not_silent_between_two_frames(fps):
    """Each would else leave without what the next ones tell of it."""
    run = LiveRun(nobody(20), at_rate(20, fps), rhythm_of(5), DETECT_S)
    first = fps < 5  # how slow it is nobody knows yet
    assert run.silences == first + 1
    assert min(delay for *_, delay in run.left[1:-3]) >= 2 / fps


def test_of_one_that_sends_less_than_a_frame_a_second_each_is_shown_within_a_second():
    run = LiveRun(nobody(10), at_rate(10, 0.3), rhythm_of(5), DETECT_S)
    assert max(delay for *_, delay in run.left) <= 1.1
    assert run.silences == 10


def test_looks_are_no_further_apart_where_the_frame_rate_falls_in_a_live_run():
    times_s = [*at_rate(43), *at_rate(30, 10, from_s=42 / FPS + 0.1)]
    run = LiveRun(nobody(len(times_s)), times_s, rhythm_of(5), DETECT_S)
    looks = sorted(run.keyframes)
    for before, after in itertools.pairwise(looks):
        assert after - before == 1 or times_s[after] - times_s[before] <= MAX_GAP_S + 1e-6
