"""Viewers of one encoder: slow, late, gone, and what that is to the others."""

import threading
from dataclasses import replace

import pytest
from coded import STREAM, coded

from agent.frames.encoded import _SEAL
from agent.video.fanout import Fanout, Over, Said, Shown, Started

STEP_S = 1 / 30


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


class Encoder:
    """Thirty pictures a second, and keys where they are asked for and nowhere else."""

    def __init__(self, fanout, clock, size=1000, step_s=STEP_S):
        self.fanout, self._clock, self._size, self._step_s = fanout, clock, size, step_s
        self.written = []

    def start(self, stream=STREAM):
        self.fanout.start(stream)
        self._begins = True

    def run(self, pictures=1):
        for _ in range(pictures):
            self._clock.now += self._step_s
            is_key = self.fanout.wants_key() or self._begins
            self._begins = False
            packet = coded(len(self.written), is_key=is_key, size=self._size)
            self.written.append(packet)
            self.fanout.write(packet)
            self.fanout.say(f"of {packet.pts}")

    @property
    def keys(self):
        return [packet.pts for packet in self.written if packet.is_key]


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def encoder(clock):
    encoder = Encoder(Fanout(now=clock), clock)
    encoder.start()
    return encoder


def quiet():
    pass


def all_of(viewer):
    return list(iter(viewer.take, None))


def pictures(items):
    return [item.packet.pts for item in items if isinstance(item, Shown)]


def test_a_viewer_gets_the_stream_then_a_key_and_each_text_behind_its_picture(encoder):
    encoder.run(5)
    viewer = encoder.fanout.viewer(quiet)
    encoder.run(2)
    fifth, sixth = encoder.written[5:]
    assert all_of(viewer) == [
        Started(STREAM),
        Shown(fifth, STREAM),
        Said("of 5"),
        Shown(sixth, STREAM),
        Said("of 6"),
    ]
    assert fifth.is_key
    assert not sixth.is_key


def test_a_key_is_asked_for_once_for_all_who_joined_before_it(encoder):
    encoder.run()
    for _ in range(3):
        encoder.fanout.viewer(quiet)
    assert [encoder.fanout.wants_key() for _ in range(3)] == [True, False, False]
    encoder.fanout.write(coded(9, is_key=True))
    assert not encoder.fanout.wants_key()


def test_one_that_does_not_read_costs_little_and_no_other_viewer_a_picture(encoder):
    reads, stuck = encoder.fanout.viewer(quiet), encoder.fanout.viewer(quiet)
    seen = []
    for _ in range(300):
        encoder.run()
        seen += all_of(reads)
    assert pictures(seen) == list(range(300))
    assert reads.dropped == 0
    assert stuck.dropped >= 280
    assert encoder.keys == [0]  # nor bits: none for who isn't there to see it


def test_one_that_reads_again_gets_a_key_first_and_nothing_old(encoder):
    viewer = encoder.fanout.viewer(quiet)
    encoder.run(300)
    assert all_of(viewer) == []  # what waited was too old
    encoder.run(3)
    assert pictures(all_of(viewer)) == [300, 301, 302]
    for _ in range(60):  # and is no more late
        encoder.run()
        all_of(viewer)
    assert encoder.keys == [0, 300]
    assert viewer.dropped == 300


def test_what_is_old_goes_up_to_the_next_key_and_no_further(encoder, clock):
    viewer = encoder.fanout.viewer(quiet)
    encoder.run(10)
    encoder.fanout.want_key()
    encoder.run(10)
    clock.now += 0.5 - 11 * STEP_S
    assert pictures(all_of(viewer)) == list(range(10, 20))
    assert viewer.dropped == 10


@pytest.mark.parametrize("size", [100_000, 400_000])
def test_no_more_than_a_megabyte_waits(clock, size):
    encoder = Encoder(Fanout(now=clock), clock, size)
    encoder.start()
    viewer = encoder.fanout.viewer(quiet)
    for _ in range(12):
        encoder.fanout.want_key()
        encoder.run()
    waiting = [item.packet for item in all_of(viewer) if isinstance(item, Shown)]
    assert sum(len(packet.data) for packet in waiting) <= 1 << 20
    assert waiting == encoder.written[-len(waiting) :]
    assert len(waiting) >= 2


def test_a_picture_of_more_than_a_megabyte_is_seen_all_the_same(clock):
    encoder = Encoder(Fanout(now=clock), clock, 2 << 20)
    encoder.start()
    viewer = encoder.fanout.viewer(quiet)
    encoder.run()
    assert pictures(all_of(viewer)) == [0]


def test_one_that_is_always_late_has_a_key_made_no_more_than_once_a_second(encoder, clock):
    viewer = encoder.fanout.viewer(quiet)
    for _ in range(10):
        encoder.run(18)  # 0.6 s, in which it reads nothing
        all_of(viewer)
    assert 2 <= len(encoder.keys) <= 1 + (clock.now - 100) / 1.0


