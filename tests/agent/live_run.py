"""A camera, what keeps its newest frames, one detector and the analysis, in a time of their own."""

from __future__ import annotations

import dataclasses
from collections import deque
from fractions import Fraction

from worlds import Eyes, HandClock

from agent.detect.lane import Lane
from agent.detect.schedule import Schedule
from agent.detect.ticket import Result, Ticket
from agent.frames.sighting import sightings_of
from agent.pipeline.analyst import Analyst
from agent.pipeline.channel import Channel
from agent.stage_clock import StageClock
from agent.track.tracker import Tracker


class LiveRun(Lane):
    """In one thread: time passes while the analysis waits, for a frame or for the detector.

    Args:
        times_s: when the frames of the world come; as many as there are.
        detect_s: how long a detection takes; one runs at a time.
        of_cover: what is kept of the cover of what left; all of it unless told otherwise.

    Attributes:
        left: index, cover and delay of what left, in order.
        keyframes: indices of what the detector was asked about.
        silences: how often nothing came for too long.
        last_s: when the last frame left.
        analyst: of what left.
    """

    def __init__(self, world, times_s, rhythm, detect_s, of_cover=lambda cover: cover):
        super().__init__(Schedule(20.0, HandClock()), "camera", 1, lambda: None)
        self._world, self._eyes, self._detect_s = world, Eyes(world), detect_s
        self._times_s, self._coming = times_s, deque(range(len(times_s)))
        self._now_s = self._put_s = self._free_s = self.last_s = 0.0
        self._under_way = deque()
        self.channel = Channel(4, *map(StageClock, ("decode", "analyse")), lambda _: True)
        self.left, self.keyframes, self.silences = [], [], 0
        self.analyst = Analyst(
            self, Tracker((0,), {0: 0.25}), rhythm, world.size, {}, 0.0, self.keyframes.append
        )
        for frame, cover in self.analyst.run(self._frames()):
            self.left.append((frame.index, of_cover(cover), self._now_s - times_s[frame.index]))
            self.last_s = self._now_s

    def submit(self, frame):
        ticket = Ticket(frame)
        self._free_s = max(self._free_s, self._now_s) + self._detect_s
        self._under_way.append((self._free_s, ticket))
        return ticket

    def wait(self, ticket):
        while not ticket.done.is_set():
            self._pass_until(self._under_way[0][0])
        return ticket

    def _frames(self):
        """As the pipeline hands them over."""
        reader, silent = iter(self.channel), True
        while len(self.channel) or self._coming or not silent:
            if not len(self.channel):
                silent_s = self._put_s + self.analyst.silence_s
                comes_s = self._times_s[self._coming[0]] if self._coming else float("inf")
                if not silent and silent_s < comes_s:
                    self._pass_until(silent_s)
                    silent, self.silences = True, self.silences + 1
                    yield None
                    continue
                self._pass_until(comes_s)
            silent = False
            yield next(reader)

    def _pass_until(self, at_s):
        """Let come and end what does until then."""
        while self._coming and self._times_s[self._coming[0]] <= at_s:
            index = self._coming.popleft()
            self._put_s = self._times_s[index]
            pts = round(self._put_s * 10**9)
            frame = self._world.frame(index)
            self.channel.put(dataclasses.replace(frame, pts=pts, time_base=Fraction(1, 10**9)))
        while self._under_way and self._under_way[0][0] <= at_s:
            _, ticket = self._under_way.popleft()
            found = self._eyes.detect(ticket.frame)
            ticket.settle(Result(tuple(sightings_of(found, ticket.frame.index))))
        self._now_s = max(self._now_s, at_s)
