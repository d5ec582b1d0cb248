"""Pauses: the overrides that hold now, kept over restarts."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from agent.service.override_file import OverrideFile
    from agent.service.overrides import Overrides


@final
class Pauses:
    """Changed on the agent's main thread, read on any.

    Args:
        now: Unix time; None while the clock is not to be believed.

    Attributes:
        overrides: those that hold.
    """

    def __init__(self, file: OverrideFile, now: Callable[[], float | None]) -> None:
        self._file, self._now = file, now
        self.overrides: Overrides = file.load()

    @property
    def streams(self) -> frozenset[str]:
        """Names of those that are paused now."""
        return frozenset(self.overrides.paused)

    def pause(self, streams: Collection[str], until: float | None) -> bool:
        """Pause these; whether it outlives the process."""
        return self._change(self.overrides.pause(streams, until))

    def resume(self, streams: Collection[str]) -> bool:
        """Resume these; whether it outlives the process."""
        return self._change(self.overrides.resume(streams))

    def tick(self, streams: Collection[str]) -> None:
        """Let go of what is over, once a second or so; `streams` are those that there are."""
        current = self.overrides.current(self._now(), streams)
        if current != self.overrides:
            self._change(current)

    def _change(self, overrides: Overrides) -> bool:
        self.overrides = overrides
        return self._file.save(overrides)
