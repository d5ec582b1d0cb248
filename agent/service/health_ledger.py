"""HealthLedger: how the model that runs does, of an agent's counts, which go on from model to model."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import astuple, dataclass, replace
from typing import TYPE_CHECKING, final

from agent.detect.ticket import FAULTS
from agent.update.ports import Health

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from agent.telemetry.status import StreamStatus

_EVERY_S = 1.0
"""How often counts are kept. Chosen, not measured: 1,200 of them are 200 kB."""


@dataclass(frozen=True, slots=True)
class _Counts:
    """As `Health` has them, of one stream or of all."""

    frames: int = 0
    whole: int = 0
    detections: int = 0
    objects: int = 0
    detect_s: float = 0.0

    @classmethod
    def of(cls, status: StreamStatus) -> _Counts:
        return cls(
            status.frames_out,
            sum(count for reason, count in status.whole.items() if reason in FAULTS),
            status.detections,
            status.covers,
            status.stage_s.get(("detect", "busy"), 0.0),
        )

    def __add__(self, other: _Counts) -> _Counts:
        return _Counts(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

    def __sub__(self, other: _Counts) -> _Counts:
        return _Counts(*(a - b for a, b in zip(astuple(self), astuple(other), strict=True)))


@final
class HealthLedger:
    """Adds up what streams do, and remembers what that was a while ago; from any thread.

    Args:
        streams: how they are now.
        now: a monotonic clock, seconds.
    """

    def __init__(
        self, streams: Callable[[], Mapping[str, StreamStatus]], now: Callable[[], float]
    ) -> None:
        self._streams, self._now = streams, now
        self._lock = threading.Lock()
        self._before: dict[str, _Counts] = {}
        self._sum = _Counts()
        self._known = deque([(now(), self._sum)])

    def begin(self) -> None:
        """Another model runs from now on."""
        with self._lock:
            self._look()
            self._known = deque([(self._now(), self._sum)])

    def begin_objects(self) -> None:
        """All that was hidden until now was seen by the model before, whose last frames have left."""
        with self._lock:
            self._look()
            began_s, then = self._known[0]
            self._known[0] = began_s, replace(then, objects=self._sum.objects)

    def look(self, window_s: float) -> None:
        """Keep the counts of now, if it is time; from time to time.

        Args:
            window_s: what is older is forgotten.
        """
        with self._lock:
            self._look()
            now_s = self._now()
            if now_s - self._known[-1][0] >= _EVERY_S:
                self._known.append((now_s, self._sum))
            while len(self._known) > 1 and self._known[1][0] <= now_s - window_s:
                self._known.popleft()

    def health(self, hung: int) -> Health:
        """Of the model that runs now.

        Args:
            hung: detections of it that hung.
        """
        with self._lock:
            self._look()
            began_s, then = self._known[0]
            grown = self._sum - then
            return Health(
                ran_s=self._now() - began_s,
                frames=grown.frames,
                whole=grown.whole,
                detections=grown.detections,
                objects=grown.objects,
                detect_s=grown.detect_s,
                hung=hung,
                unseen_s=self._unseen_s(),
            )

    def _unseen_s(self) -> float:
        """As long as any stretch of what is known in which no object was added, to a second."""
        longest_s, (since_s, objects) = 0.0, (self._known[0][0], self._known[0][1].objects)
        for at_s, counts in (*self._known, (self._now(), self._sum)):
            if counts.objects == objects:
                longest_s = max(longest_s, at_s - since_s)
            else:
                since_s, objects = at_s, counts.objects
        return longest_s

    def _look(self) -> None:
        """Add what has come; a stream that was taken out and put in again counts anew."""
        now = {name: _Counts.of(status) for name, status in self._streams().items()}
        for name, counts in now.items():
            before = self._before.get(name, _Counts())
            is_anew = counts.frames < before.frames or counts.detections < before.detections
            self._sum += counts if is_anew else counts - before
        self._before = now