def test_who_joins_does_not_wait_for_that(encoder):
    encoder.run(3)
    encoder.fanout.viewer(quiet)
    encoder.run(3)
    encoder.fanout.viewer(quiet)
    encoder.run(3)
    assert encoder.keys == [0, 3, 6]


@pytest.mark.parametrize("end", [Fanout.finish, Fanout.abort])
def test_viewers_see_the_next_stream_too(encoder, end):
    viewer = encoder.fanout.viewer(quiet)
    encoder.run(2)
    end(encoder.fanout)
    encoder.fanout.say("nobody's")
    with pytest.raises(RuntimeError, match="no stream was started"):
        encoder.fanout.write(encoder.written[0])
    wider = replace(STREAM, seal=_SEAL, width=128)
    encoder.start(wider)
    encoder.run(2)
    items = all_of(viewer)
    assert pictures(items) == [0, 1, 2, 3]
    assert items.index(Started(wider)) == items.index(Shown(encoder.written[2], wider)) - 1
    assert encoder.keys == [0, 2]


def test_a_stream_that_does_not_begin_with_a_key_is_not_seen_up_to_one(encoder):
    viewer = encoder.fanout.viewer(quiet)
    encoder.run(2)
    encoder.fanout.start(STREAM)
    encoder.fanout.write(coded(50, is_key=False))
    encoder.fanout.write(coded(51, is_key=True))
    assert pictures(all_of(viewer)) == [0, 1, 51]


def test_a_viewer_is_woken_when_something_comes_and_nothing_was_there(encoder):
    woken = []
    viewer = encoder.fanout.viewer(lambda: woken.append(len(encoder.written)))
    encoder.run(3)
    assert woken == [1]
    all_of(viewer)
    encoder.run(2)
    assert woken == [1, 4]
    viewer.close()
    viewer.close()
    encoder.run(2)
    assert woken == [1, 4]
    assert viewer.take() is None


def test_where_each_picture_is_told_of_one_is_woken_once_for_both(clock):
    encoder = Encoder(Fanout(now=clock, is_told=True), clock)
    encoder.start()
    taken = []
    viewer = encoder.fanout.viewer(lambda: taken.append(all_of(viewer)))
    encoder.run(3)
    assert [[type(item) for item in each] for each in taken] == [
        [Started, Shown, Said],
        [Shown, Said],
        [Shown, Said],
    ]


def test_who_is_woken_when_its_picture_is_too_old_already_has_a_key_made(clock):
    """A machine may stop between a picture and what is told of it."""
    fanout = Fanout(now=clock, is_told=True)
    fanout.start(STREAM)
    taken = []
    viewer = fanout.viewer(lambda: taken.append(all_of(viewer)))
    assert fanout.wants_key()
    fanout.write(coded(0, is_key=True))
    clock.now += 2
    fanout.say("of 0")
    assert taken == [[]]
    assert fanout.wants_key()


def test_the_end_is_told_to_all_and_to_who_comes_later(encoder):
    woken = []
    viewer = encoder.fanout.viewer(lambda: woken.append("early"))
    encoder.run()
    encoder.fanout.close("the camera is gone")
    late = encoder.fanout.viewer(lambda: woken.append("late"))
    assert woken == ["early", "early", "late"]
    over = Over("the camera is gone")
    assert [viewer.take() for _ in range(5)][-2:] == [over, over]
    assert late.take() == over


def test_what_still_comes_when_nobody_may_watch_any_more_is_passed_over(encoder):
    """Its encoder goes on for a recording."""
    viewer = encoder.fanout.viewer(quiet)
    encoder.run(1)
    encoder.fanout.close("the stream is no more")
    encoder.run(2)
    assert [type(viewer.take()) for _ in range(4)] == [Started, Shown, Said, Over]


def test_threads_that_join_take_and_leave_see_whole_groups(clock):
    """Beside an encoder in a thread of its own: each sees keys first and pictures in order."""
    encoder = Encoder(Fanout(now=clock), clock, step_s=1e-4)  # else they would always be late
    encoder.start()
    is_over = threading.Event()
    faults = []

    def watch():
        for _ in range(10):
            woken = threading.Event()
            viewer = encoder.fanout.viewer(woken.set)
            seen = []
            while len(seen) < 20 and woken.wait(10) and not is_over.is_set():
                woken.clear()
                seen += [item.packet for item in all_of(viewer) if isinstance(item, Shown)]
            viewer.close()
            faults.extend(
                (before, packet)
                for before, packet in zip([None, *seen], seen, strict=False)
                if not packet.is_key and (before is None or packet.pts != before.pts + 1)
            )

    watchers = [threading.Thread(target=watch) for _ in range(4)]
    for watcher in watchers:
        watcher.start()
    while any(watcher.is_alive() for watcher in watchers) and len(encoder.written) < 100_000:
        encoder.run()
    is_over.set()
    for watcher in watchers:
        watcher.join()
    assert faults == []
