"""From frames to what must be hidden in each: detect a few, follow, fill in the rest.

A frame leaves only once every keyframe that could still change its cover has been seen. Order:

1. The first frame, every Nth after it, both sides of a scene cut or a pause, one after which the
   next came too late, and the last are keyframes; without look-ahead, of these only the first
   frame, every Nth and the first after a cut or a pause.
2. Results are taken in by rising index, however the workers finish.
3. What a frame needs to be vouched for, and to leave, is `agent.pipeline.certainty`'s rule.
4. Frames' indices rise, but some may be missing: a live source's newer frames push out older ones.
5. When a live source falls silent, its newest frame becomes a keyframe and all leave.
"""

from __future__ import annotations

import threading
from bisect import insort
from typing import TYPE_CHECKING

import numpy as np

from agent.frames.cover import Cover, PlacedOutline
from agent.pipeline.certainty import Certainty, Settled
from agent.pipeline.keyframes import CutFinder, needs_another
from agent.pipeline.next_keyframe import NextKeyframe
from agent.pipeline.rhythm import MOST_OPEN
from agent.pipeline.rising_time import RisingTime
from agent.pipeline.silence import Silence
from agent.pipeline.waiting import Ask, Line, View, Waiting
from agent.track.camera import Camera
from agent.track.extrapolate import extrapolated
from agent.track.interpolate import interpolated
from agent.track.placed import Moment
from agent.track.tracker import Keyframe
from models.outline import lies_outside, longer_side

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from agent.detect.lane import Lane
    from agent.frames.frame import Frame
    from agent.pipeline.rhythm import Rhythm
    from agent.stage_clock import StageClock
    from agent.track.tracker import Tracker


