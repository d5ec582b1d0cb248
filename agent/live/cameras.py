"""BrowserCameras: opens a camera for each browser that wants to be one, so many at once."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, final

from agent.live.browser_camera import BrowserCamera
from agent.live.capacity import LEAST_FPS
from agent.live.show import BusyError

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.live.capacity import Capacity
    from agent.live.show import Answers, CameraHello
    from agent.live.showing import Analysis


_ROOMY = 2
"""Cameras that a detector looks at as often as it was asked to. Chosen, not measured: two at every third
of 30 frames a second ask a network of 26 ms for half of a core; five would ask for more than one."""


@final
class BrowserCameras:
    """See `agent.live.show.Cameras`. Each has a place, from `open` until all of it is let go of.

    Where there are many, all are looked at less often, as far as the longest interval allows. The
    first has a place however slow the machine is; another one where that leaves enough for each.

    Args:
        now: a monotonic clock, seconds.
    """

    def __init__(
        self,
        limit: int,
        analysis: Analysis,
        capacity: Capacity,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit, self._analysis, self._capacity, self._now = limit, analysis, capacity, now
        self._lock = threading.Lock()
        self._open: dict[int, BrowserCamera | None] = {}

    @property
    def limit(self) -> int:
        """How many at once."""
        return self._limit

    @property
    def clients(self) -> int:
        """How many there are."""
        with self._lock:
            return len(self._open)

    def open(self, hello: CameraHello, answers: Answers) -> BrowserCamera:
        """See `agent.live.show.Cameras`."""
        with self._lock:
            place = next((n for n in range(1, self._limit + 1) if n not in self._open), None)
            if place is None:
                raise BusyError(len(self._open), self._limit)
            names = [_name(each) for each in self._open]
            if names and not self._capacity.has_room(names):
                shown = f"{len(names)} camera{'s' if len(names) > 1 else ''}"
                why = f"one more would leave less than {LEAST_FPS:g} pictures a second for each"
                raise BusyError(len(names), self._limit, f"this machine shows {shown}; {why}")
            self._open[place] = None
        try:
            camera = BrowserCamera(
                _name(place),
                hello,
                answers,
                self._analysis,
                self._capacity,
                lambda: self._leave(place),
                self._now,
            )
        except BaseException:
            self._leave(place)
            raise
        with self._lock:
            if place in self._open:
                self._open[place] = camera
            self._share()
        return camera

    def close(self, why: str) -> None:
        """Close all that are open."""
        with self._lock:
            cameras = [camera for camera in self._open.values() if camera is not None]
        for camera in cameras:
            camera.close(why)

    def _leave(self, place: int) -> None:
        with self._lock:
            self._open.pop(place, None)
            self._share()

    def _share(self) -> None:
        analysis = self._analysis
        every = analysis.every if len(self._open) <= _ROOMY else analysis.crowded_every
        for camera in self._open.values():
            if camera is not None:
                camera.set_every(every)


def _name(place: int) -> str:
    return f"camera {place}"
