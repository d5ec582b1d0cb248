"""Stages on threads: order, cancel, pause, and where the time goes."""

import signal
import threading
import time
from dataclasses import replace
from itertools import count, islice

import pytest
import worlds
from worlds import Eyes, Gallery, Thing, Unhurried, World, leaks, linear, until

from agent.detect.pool import DetectorPool
from agent.errors import InputError
from agent.pipeline.analyst import Analyst
from agent.pipeline.pipeline import Pipeline
from agent.pipeline.rhythm import Rhythm
from agent.pipeline.run_journal import RunJournal
from agent.redact.effect import Effect
from agent.redact.redactor import Redactor
from agent.track.tracker import Tracker

EVERY = 5
LONG_S = 60
"""What a test waits at most for what takes no time."""


@pytest.fixture
def world():
    """Two stand there, for as long as it takes."""
    return World(Thing(linear(60, 60), (24, 30)), Thing(linear(10, 8)))


@pytest.fixture
def pipeline_of(world):
    """Makes pipelines; what of them still runs in the background ends with the test."""
    pools, blocked = [], []

    def make(
        sink,
        *,
        source=None,
        detector=None,
        watch=worlds.noop,
        workers=2,
        journal=None,
        keep_newest=False,
    ):
        pools.append(DetectorPool(detector or Eyes(world), workers, 10))
        tracker = Tracker((0,), {0: 0.25})
        journal = RunJournal() if journal is None else journal
        analyst = Analyst(
            pools[-1].lane("stream"),
            tracker,
            Rhythm(EVERY),
            world.size,
            {0: "person"},
            0.005,
            journal.note_keyframe,
        )
        redactor = Redactor(world.size, Effect("solid"))
        frames = source or world.source()
        blocked.extend(each for each in (sink, source) if isinstance(each, (Blocked, Stalling)))
        return Pipeline(
            frames, analyst, redactor.redact, sink, journal, watch, keep_newest=keep_newest
        )

    yield make
    for each in blocked:
        each.free.set()
    for thread, pipeline in running:
        pipeline.cancel()
        thread.join(LONG_S)
    running.clear()
    for pool in pools:
        pool.close()


class Feed:
    """A source without an end, which gives as many frames as it is told to.

    Attributes:
        asked: how many frames were asked for.
    """

    def __init__(self, world):
        self._world, self._more = world, threading.Semaphore(0)
        self.asked = 0

    def give(self, frames):
        self._more.release(frames)

    def __iter__(self):
        for i in count():
            self.asked = i + 1
            assert self._more.acquire(timeout=LONG_S)
            yield self._world.frame(i)


def endless(world, gap_s=0.002):
    for i in count():
        yield world.frame(i)
        time.sleep(gap_s)


running = []


def background(pipeline):
    thread = threading.Thread(target=pipeline.run, daemon=True)
    running.append((thread, pipeline))
    thread.start()
    return thread


def ended(thread):
    thread.join(LONG_S)
    return not thread.is_alive()


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_workers_that_finish_out_of_order_keep_frames_in_order(world, pipeline_of, workers):
    sink = Gallery()
    pipeline_of(sink, detector=Unhurried(world), workers=workers).run()
    assert [frame.index for frame in sink.shown] == list(range(40))
    assert [frame.pts for frame in sink.shown] == list(range(40))
    assert leaks([frame.planes[0] for frame in sink.shown]) == {}


def test_cancel_writes_what_was_taken_and_no_more(world, pipeline_of):
    sink, wanted, journal = Gallery(), 30, RunJournal()
    pipeline = pipeline_of(sink, source=endless(world), journal=journal)
    thread = background(pipeline)
    until(lambda: len(sink.shown) >= wanted)
    pipeline.cancel()
    assert ended(thread)
    assert pipeline.cancelled
    assert [frame.index for frame in sink.shown] == list(range(pipeline.frames_in))
    assert leaks([frame.planes[0] for frame in sink.shown]) == {}
    # The last frame is a keyframe of its own, so that the end is as certain as the rest.
    assert pipeline.frames_in - 1 in set(journal.keyframes)


def test_cancel_before_the_start_still_leaves_a_picture(pipeline_of):
    sink = Gallery()
    pipeline = pipeline_of(sink)
    pipeline.cancel()
    pipeline.run()
    assert [frame.index for frame in sink.shown] == [0]