class Analyst:
    """Turns a stream of frames into covers, one for each, in order.

    Args:
        size: width, height that every frame should have; others are covered whole.
        labels: class names by class id.
        margin: growth of every outline, share of its longer side.
        on_keyframe: called with the index of every frame that the detector is asked about.

    Attributes:
        margin: may be set while it runs, from any thread.
        waited_s: how long the analysis had nothing to do but wait for the detector.
        held_back: frames that came after the first of those that left last, before it left.
        most_held_back: the most that ever did.
    """

    def __init__(
        self,
        lane: Lane,
        tracker: Tracker,
        rhythm: Rhythm,
        size: tuple[int, int],
        labels: Mapping[int, str],
        margin: float,
        on_keyframe: Callable[[int], None],
    ) -> None:
        self._rhythm, self._size = rhythm, size
        self._wanted = self._taken = self._settled = View(lane, tracker, labels)
        self._exchange = threading.Lock()
        self._lanes, self._clocks = [lane], [lane.clock]
        self._closed = False
        self.waited_s = 0.0
        self.held_back = self.most_held_back = 0
        self.margin = margin
        self._on_keyframe = on_keyframe
        self._cuts, self._camera, self._times = CutFinder(), Camera(), RisingTime()
        self._waiting = Line()
        self._asks: list[Ask] = []
        self._certainty = Certainty(look_ahead=rhythm.look_ahead)
        self._next_keyframe, self._silence = NextKeyframe(rhythm), Silence()
        self._scene = 0
        self._last_keyframe = -1

    @property
    def clock(self) -> StageClock:
        """Where the detector's time went so far, of all lanes that there were."""
        first, *others = self._clocks
        return sum(others, first)

    @property
    def workers(self) -> int:
        """How many detections run at once."""
        return self._taken.lane.workers

    @property
    def waiting(self) -> int:
        """Frames that wait for a keyframe's result."""
        return len(self._waiting)

    def look_for(
        self, tracker: Tracker, labels: Mapping[int, str], lane: Lane | None = None
    ) -> None:
        """Look for other classes, or by another detector; callable from any thread.

        The next frame begins a scene: those before are covered as if this had not been called,
        and none has to be covered whole for it.

        Args:
            tracker: a new one, whose track numbers go on after those given so far.
            lane: of another detector; the one before is closed once all of its frames have left.
        """
        with self._exchange:
            before = self._wanted
            self._wanted = View(lane or before.lane, tracker, labels)
            if before.lane is not self._taken.lane and lane is not None:  # no frame ever saw it
                before.lane.close()
            if self._closed:
                self._wanted.lane.close()

    def close(self) -> None:
        """Close all lanes; those of frames that come now are a fault at once."""
        with self._exchange:
            self._closed = True
            for lane in (*self._lanes, self._wanted.lane):
                lane.close()

    @property
    def silence_s(self) -> float:
        """Seconds without a frame after which a live source is silent."""
        return self._silence.after_s

    def run(self, frames: Iterable[Frame | None]) -> Iterator[tuple[Frame, Cover]]:
        """Every frame once, in order, with its cover.

        Args:
            frames: None where none came for `silence_s`.
        """
        for frame in frames:
            if frame is None:
                yield from self._all_that_wait()
                continue
            self._take(frame)
            while self._asks and (self._asks[0].ticket.done.is_set() or self._must_wait(frame)):
                yield from self._settle()
            yield from self._leaving()
        yield from self._all_that_wait()

    def _all_that_wait(self) -> Iterator[tuple[Frame, Cover]]:
        """Nothing that comes soon can say more of these frames."""
        self._ask_last()
        while self._asks:
            yield from self._settle()
        yield from self._leaving(ended=True)

    def _must_wait(self, newest: Frame) -> bool:
        """Whether the earliest question is answered before another frame is taken in.

        Else as many stay open as give every worker one to go on with.
        """
        if not self._rhythm.look_ahead or self._unfit(newest):
            return True
        if self._rhythm.prompt:
            return len(self._waiting) - self._waiting.at(self._asks[0].index) > MOST_OPEN
        return len(self._asks) > self._taken.lane.workers + 1

    def _unfit(self, frame: Frame) -> str | None:
        """Why there is no use in looking at a frame, and none in linking those around it."""
        if frame.size != self._size:
            return "resolution change"
        return "damaged stream" if frame.suspect else None

    def _take(self, frame: Frame) -> None:
        """Put a frame in line, and ask the detector about it where it is a keyframe."""
        unfit, before, view = self._unfit(frame), self._taken, self._look_by_what_is_wanted()
        time_s = self._times.of(frame)
        self._silence.note(time_s)
        opens = bool(unfit) or self._cuts.is_cut(frame) or frame.opens_scene
        opens = opens or view is not before
        if opens or self._next_keyframe.is_late(time_s):
            self._ask_last()
        if opens:
            self._scene += 1
            self._next_keyframe.look_at_once()
        moment = Moment(frame.index, time_s, self._camera.follow(frame))
        waiting = Waiting(frame, self._scene, moment, view)
        self._waiting.append(waiting)
        if self._next_keyframe.is_due(frame.index, moment.time_s) and not unfit:
            self._ask(waiting)

    def _look_by_what_is_wanted(self) -> View:
        """What is looked for from this frame on."""
        with self._exchange:
            view = self._taken = self._wanted
            if view.lane is not self._lanes[-1]:
                self._lanes.append(view.lane)
                self._clocks.append(view.lane.clock)
            return view

    def _ask(self, waiting: Waiting) -> None:
        index = waiting.frame.index
        insort(self._asks, Ask(index, waiting, waiting.view.lane.submit(waiting.frame)))
        self._last_keyframe = max(self._last_keyframe, index)
        self._next_keyframe.note(index, waiting.moment.time_s)
        self._on_keyframe(index)

    def _ask_last(self) -> None:
        """Make the newest frame a keyframe: nothing soon after it can say what is in it."""
        if not self._waiting or not self._rhythm.look_ahead:
            return
        last = self._waiting[-1]
        if last.frame.index > self._last_keyframe and not self._unfit(last.frame):
            self._ask(last)

    def _settle(self) -> Iterator[tuple[Frame, Cover]]:
        """Take in the result of the earliest keyframe, or look closer before it first.

        What may leave then does so before the next result is taken in, so that covers never
        depend on how fast the detector was.
        """
        ask = self._asks[0]
        tracker = self._tracker_for(ask)
        lane, ticket = ask.waiting.view.lane, ask.ticket
        waited_s = lane.waited_s
        lane.wait(ticket)
        self.waited_s += lane.waited_s - waited_s
        if ticket.fault is None:
            moment = ask.waiting.moment
            found = tuple(
                s.in_scene(moment.scene_at, self._size, moment.time_s) for s in ticket.sightings
            )
            middle = self._middle(ask)
            if middle is not None and needs_another(tracker, ask.index, found):
                self._ask(middle)
                return
            last = self._certainty.last
            opens = last is None or last.scene != ask.scene
            tracker.update(Keyframe(ask.index, moment.time_s, ask.scene, found, opens))
        if not self._rhythm.look_ahead:
            self._next_keyframe.learn(tracker, ticket.fault)
        self._certainty.settle(Settled(ask.index, ask.scene, ticket.fault))
        del self._asks[0]
        yield from self._leaving()

    def _tracker_for(self, ask: Ask) -> Tracker:
        """What a keyframe's result goes to; all frames of the view before have left by now."""
        view = ask.waiting.view
        if view is not self._settled:
            view.tracker.born = self._settled.tracker.born
            self._settled = view
            while self._lanes[0] is not view.lane:
                self._lanes.pop(0).close()
        return view.tracker

    def _middle(self, ask: Ask) -> Waiting | None:
        """The frame half-way to the keyframe before, where there is one to look at."""
        last = self._certainty.last
        if not self._rhythm.adaptive or not self._rhythm.look_ahead or last is None:
            return None
        if last.fault is not None or last.scene != ask.scene:
            return None
        return self._waiting.between(last.index, ask.index)

    def _leaving(self, *, ended: bool = False) -> Iterator[tuple[Frame, Cover]]:
        """Frames whose cover is certain."""
        if self._waiting and self._is_certain(self._waiting[0]):
            self.held_back = len(self._waiting) - 1
            self.most_held_back = max(self.most_held_back, self.held_back)
        while self._waiting and (ended or self._is_certain(self._waiting[0])):
            waiting = self._waiting.popleft()
            cover = self._cover(waiting)
            self._forget(waiting.frame.index)
            yield waiting.frame, cover
            del waiting, cover

    def _is_certain(self, waiting: Waiting) -> bool:
        open_scene = self._asks[0].scene if self._asks else None
        return bool(self._unfit(waiting.frame)) or self._certainty.may_leave(
            waiting.frame.index, waiting.scene, self._scene, open_scene
        )

    def _cover(self, waiting: Waiting) -> Cover:
        frame = waiting.frame
        fault = self._unfit(frame) or self._certainty.fault(frame.index, waiting.scene)
        if fault is not None:
            return Cover.all_of_it(fault)
        return Cover(tuple(self._outlines(waiting)))

    def _outlines(self, waiting: Waiting) -> Iterator[PlacedOutline]:
        placed = interpolated if self._rhythm.look_ahead else extrapolated
        at = np.concatenate((waiting.moment.scene_at, waiting.moment.scene_at))
        labels = waiting.view.labels
        for found in placed(waiting.view.tracker, waiting.moment):
            bounds = found.bounds + at
            grow_px = found.grow_px + self.margin * longer_side(bounds)
            if not lies_outside(bounds, grow_px, self._size):
                track = found.track
                label = labels.get(track.class_id, "")
                also = tuple(labels[class_id] for class_id in sorted(track.also))
                yield PlacedOutline(bounds, found.field, grow_px, track.number, label, also)

    def _forget(self, index: int) -> None:
        """Drop what lies behind the frames that wait, so that a stream can run for months."""
        if self._certainty.forget(index):
            self._settled.tracker.forget(self._certainty.first_index)
