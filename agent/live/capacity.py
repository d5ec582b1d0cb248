"""Capacity: whether one camera more leaves enough for each, by what pictures cost lately."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from agent.live.tally import WINDOW_S

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

LEAST_FPS = 10.0
"""Pictures a second that each camera gets at least. Chosen: design of live display."""
_FEWEST = 30
"""Pictures from which their cost is known. Chosen, not measured: of fewer the first, with decoders and
encoders that open, are too large a part."""


@dataclass(frozen=True, slots=True)
class _Picture:
    camera: str
    at_s: float
    spent_s: float
    looked_s: float


@final
class Capacity:
    """Of the machine that all cameras share; any thread may tell and ask.

    A picture costs what was used since the one before: of the CPU, or of the detector, whichever is
    closer to its end. A network on a GPU uses little of the first, codecs nothing of the second.

    Args:
        cores: that this process may use.
        spent_s: CPU seconds of this process so far, over all of them.
        now: a monotonic clock, seconds.
    """

    def __init__(
        self,
        cores: int,
        spent_s: Callable[[], float] = time.process_time,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cores, self._spent_s, self._now = cores, spent_s, now
        self._lock = threading.Lock()
        self._pictures: deque[_Picture] = deque()

    def shown(self, camera: str, looked_s: float) -> None:
        """A camera's picture went out.

        Args:
            camera: its name.
            looked_s: seconds that the detector's workers looked for that camera since its picture
                before, each on average.
        """
        with self._lock:
            now_s = self._now()
            self._pictures.append(_Picture(camera, now_s, self._spent_s(), looked_s))
            self._forget(now_s)

    def has_room(self, cameras: Collection[str]) -> bool:
        """Whether one more gets `LEAST_FPS`, and these as many, or what they get now if that is less.

        Cameras that are slow by themselves, in the dark, keep nobody out of a machine that is idle.
        True where little was shown lately, so that what it costs is not known.

        Args:
            cameras: names of those that are open. Who has shown nothing yet is to get `LEAST_FPS`.
        """
        with self._lock:
            now_s = self._now()
            self._forget(now_s)
            pictures = list(self._pictures)
        if len(pictures) <= _FEWEST:
            return True
        cpu_s = (pictures[-1].spent_s - pictures[0].spent_s) / self._cores
        used_s = max(cpu_s, sum(each.looked_s for each in pictures[1:]))
        shown_s: dict[str, list[float]] = {camera: [] for camera in cameras}
        for each in pictures:
            shown_s.get(each.camera, []).append(each.at_s)
        wanted_fps = LEAST_FPS + sum(_needed_fps(times, now_s) for times in shown_s.values())
        return wanted_fps * used_s <= len(pictures) - 1

    def _forget(self, now_s: float) -> None:
        while self._pictures and self._pictures[0].at_s < now_s - WINDOW_S:
            self._pictures.popleft()


def _needed_fps(shown_s: list[float], now_s: float) -> float:
    """What a camera has to get at least: all that it shows, or `LEAST_FPS`."""
    over_s = now_s - shown_s[0] if shown_s else 0.0
    return min(LEAST_FPS, len(shown_s) / over_s) if over_s > 0 else LEAST_FPS