def test_pause_lets_what_is_under_way_out_and_takes_no_more(world, pipeline_of):
    sink, feed = Gallery(), Feed(world)
    pipeline = pipeline_of(sink, source=feed)
    thread = background(pipeline)
    feed.give(30)
    until(lambda: feed.asked == 31)
    pipeline.pause()
    feed.give(30)
    until(lambda: pipeline.frames_out + pipeline.queues["detect"] == 31)
    assert len(sink.shown) >= 10
    time.sleep(0.1)
    assert pipeline.frames_in == 31
    assert len(sink.shown) <= 31
    feed.give(30)  # a slow detector holds three keyframes back, and what follows them
    pipeline.resume()
    until(lambda: len(sink.shown) > 31)
    pipeline.cancel()
    feed.give(1)
    assert ended(thread)
    assert [frame.index for frame in sink.shown] == list(range(pipeline.frames_in))


def test_cancel_while_paused_ends_the_run(world, pipeline_of):
    sink = Gallery()
    pipeline = pipeline_of(sink, source=endless(world))
    thread = background(pipeline)
    pipeline.pause()
    time.sleep(0.05)
    pipeline.cancel()
    assert ended(thread)
    assert [frame.index for frame in sink.shown] == list(range(pipeline.frames_in))


def test_pause_has_no_power_over_a_run_that_was_cancelled(pipeline_of):
    sink = Gallery()
    pipeline = pipeline_of(sink)
    pipeline.cancel()
    pipeline.pause()
    thread = background(pipeline)
    assert ended(thread)
    assert [frame.index for frame in sink.shown] == [0]


class Interrupting(Gallery):
    """A sink during whose work somebody presses Ctrl-C, and that works until that was heard."""

    pipeline = None

    def write(self, frame):
        super().write(frame)
        if frame.index == 10:
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
            until(lambda: self.pipeline._redacted._stopped)


