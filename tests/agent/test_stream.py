"""One stream from source to sink, as a service runs it: for long, again and again."""

import threading

import numpy as np
import pytest
import worlds
from worlds import (
    BLACK,
    CLASSES,
    LEAK,
    Eyes,
    Gallery,
    Thing,
    World,
    grey_frame,
    leaks,
)

from agent.detect.pool import DetectorPool
from agent.errors import UsageError
from agent.frames.repairs import Repairs
from agent.hidden import Hidden
from agent.pipeline.run_journal import RunJournal
from agent.pipeline.window_journal import WindowJournal
from agent.redact.effect import Effect
from agent.redact.redactor import Redactor
from agent.settings import BlurSettings, Looking
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


class Unhurried(Camera):
    """Gives the next frame once somebody has taken the one before, so that none is dropped."""

    pipeline = None

    def __iter__(self):
        for frame in super().__iter__():
            yield frame
            worlds.until(lambda: not self.pipeline.queues["analyse"])


@pytest.mark.parametrize(
    ("latency", "live", "looks"),
    [
        ("auto", True, 4),
        ("short", True, 4),
        ("normal", True, 5),
        ("auto", False, 5),
        ("short", False, 5),
    ],
)
def test_looks_at_a_camera_are_never_further_apart_than_the_bound(
    world, pool, latency, live, looks
):
    """At 25 frames a second: five are 0.2 s, and `max_gap_s` is 0.17."""
    source, hiding, journal = Unhurried(world, 41), BlurSettings(effect="solid"), RunJournal()
    stream = Stream(
        source,
        pool.lane("gate", live=live),
        HIDDEN,
        hiding,
        Looking(every=5, latency=latency),
        redactor_of(source, hiding).redact,
        Passing(),
        journal,
        worlds.noop,
        keep_newest=live,
    )
    source.pipeline = stream.pipeline
    stream.run()
    apart = np.diff(sorted(journal.keyframes))
    assert apart.max() == looks


class Held(Eyes):
    """Sees nothing before it may."""

    def __init__(self, world):
        super().__init__(world)
        self.go = threading.Event()

    def detect(self, frame):
        assert self.go.wait(60)
        return super().detect(frame)


@pytest.mark.parametrize(
    ("latency", "live", "waiting"),
    [
        ("auto", True, 3),
        ("short", False, 3),
        ("auto", False, 6),
        ("normal", True, 6),
        ("low", True, 1),
    ],
)
def test_how_many_frames_wait_for_a_slow_detector(world, latency, live, waiting):
    """Of a camera, where nothing else is said, as many as have to; not one more for each worker."""
    detector, hiding = Held(world), BlurSettings(effect="solid")
    pool = DetectorPool(detector, 4, 60.0)
    source, sink = Camera(world, 40), Passing()
    stream = Stream(
        source,
        pool.lane("gate", live=live),
        HIDDEN,
        hiding,
        Looking(every=1, latency=latency),
        redactor_of(source, hiding).redact,
        sink,
        WindowJournal(),
        worlds.noop,
        keep_newest=live,
    )
    running = threading.Thread(target=stream.run)
    running.start()
    full = {"analyse": 4, "detect": waiting, "redact": 0, "encode": 0}
    try:
        worlds.until(lambda: stream.pipeline.queues == full)
    finally:
        detector.go.set()
        running.join(60)
        pool.close()
    assert sink.count + stream.pipeline.dropped == 40
    assert stream.pipeline.most_held_back <= {1: 0, 3: 4, 6: 40}[waiting]


PERSON, CAR = 0, 1


def hidden(*class_ids, score=0.25, sure=None):
    scores = dict.fromkeys(class_ids, score)
    return Hidden({i: CLASSES[i].name for i in class_ids}, scores, scores | (sure or {}))


@pytest.fixture
def seeing(street):
    pool = DetectorPool(Eyes(street), 2, 10.0)
    yield pool
    pool.close()


class Interfered(Camera):
    """A source in whose midst somebody changes what the stream does with it."""

    def __init__(self, world, changes, first=0, end=None):
        super().__init__(world, world.frames if end is None else end)
        self._changes, self._first, self.stream = changes, first, None

    def __iter__(self):
        for i in range(self._first, self._frames):
            if i in self._changes:
                self._changes[i](self.stream)
            yield self._world.frame(i)


class Album(Gallery):
    """What was shown, with its cover."""

    def __init__(self):
        super().__init__()
        self.covers = []

    def watch(self, _frame, cover):
        self.covers.append(cover)


def run(world, pool, what, changes=None, *, first=0, end=None, **settings):
    """A stream run to its end: what it showed, and what it asked the detector about."""
    settings = BlurSettings(**{"effect": "solid", "margin": 0.03} | settings)
    source, album, journal = Interfered(world, changes or {}, first, end), Album(), WindowJournal()
    stream = Stream(
        source,
        pool.lane("street"),
        what,
        settings,
        settings,
        redactor_of(source, settings).redact,
        album,
        journal,
        album.watch,
    )
    source.stream = stream
    stream.run()
    assert [frame.index for frame in album.shown] == list(range(first, end or world.frames))
    return album, journal


