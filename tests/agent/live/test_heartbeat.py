"""Pictures that say that there is none: when they come, what they show, and where they lie in time."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from watching import Watching
from worlds import BLACK, BrokenAt, Gallery, HandClock, World, info_of

from agent.errors import OutputError
from agent.frames.cover import Cover
from agent.frames.cpu_frame import CpuFrame
from agent.live.heartbeat import LATE_S, Gap, Heartbeat
from agent.redact.effect import Effect
from agent.redact.redactor import Redactor
from agent.video.encoder import VideoEncoder
from agent.video.encoding_sink import EncodingSink
from agent.video.fanout import Fanout

WORLD = World(frames=8)
STEP = 1000


class Beating:
    """A heartbeat whose clock is turned by hand, and what it wrote."""

    def __init__(self, sink=None):
        self.clock, self.why, self.told = HandClock(), "result is late", []
        self.sink = sink or Gallery()
        self._redactor = Redactor(WORLD.size, Effect("solid"))
        self.heart = Heartbeat(
            self.sink,
            info_of(WORLD),
            self._redactor.redact,
            lambda: self.why,
            lambda frame, cover: self.told.append((frame.pts, cover.whole)),
            Gap(STEP),
            now=self.clock,
        )

    def write(self, i):
        frame = WORLD.frame(i)
        real = CpuFrame(frame.planes, i, (1 + i) * STEP, Fraction(1, 25), frame.colour)
        self.heart.write(self._redactor.redact(real, Cover(())))

    def pass_by(self, seconds):
        """Time in which it looks every 10 ms."""
        for _ in range(round(seconds * 100)):
            self.clock.turn(0.01)
            self.heart.beat()


def test_nothing_is_added_while_pictures_come():
    beating = Beating()
    for i in range(8):
        beating.write(i)
        beating.pass_by(0.45)
    assert [frame.index for frame in beating.sink.shown] == list(range(8))
    assert beating.told == []


def test_two_a_second_say_that_nothing_comes_and_each_is_covered_whole():
    beating = Beating()
    beating.write(0)
    beating.pass_by(LATE_S + 10)
    added = beating.sink.shown[1:]
    assert 20 <= len(added) <= 30
    assert {frame.whole for frame in added} == {"result is late"}
    assert all(frame.planes[0].max() < BLACK for frame in added)
    assert beating.told == [(frame.pts, "result is late") for frame in added]


def test_also_before_the_first_picture():
    beating = Beating()
    beating.pass_by(2)
    beating.write(0)
    assert len(beating.sink.shown) >= 4


def test_a_real_picture_follows_them_in_time_however_late_it_is():
    beating = Beating()
    for i in range(3):
        beating.write(i)
        beating.pass_by(600)
    times = [frame.pts for frame in beating.sink.shown]
    assert all(before < after for before, after in pairwise(times))
    assert [frame.pts for frame in beating.sink.shown if frame.whole is None] == [1000, 2000, 3000]
    assert len(times) == 3 * STEP  # and then there is no room for more


def test_nothing_is_said_where_nothing_is_due():
    beating = Beating()
    beating.write(0)
    beating.why = None
    beating.pass_by(5)
    assert len(beating.sink.shown) == 1


def test_nothing_follows_the_end():
    beating = Beating()
    beating.write(0)
    beating.heart.finish()
    beating.pass_by(5)
    assert beating.sink.finished
    assert len(beating.sink.shown) == 1


def test_a_sink_that_fails_tells_who_writes_real_pictures():
    beating = Beating(BrokenAt(0, OutputError("full")))
    with beating.heart, pytest.raises(OutputError, match="full"):
        beating.write(0)


def test_what_comes_out_of_the_encoder_is_dark_and_can_be_decoded():
    fanout = Fanout()
    watching = Watching(fanout)
    encoder = VideoEncoder(info_of(WORLD), preset="ultrafast", wants_key=fanout.wants_key)
    with EncodingSink(encoder, fanout) as sink:
        beating = Beating(sink)
        beating.pass_by(1)
        beating.write(0)
        beating.pass_by(1)
        beating.write(1)
    pictures = watching.lumas()
    assert len(pictures) == 6
    real = [i for i, picture in enumerate(pictures) if picture.max() > BLACK]
    assert real == [2, 5]
    assert np.abs(pictures[5].astype(int) - WORLD.luma(1)).mean() < 12
