"""From frames to what must be hidden in each: detect a few, follow, fill in the rest.

A frame leaves only once every keyframe that could still change its cover has been seen. Order:

1. The first frame, every Nth after it, both sides of a scene cut, and the last are keyframes;
   without look-ahead, a cut's first frame and no last one.
2. Results are taken in by rising index, however the workers finish.
3. A frame between two keyframes needs both to be good; a keyframe needs itself. Else it is
   covered whole.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right, insort
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from agent.frames.cover import Cover, Patch
from agent.pipeline.keyframes import CutFinder, needs_another, next_interval
from agent.track.camera import Camera
from agent.track.interpolate import placements
from agent.track.tracker import LOOK_BACK, Keyframe
from models.outline import longer_side, render

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from agent.detect.lane import Lane
    from agent.detect.ticket import Ticket
    from agent.frames.frame import Frame
    from agent.stage_clock import StageClock
    from agent.track.tracker import Tracker

LOOK_AHEAD = LOOK_BACK + 1
"""Keyframes after a frame that can still change its cover."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """When the detector looks.

    Attributes:
        every: frames from one keyframe to the next; the most of them where `adaptive`.
        adaptive: look again between two keyframes where objects moved much.
        look_ahead: let frames wait for later keyframes; without it they are extrapolated.
    """

    every: int
    adaptive: bool = False
    look_ahead: bool = True


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A frame that has not left.

    Attributes:
        at: where the scene lies in it, float64 [2] x y, pixels.
    """

    frame: Frame
    scene: int
    at: npt.NDArray[np.float64]


@dataclass(order=True, slots=True)
class _Ask:
    index: int
    waiting: _Waiting = field(compare=False)
    ticket: Ticket = field(compare=False)

    @property
    def scene(self) -> int:
        return self.waiting.scene


@dataclass(frozen=True, slots=True)
class _Settled:
    index: int
    scene: int
    fault: str | None