def labels(cover):
    return {outline.label for outline in cover.outlines}


def pictures(album):
    return [frame.planes[0] for frame in album.shown]


@pytest.mark.slow
@pytest.mark.parametrize("every", [1, 5, "auto"])
@pytest.mark.parametrize("latency", ["normal", "short", "low"])
def test_other_classes_are_hidden_from_a_frame_on_and_nothing_is_covered_whole(
    street, seeing, latency, every
):
    how = {"latency": latency, "every": every}
    album, _ = run(street, seeing, hidden(PERSON), {30: lambda s: s.set_hidden(hidden(CAR))}, **how)
    assert [cover.whole for cover in album.covers] == [None] * 60
    seen = [labels(cover) for cover in album.covers]
    switch = seen.index({"car"})
    assert 20 < switch <= 30  # a few frames wait to be looked at
    assert seen == [{"person"}] * switch + [{"car"}] * (60 - switch)
    tracks = [{outline.track for outline in cover.outlines} for cover in album.covers]
    assert max(set().union(*tracks[:switch])) < min(set().union(*tracks[switch:]))
    # Either side as if the other had not been: nothing is drawn from one to the other.
    before, _ = run(street, seeing, hidden(PERSON), end=switch, **how)
    after, _ = run(street, seeing, hidden(CAR), first=switch, **how)
    alone = pictures(before) + pictures(after)
    assert all(map(np.array_equal, pictures(album), alone))


@pytest.mark.slow
def test_changes_that_follow_each_other_closely_lose_no_frame(street, seeing):
    choices = [hidden(PERSON), hidden(CAR), hidden(PERSON, CAR)]
    changes = {
        i: lambda s, i=i: [s.set_hidden(choices[(i + k) % 3]) for k in range(3)]
        for i in range(1, 60, 2)
    }
    changes[59] = lambda s: s.set_hidden(choices[2])
    album, _ = run(street, seeing, hidden(PERSON, CAR), changes)
    assert [cover.whole for cover in album.covers] == [None] * 60
    assert all(labels(cover) for cover in album.covers)


def test_a_margin_grows_the_covers_that_follow(street, seeing):
    album, _ = run(street, seeing, hidden(PERSON), {50: lambda s: s.set_margin(0.5)})
    areas = [int((picture < BLACK).sum()) for picture in pictures(album)]
    assert min(areas[51:]) > 1.5 * max(areas[:5])
    assert leaks([np.where(picture > 215, 0, picture) for picture in pictures(album)]) == {}


def test_an_effect_changes_from_a_frame_on(street, seeing):
    white = Redactor(street.size, Effect.parse("solid:ffffff")).redact
    album, _ = run(street, seeing, hidden(PERSON, CAR), {50: lambda s: s.set_redactor(white)})
    black = [bool((picture < BLACK).any()) for picture in pictures(album)]
    switch = black.index(False)
    assert 10 < switch <= 50  # more wait to be certain than are let in at once
    assert black == [True] * switch + [False] * (60 - switch)
    things = [street.truth(i) for i in range(60)]
    assert all((p[t] < LEAK).all() for p, t in zip(pictures(album)[:switch], things, strict=False))
    assert all(
        (p[t] > 231).all() for p, t in zip(pictures(album)[switch:], things[switch:], strict=True)
    )


class Wavering(Eyes):
    """Believes in what it sees more or less, and tells what it believes enough, as a network does.

    Attributes:
        min_score: it tells nothing that it believes no more than this.
    """

    def __init__(self, world, min_score):
        super().__init__(world)
        self.min_score = min_score

    def detect(self, frame):
        found = super().detect(frame)
        beliefs = [(frame.index * 7919 + int(box[0]) * 31) % 97 / 97 for box in found.boxes]
        scores = np.array(beliefs, np.float32)
        told = type(found)(found.boxes, scores, found.classes, found.masks)
        return told.take(np.flatnonzero(scores > self.min_score))


@pytest.mark.slow
@pytest.mark.parametrize("latency", ["normal", "low"])
def test_streams_with_other_scores_on_one_detector_get_what_each_alone_would(street, latency):
    eager = hidden(PERSON, CAR, score=0.05, sure={PERSON: 0.25, CAR: 0.25})
    strict = hidden(PERSON, CAR, score=0.5, sure={PERSON: 0.7, CAR: 0.7})
    assert eager.weakest < strict.weakest / 5

    def shown(what, min_score):
        pool = DetectorPool(Wavering(street, min_score), 2, 10.0)
        album, _ = run(street, pool, what, every=2, latency=latency)
        pool.close()
        return pictures(album)

    for what in (eager, strict):
        alone, shared = shown(what, what.weakest), shown(what, eager.weakest)
        assert all(map(np.array_equal, alone, shared))
    assert not all(map(np.array_equal, shown(eager, 0.02), shown(eager, strict.weakest)))
