"""Notices: what happens to an agent, seen by looking at its status again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from agent.service.machine_notices import MachineNotices
from agent.service.notice import model_notice
from agent.service.stream_notices import StreamNotices

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from agent.service.notice import Notice
    from agent.telemetry.sensors import Readings
    from agent.telemetry.status import AgentStatus, ModelStatus


@final
class Notices:
    """Looks, once a second or so; no thread and no clock of its own.

    Args:
        hide: replaces secrets in a text.
    """

    def __init__(self, hide: Callable[[str], str]) -> None:
        self._hide = hide
        self._machine = MachineNotices()
        self._streams: dict[str, StreamNotices] = {}
        self._model: ModelStatus | None = None

    def look(
        self, status: AgentStatus, readings: Readings, keep_free: int | None, now_s: float
    ) -> Iterator[Notice]:
        """What happened since the last look.

        Args:
            keep_free: bytes that shall stay free on the disk of recordings; None: no such floor.
            now_s: a monotonic clock, seconds.
        """
        for name in self._streams.keys() - status.streams.keys():
            yield self._streams.pop(name).gone()
        for name, stream in status.streams.items():
            if name not in self._streams:
                self._streams[name] = StreamNotices(name, self._hide)
            yield from self._streams[name].look(stream, now_s)
        yield from self._machine.disk(status, keep_free, now_s)
        yield from self._machine.chip(readings, now_s)
        if self._model is not None and status.model != self._model:
            yield model_notice(status.model)
        self._model = status.model
