"""Stages on threads: order, cancel, pause, and where the time goes."""

import signal
import threading
import time
from itertools import islice

import pytest
import worlds
from worlds import Eyes, Gallery, Thing, Unhurried, World, leaks, linear

from agent.detect.pool import DetectorPool
from agent.pipeline.analyst import Analyst
from agent.pipeline.pipeline import Pipeline
from agent.pipeline.rhythm import Rhythm
from agent.pipeline.run_journal import RunJournal
from agent.redact.effect import Effect
from agent.redact.redactor import Redactor
from agent.track.tracker import Tracker

EVERY = 5


@pytest.fixture
def world():
    """Two stand there, for as long as it takes."""
    return World(Thing(linear(60, 60), (24, 30)), Thing(linear(10, 8)))


@pytest.fixture
def pipeline_of(world):
    pools = []

    def make(sink, *, source=None, detector=None, watch=worlds.noop, workers=2, journal=None):
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
        return Pipeline(frames, analyst, redactor.redact, sink, journal, watch)

    yield make
    for pool in pools:
        pool.close()


def endless(world, gap_s=0.002):
    i = 0
    while True:
        yield world.frame(i)
        i += 1
        time.sleep(gap_s)


def background(pipeline):
    thread = threading.Thread(target=pipeline.run, daemon=True)
    thread.start()
    return thread


def settled(sink, quiet_s=0.3):
    """How many frames were shown once none came for a while."""
    before = -1
    while before != len(sink.shown):
        before = len(sink.shown)
        time.sleep(quiet_s)
    return before


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
    while len(sink.shown) < wanted:
        time.sleep(0.001)
    pipeline.cancel()
    thread.join(5)
    assert not thread.is_alive()
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
    sink = Gallery()
    pipeline = pipeline_of(sink, source=endless(world))
    thread = background(pipeline)
    while len(sink.shown) < 10:
        time.sleep(0.001)
    pipeline.pause()
    shown = settled(sink)
    taken = pipeline.frames_in
    time.sleep(0.1)
    assert pipeline.frames_in == taken
    assert len(sink.shown) == shown
    pipeline.resume()
    while len(sink.shown) < shown + 20:
        time.sleep(0.001)
    pipeline.cancel()
    thread.join(5)
    assert not thread.is_alive()
    assert [frame.index for frame in sink.shown] == list(range(pipeline.frames_in))


def test_cancel_while_paused_ends_the_run(world, pipeline_of):
    sink = Gallery()
    pipeline = pipeline_of(sink, source=endless(world))
    thread = background(pipeline)
    pipeline.pause()
    time.sleep(0.05)
    pipeline.cancel()
    thread.join(5)
    assert not thread.is_alive()
    assert [frame.index for frame in sink.shown] == list(range(pipeline.frames_in))


def test_pause_has_no_power_over_a_run_that_was_cancelled(pipeline_of):
    sink = Gallery()
    pipeline = pipeline_of(sink)
    pipeline.cancel()
    pipeline.pause()
    thread = background(pipeline)
    thread.join(5)
    assert not thread.is_alive()
    assert [frame.index for frame in sink.shown] == [0]


class Interrupting(Gallery):
    """A sink during whose work somebody presses Ctrl-C, and that takes its time."""

    def write(self, frame):
        super().write(frame)
        if frame.index == 10:
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
            time.sleep(0.2)


@pytest.fixture
def foreground():
    """Ctrl-C arrives, which a shell's background jobs ignore."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("foreground")
def test_ctrl_c_sends_every_stage_home_before_it_passes_on(world, pipeline_of):
    """Whoever opened the source and the sink closes them then: nobody may still use them."""
    before = set(threading.enumerate())
    sink = Interrupting()
    pipeline = pipeline_of(sink, source=endless(world))
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
    """A sink that takes 5 ms a frame."""

    def write(self, frame):
        time.sleep(0.005)
        super().write(frame)


class SlowEyes(Eyes):
    """Takes 40 ms a look."""

    def detect(self, frame):
        time.sleep(0.04)
        return super().detect(frame)


def busiest(pipeline):
    loads = {clock.name: clock.busy_s for clock in pipeline.clocks}
    loads["detect"] /= pipeline.workers
    return max(loads, key=loads.get)


def test_clocks_tell_who_holds_up_the_rest(world, pipeline_of):
    slow_sink = pipeline_of(Slow())
    slow_sink.run()
    assert busiest(slow_sink) == "encode"
    slow_eyes = pipeline_of(Gallery(), detector=SlowEyes(world), workers=1)
    slow_eyes.run()
    assert busiest(slow_eyes) == "detect"
    slow_source = pipeline_of(Gallery(), source=islice(endless(world, 0.01), 40))
    slow_source.run()
    assert busiest(slow_source) == "decode"


def test_a_clock_accounts_for_all_of_a_stage_s_time(pipeline_of):
    pipeline = pipeline_of(Slow())
    pipeline.run()
    for clock in pipeline.clocks:
        assert clock.busy_s >= 0
        assert clock.frames == (9 if clock is pipeline.detect_clock else 40)
    last = pipeline.clocks[-1]
    spent = last.busy_s + last.wait_in_s + last.wait_out_s
    assert spent == pytest.approx(pipeline.wall_s, abs=0.1)


def test_load_samples_never_show_a_stage_busier_than_the_time_that_passed(world, pipeline_of):
    sink, journal = Slow(), RunJournal()
    pipeline = pipeline_of(
        sink,
        detector=SlowEyes(world),
        workers=1,
        source=(world.frame(i % 40) for i in range(200)),
        journal=journal,
    )
    pipeline.run()
    assert len(journal.loads) >= 2
    for sample in journal.loads:
        assert set(sample.busy_s) == {"decode", "detect", "analyse", "redact", "encode"}
        assert all(0 <= busy <= sample.wall_s + 0.05 for busy in sample.busy_s.values())
    # It does next to nothing itself: what it waits for is the detector's work. Asked of the whole
    # run, for a wait is booked when it ends.
    analyse = next(clock for clock in pipeline.clocks if clock.name == "analyse")
    assert analyse.busy_s < 0.5 * pipeline.wall_s
