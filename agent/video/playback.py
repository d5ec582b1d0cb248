"""Playback: how a file is shown that somebody watches: pausing, stepping, seeking."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from collections.abc import Callable

_MOST_BEGUN = 16
"""So many beginnings are remembered. Chosen, not measured: more than lie in what is held back."""


@final
class Playback:
    """What was asked for, from any thread; the thread that reads the file obeys."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._paused = self._ended = False
        self._steps = 0
        self._seek_s: float | None = None
        self._missed = False
        self._begun_at_s: float | None = None
        self._begun: deque[tuple[float, float]] = deque(maxlen=_MOST_BEGUN)

    @property
    def paused(self) -> bool:
        """Whether it stands still."""
        return self._paused

    @property
    def ended(self) -> bool:
        """Whether it stands still because the last frame was given out."""
        return self._ended

    def pause(self) -> None:
        """Stand still behind the next frame."""
        with self._changed:
            self._paused, self._steps = True, 0

    def resume(self) -> None:
        """Go on with the next frame; from the beginning where the file has ended."""
        with self._changed:
            if self._ended:
                self._seek_s = 0.0
            self._paused = self._ended = False
            self._changed.notify_all()

    def end(self) -> None:
        """Stand still, for the file has ended."""
        with self._changed:
            self._paused = self._ended = True
            self._steps = 0

    def step(self) -> None:
        """One frame further, where it stands still."""
        with self._changed:
            self._steps += 1
            self._changed.notify_all()

    def seek(self, to_s: float) -> None:
        """On from the first frame at `to_s` or later; where it stands still, that one is given."""
        with self._changed:
            self._seek_s, self._steps, self._ended = to_s, 1, False
            self._begun_at_s, self._missed = None, False
            self._changed.notify_all()

    def wake(self) -> None:
        """Have a thread that waits see that its source was closed; the next source goes on."""
        with self._changed:
            self._changed.notify_all()

    def sought_s(self) -> float | None:
        """Where to go on, asked once for each `seek`; None: where it is."""
        with self._changed:
            sought_s, self._seek_s = self._seek_s, None
            return sought_s

    def began(self, at_s: float, position_s: float) -> None:
        """The file was begun again.

        Args:
            at_s: the time of the first frame from there, among those that are given out.
            position_s: where it lies in the file.
        """
        with self._changed:
            self._begun.append((at_s, position_s))
            if self._seek_s is None:
                self._begun_at_s = at_s
                self._changed.notify_all()

    def missed(self) -> None:
        """No frame is there where to go on was asked."""
        with self._changed:
            self._missed = self._seek_s is None
            self._changed.notify_all()

    def begun_at_s(self, most_s: float) -> float | None:
        """Wait for the file to be begun where the last `seek` said.

        Returns:
            the time of the first frame from there, among those that are given out; None where
            there is none, or none came within so many seconds.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._missed or self._begun_at_s is not None, most_s)
            return self._begun_at_s

    def position_s(self, at_s: float) -> float:
        """Where in the file a frame lies that was given out with such a time."""
        with self._changed:
            begun = [each for each in self._begun if each[0] <= at_s] or [(at_s, 0.0)]
        began_s, position_s = begun[-1]
        return position_s + at_s - began_s

    def wait_to_read(self, is_closed: Callable[[], bool]) -> None:
        """Wait for as long as it stands still and neither a step nor a seek was asked for.

        Args:
            is_closed: whether the source that asks was closed; `wake` has it asked again.
        """
        with self._changed:
            self._changed.wait_for(lambda: is_closed() or not self._paused or self._steps > 0)
            self._steps = max(0, self._steps - 1) if self._paused else 0

    def wait_to_show(self, most_s: float, is_closed: Callable[[], bool]) -> bool:
        """Wait until a frame's time has come; True where it is not to be given out any more."""
        with self._changed:
            self._changed.wait_for(lambda: is_closed() or self._seek_s is not None, most_s)
            return is_closed()