class Analyst:
    """Turns a stream of frames into covers, one for each, in order.

    Args:
        size: width, height that every frame should have; others are covered whole.
        labels: class names by class id.
        margin: growth of every outline, share of its longer side.

    Attributes:
        keyframes: indices of the frames that the detector was asked about.
    """

    def __init__(
        self,
        lane: Lane,
        tracker: Tracker,
        rhythm: Rhythm,
        size: tuple[int, int],
        labels: Mapping[int, str],
        margin: float,
    ) -> None:
        self._lane, self._tracker, self._rhythm = lane, tracker, rhythm
        self._size, self._labels, self._margin = size, labels, margin
        self._cuts, self._camera = CutFinder(), Camera()
        self._waiting: deque[_Waiting] = deque()
        self._asks: list[_Ask] = []
        self._settled: list[_Settled] = []
        self._scene = 0
        self._due = 0
        self._newest = -1
        self.keyframes: array[int] = array("Q")

    @property
    def clock(self) -> StageClock:
        """Where the detector's time went."""
        return self._lane.clock

    @property
    def workers(self) -> int:
        """How many detections run at once."""
        return self._lane.workers

    @property
    def waited_s(self) -> float:
        """How long the analysis had nothing to do but wait for the detector."""
        return self._lane.waited_s

    def run(self, frames: Iterable[Frame]) -> Iterator[tuple[Frame, Cover]]:
        """Every frame once, in order, with its cover."""
        for frame in frames:
            self._take(frame)
            while len(self._asks) > self._in_flight(frame):
                self._settle()
            yield from self._leaving()
        if self._waiting:
            self._ask_last()
        while self._asks:
            self._settle()
        yield from self._leaving(ended=True)

    def _in_flight(self, newest: Frame) -> int:
        """Questions that may stay open, so that every worker has one to go on with."""
        if not self._rhythm.look_ahead or self._unfit(newest):
            return 0
        return self._lane.workers + 1

    def _unfit(self, frame: Frame) -> str | None:
        """Why there is no use in looking at a frame, and none in linking those around it."""
        if frame.size != self._size:
            return "resolution change"
        return "damaged stream" if frame.suspect else None

    def _take(self, frame: Frame) -> None:
        """Put a frame in line, and ask the detector about it where it is a keyframe."""
        unfit = self._unfit(frame)
        if unfit or self._cuts.is_cut(frame):
            self._ask_last()
            self._scene += 1
            self._due = frame.index
        waiting = _Waiting(frame, self._scene, self._camera.follow(frame))
        self._waiting.append(waiting)
        if frame.index >= self._due and not unfit:
            self._ask(waiting)
            self._due = frame.index + self._rhythm.every

    def _ask(self, waiting: _Waiting) -> None:
        index = waiting.frame.index
        insort(self._asks, _Ask(index, waiting, self._lane.submit(waiting.frame)))
        self._newest = max(self._newest, index)
        self.keyframes.append(index)

    def _ask_last(self) -> None:
        """Make the newest frame a keyframe: nothing after it can say what is in it."""
        if not self._waiting or not self._rhythm.look_ahead:
            return
        last = self._waiting[-1]
        if last.frame.index > self._newest and not self._unfit(last.frame):
            self._ask(last)

    def _settle(self) -> None:
        """Take in the result of the earliest keyframe, or look closer before it first."""
        ask = self._asks[0]
        ticket = self._lane.wait(ask.ticket)
        if ticket.fault is None:
            found = tuple(s.in_scene(ask.waiting.at, self._size) for s in ticket.sightings)
            middle = self._middle(ask)
            if middle is not None and needs_another(self._tracker, ask.index, found):
                self._ask(middle)
                return
            opens = not self._settled or self._settled[-1].scene != ask.scene
            self._tracker.update(Keyframe(ask.index, ask.scene, found, opens))
        if self._rhythm.adaptive and not self._rhythm.look_ahead:
            most = self._rhythm.every if ticket.fault is None else 1
            self._due = ask.index + next_interval(self._tracker, most)
        self._settled.append(_Settled(ask.index, ask.scene, ticket.fault))
        del self._asks[0]

    def _middle(self, ask: _Ask) -> _Waiting | None:
        """The frame half-way to the keyframe before, where there is one to look at."""
        last = self._settled[-1] if self._settled else None
        if not self._rhythm.adaptive or not self._rhythm.look_ahead or last is None:
            return None
        if last.fault is not None or last.scene != ask.scene or ask.index - last.index < 2:
            return None
        middle = (last.index + ask.index) // 2
        return self._waiting[middle - self._waiting[0].frame.index]

    def _leaving(self, *, ended: bool = False) -> Iterator[tuple[Frame, Cover]]:
        """Frames whose cover is certain."""
        while self._waiting and (ended or self._is_certain(self._waiting[0])):
            waiting = self._waiting.popleft()
            cover = self._cover(waiting)
            self._forget(waiting.frame.index)
            yield waiting.frame, cover
            del waiting, cover

    def _is_certain(self, waiting: _Waiting) -> bool:
        frame, scene = waiting.frame, waiting.scene
        if not self._rhythm.look_ahead or self._unfit(frame):
            return True
        if scene < self._scene and (not self._asks or self._asks[0].scene > scene):
            return True
        later = bisect_right(self._settled, frame.index, key=lambda s: s.index)
        return len(self._settled) - later >= LOOK_AHEAD

    def _cover(self, waiting: _Waiting) -> Cover:
        frame = waiting.frame
        fault = self._unfit(frame) or self._fault(frame.index, waiting.scene)
        if fault is not None:
            return Cover.all_of_it(fault)
        return Cover(tuple(self._patches(waiting)))

    def _fault(self, index: int, scene: int) -> str | None:
        """Why the keyframes around a frame can't vouch for it."""
        after = bisect_left(self._settled, index, key=lambda s: s.index)
        if after < len(self._settled) and self._settled[after].index == index:
            return self._settled[after].fault
        if after == 0:
            return "no keyframe"
        before = self._settled[after - 1]
        if before.fault or before.scene != scene:
            return before.fault or "no keyframe"
        if not self._rhythm.look_ahead:
            return None
        if after == len(self._settled) or self._settled[after].scene != scene:
            return "no keyframe"
        return self._settled[after].fault

    def _patches(self, waiting: _Waiting) -> Iterator[Patch]:
        at = np.tile(waiting.at, 2)
        for placed in placements(self._tracker, waiting.frame.index):
            grow_px = placed.grow_px + self._margin * longer_side(placed.bounds)
            painted = render(placed.bounds + at, placed.field, grow_px, self._size)
            if painted is not None:
                track = placed.track
                yield Patch(*painted, track.number, self._labels.get(track.class_id, ""))

    def _forget(self, index: int) -> None:
        """Drop what lies behind the frames that wait, so that a stream can run for months."""
        behind = bisect_right(self._settled, index, key=lambda s: s.index) - LOOK_AHEAD
        if behind > 0:
            del self._settled[:behind]
            self._tracker.forget(self._settled[0].index)