@pytest.fixture
def foreground():
    """Ctrl-C arrives, which a shell's background jobs ignore."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("foreground")
def test_ctrl_c_sends_every_stage_home_before_it_passes_on(world, pipeline_of, monkeypatch):
    """Whoever opened the source and the sink closes them then: nobody may still use them."""
    monkeypatch.setattr("agent.pipeline.pipeline._STOP_TIMEOUT_S", LONG_S)
    before = set(threading.enumerate())
    sink = Interrupting()
    sink.pipeline = pipeline = pipeline_of(sink, source=endless(world))
    pools = set(threading.enumerate()) - before
    with pytest.raises(KeyboardInterrupt):
        pipeline.run()
    assert set(threading.enumerate()) - before - pools == set()
    assert len(sink.shown) == 11


def test_an_empty_source_gives_an_empty_output(pipeline_of):
    sink = Gallery()
    pipeline = pipeline_of(sink, source=iter(()))
    pipeline.run()
    assert sink.shown == []
    assert pipeline.frames_in == 0


def test_the_watcher_sees_every_frame_with_its_cover(pipeline_of):
    watched = []
    sink = Gallery()
    pipeline_of(sink, watch=lambda frame, cover: watched.append((frame, cover))).run()
    assert [frame for frame, _ in watched] == sink.shown
    assert all({each.track for each in cover.outlines} == {1, 2} for _, cover in watched)


class Slow(Gallery):
    """A sink that takes 25 ms a frame, many times what another stage computes in one."""

    def write(self, frame):
        time.sleep(0.025)
        super().write(frame)


class SlowEyes(Eyes):
    """Takes 200 ms a look."""

    def detect(self, frame):
        time.sleep(0.2)
        return super().detect(frame)


def busiest(pipeline):
    loads = {clock.name: clock.busy_s for clock in pipeline.clocks}
    loads["detect"] /= pipeline.workers
    return max(loads, key=loads.get)


@pytest.mark.slow
def test_clocks_tell_who_holds_up_the_rest(world, pipeline_of):
    slow_sink = pipeline_of(Slow())
    slow_sink.run()
    assert busiest(slow_sink) == "encode"
    slow_eyes = pipeline_of(Gallery(), detector=SlowEyes(world), workers=1)
    slow_eyes.run()
    assert busiest(slow_eyes) == "detect"
    slow_source = pipeline_of(Gallery(), source=islice(endless(world, 0.04), 40))
    slow_source.run()
    assert busiest(slow_source) == "decode"


@pytest.mark.slow
def test_a_clock_accounts_for_all_of_a_stage_s_time(pipeline_of):
    pipeline = pipeline_of(Slow())
    pipeline.run()
    for clock in pipeline.clocks:
        assert clock.busy_s >= 0
        assert clock.frames == (9 if clock is pipeline.detect_clock else 40)
    last = pipeline.clocks[-1]
    spent = last.busy_s + last.wait_in_s + last.wait_out_s
    assert 40 * 0.025 <= spent <= pipeline.wall_s


@pytest.mark.slow
def test_load_samples_never_show_a_stage_busier_than_the_time_that_passed(world, pipeline_of):
    sink, journal = Slow(), RunJournal()
    pipeline = pipeline_of(sink, detector=SlowEyes(world), workers=1, journal=journal)
    pipeline.run()
    assert len(journal.loads) >= 2
    for sample in journal.loads:
        assert set(sample.busy_s) == {"decode", "detect", "analyse", "redact", "encode"}
        assert all(0 <= busy <= sample.wall_s for busy in sample.busy_s.values())
    # It does next to nothing itself: what it waits for is the detector's work. Asked of the whole
    # run, for a wait is booked when it ends.
    analyse = next(clock for clock in pipeline.clocks if clock.name == "analyse")
    assert analyse.busy_s < 0.5 * pipeline.wall_s


class Blocked(Gallery):
    """A sink that takes nothing until it is let."""

    def __init__(self):
        super().__init__()
        self.free = threading.Event()

    def write(self, frame):
        assert self.free.wait(2 * LONG_S)
        super().write(frame)


@pytest.mark.slow
def test_a_live_source_never_waits_and_the_newest_frames_are_kept(world, pipeline_of):
    sink = Blocked()

    def source():
        for i in range(200):
            yield world.frame(i)
        sink.free.set()  # only now: who makes the source wait waits for ever

    pipeline = pipeline_of(sink, source=source(), keep_newest=True)
    thread = background(pipeline)
    assert ended(thread)
    shown = [frame.index for frame in sink.shown]
    assert shown == sorted(set(shown))
    assert shown[-4:] == [196, 197, 198, 199]
    assert pipeline.frames_in == 200
    assert pipeline.frames_out == len(shown)
    assert pipeline.dropped == 200 - len(shown) > 100
    assert leaks([frame.planes[0] for frame in sink.shown]) == {}


@pytest.mark.slow
def test_the_first_frame_of_a_scene_is_not_dropped(world, pipeline_of):
    """No other says that what was followed so far is gone."""
    sink = Blocked()

    def source():
        for i in range(200):
            yield replace(world.frame(i), opens_scene=i == 150)
        sink.free.set()

    pipeline = pipeline_of(sink, source=source(), keep_newest=True)
    pipeline.run()
    assert [frame.index for frame in sink.shown][-4:] == [150, 197, 198, 199]


@pytest.mark.slow
def test_a_stage_that_waits_for_its_camera_is_not_busy(world, pipeline_of):
    gate = threading.Event()

    def source():
        for i in range(4):
            gate.wait(0.5)  # two seconds in all: so long nothing was computed
            yield world.frame(i)

    pipeline = pipeline_of(Gallery(), source=source(), keep_newest=True)
    pipeline.run()
    spent = pipeline.stage_s()
    assert spent["decode", "wait_in"] >= 1.8
    assert spent["decode", "busy"] < spent["decode", "wait_in"]


def test_no_frame_of_a_file_is_dropped(pipeline_of):
    sink = Slow()
    pipeline = pipeline_of(sink)
    pipeline.run()
    assert (pipeline.dropped, pipeline.frames_in, pipeline.frames_out) == (0, 40, 40)


class Stalling:
    """A source that gives some frames and then nothing, until it is told how to end."""

    def __init__(self, world, frames=30):
        self._world, self._frames = world, frames
        self.free, self.fault = threading.Event(), None

    def __iter__(self):
        for i in range(self._frames):
            yield self._world.frame(i)
            time.sleep(0.002)  # as a camera's, which no analysis falls behind here
        assert self.free.wait(2 * LONG_S)
        if self.fault is not None:
            raise self.fault
        yield self._world.frame(self._frames)


@pytest.mark.parametrize("fault", [None, InputError("door: ended the stream")])
def test_cancel_leaves_a_live_source_behind_that_is_stuck(world, pipeline_of, fault):
    """And finishes all that came before."""
    source, sink = Stalling(world), Gallery()
    pipeline = pipeline_of(sink, source=source, keep_newest=True)
    others = set(threading.enumerate())
    thread = background(pipeline)
    until(lambda: pipeline.frames_in == 30)
    (decoder,) = [each for each in set(threading.enumerate()) - others if each.name == "decode"]
    pipeline.cancel()
    assert ended(thread)
    assert sink.finished
    assert len(sink.shown) == 30 - pipeline.dropped
    assert sink.shown[-1].index == 29
    assert decoder.is_alive()
    source.fault = fault
    source.free.set()
    assert ended(decoder)
    assert pipeline.frames_in == 30  # what came too late was not taken
    assert sink.shown[-1].index == 29


def test_what_a_live_source_gave_is_shown_when_it_falls_silent(world, pipeline_of):
    """It gives nothing more here, and does not end."""
    source, sink, journal = Stalling(world), Gallery(), RunJournal()
    pipeline = pipeline_of(sink, source=source, keep_newest=True, journal=journal)
    thread = background(pipeline)
    until(lambda: pipeline.frames_in == 30)
    until(lambda: len(sink.shown) == 30 - pipeline.dropped)
    assert sink.shown[-1].index == 29
    assert 29 in set(journal.keyframes)
    assert not sink.finished
    assert thread.is_alive()
    source.free.set()
    assert ended(thread)
    assert [frame.index for frame in sink.shown][-2:] == [29, 30]
    assert leaks([frame.planes[0] for frame in sink.shown]) == {}


def test_cancel_waits_for_a_file_s_read(world, pipeline_of):
    source, sink = Stalling(world), Gallery()
    pipeline = pipeline_of(sink, source=source)
    thread = background(pipeline)
    until(lambda: pipeline.frames_in == 30)
    pipeline.cancel()
    thread.join(1.5)
    assert thread.is_alive()
    source.free.set()
    assert ended(thread)
    assert [frame.index for frame in sink.shown] == list(range(31))


def raised_by(pipeline):
    with pytest.raises(InputError) as caught:
        pipeline.run()
    return caught.value


def test_what_came_before_a_camera_s_fault_is_finished_and_written(world, pipeline_of):
    source, sink = Stalling(world), Gallery()
    source.fault = InputError("door: ended the stream")
    source.free.set()
    pipeline = pipeline_of(sink, source=source, keep_newest=True)
    assert raised_by(pipeline) is source.fault
    assert sink.finished
    assert sink.shown[-1].index == 29
    assert len(sink.shown) + pipeline.dropped == 30


def test_a_file_that_fails_finishes_nothing(world, pipeline_of):
    source, sink = Stalling(world), Gallery()
    source.fault = InputError("out of order")
    source.free.set()
    assert raised_by(pipeline_of(sink, source=source)) is source.fault
    assert not sink.finished


def test_it_tells_how_far_it_is_and_what_waits_where(world, pipeline_of):
    source, sink = Stalling(world), Blocked()
    pipeline = pipeline_of(sink, source=source)
    assert (pipeline.last_in_s, pipeline.last_out_s) == (None, None)
    assert pipeline.queues == {"analyse": 0, "detect": 0, "redact": 0, "encode": 0}
    began_s = time.monotonic()
    thread = background(pipeline)
    full = {"analyse": 4, "detect": pytest.approx(10, abs=9), "redact": 4, "encode": 4}
    until(lambda: pipeline.queues == full)
    assert (pipeline.frames_out, pipeline.last_out_s) == (0, None)
    sink.free.set()
    source.free.set()
    assert ended(thread)
    assert pipeline.queues == {"analyse": 0, "detect": 0, "redact": 0, "encode": 0}
    assert began_s < pipeline.last_in_s < pipeline.last_out_s < time.monotonic()
    assert pipeline.frames_out == 31
