"""One stream from source to sink, as a service runs it: for long, again and again."""

import pytest
import worlds
from worlds import CLASSES, Eyes, Gallery, Thing, World, grey_frame

from agent.detect.pool import DetectorPool
from agent.errors import UsageError
from agent.frames.repairs import Repairs
from agent.hidden import Hidden
from agent.pipeline.window_journal import WindowJournal
from agent.settings import BlurSettings
from agent.stream import Stream, redactor_of

SCORES = {spec.id: 0.25 for spec in CLASSES}
HIDDEN = Hidden({spec.id: spec.name for spec in CLASSES}, SCORES, SCORES)


class Camera:
    """A source of so many frames of a world that repeats itself."""

    def __init__(self, world, frames):
        self._world, self._frames = world, frames
        self.info = worlds.info_of(world)
        self.damaged = self.deinterlaced = self.resized = 0
        self.left_out, self.repairs = (), Repairs()

    def __iter__(self):
        for i in range(self._frames):
            yield grey_frame(self._world.luma(i % self._world.frames), i)

    def close(self):
        pass


class Passing(Gallery):
    """Counts what is shown, and lets it go."""

    count = 0

    def write(self, _frame):
        self.count += 1


@pytest.fixture
def world():
    return World(Thing(lambda i: (10 + 2 * (i % 40), 8)), frames=40, size=(96, 48))


@pytest.fixture
def pool(world):
    pool = DetectorPool(Eyes(world), 2, 10.0)
    yield pool
    pool.close()


def stream_of(world, pool, frames, journal, sink):
    settings, source = BlurSettings(every=5, effect="solid"), Camera(world, frames)
    show = redactor_of(source, settings).redact
    lane = pool.lane("gate")
    stream = Stream(source, lane, HIDDEN, settings, settings, show, sink, journal, worlds.noop)
    return stream, lane


def held(journal):
    return len(journal.hidden), len(journal.tracks), len(journal.loads) > 0, dict(journal.whole)


@pytest.mark.slow
def test_a_journal_of_a_window_is_as_large_after_twice_as_many_frames(world, pool):
    sizes = []
    for frames in (1500, 3000):
        journal, sink = WindowJournal(window_frames=100), Passing()
        stream, _ = stream_of(world, pool, frames, journal, sink)
        stream.run()
        assert journal.frames == sink.count == frames
        assert journal.keyframes >= frames / 5
        sizes.append(held(journal))
    assert sizes[0][0] == sizes[1][0] == 100
    assert sizes[0] == sizes[1]


def test_a_stream_that_ends_leaves_nothing_in_the_pool(world, pool):
    for _ in range(20):
        stream, lane = stream_of(world, pool, 12, WindowJournal(), Passing())
        stream.run()
        assert lane.wait(lane.submit(world.frame(0))).fault == "detector closed"
    assert pool._schedule._lanes == []


def test_its_rhythm_is_checked_like_a_setting(world, pool):
    journal = WindowJournal()
    stream, _ = stream_of(world, pool, 50, journal, Passing())
    with pytest.raises(UsageError, match="or auto"):
        stream.set_every(10_000)
    stream.set_every(1)
    stream.run()
    assert journal.keyframes == 50
