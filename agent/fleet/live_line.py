"""LiveLine: a part of a connection that many use."""

from __future__ import annotations

import queue
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol, final

from agent.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from agent.control.delivery import Message
    from agent.fleet.client import Happening


class Lines(Protocol):
    """Who has the connection."""

    @property
    def away(self) -> str:
        """Why there is none; empty: there is."""
        ...

    def send(self, line: LiveLine, message: Message, token: object) -> None:
        """Publish for a line; it is lost while there is no connection."""
        ...

    def add(self, line: LiveLine) -> None:
        """Let a line hear."""
        ...

    def remove(self, line: LiveLine) -> None:
        """Let a line hear no more."""
        ...


@final
class LiveLine:
    """A part of a connection: what comes is heard by all whom it concerns, answers to what is sent by one."""

    def __init__(self, lines: Lines, prefixes: tuple[str, ...]) -> None:
        self._lines, self._prefixes = lines, prefixes
        self._happenings: queue.SimpleQueue[Happening] = queue.SimpleQueue()

    def __enter__(self) -> LiveLine:
        self._lines.add(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._lines.remove(self)

    def hears(self, topic: str) -> bool:
        """Whether a message concerns it."""
        return topic.startswith(self._prefixes)

    def put(self, happening: Happening) -> None:
        """What is to be told here."""
        self._happenings.put(happening)

    def connect(self) -> None:
        """See `agent.fleet.client.Line`."""
        if away := self._lines.away:
            raise InputError(f"no connection to the broker: {away}")

    def publish(self, message: Message, token: object = None) -> None:
        """See `agent.fleet.client.Line`."""
        self._lines.send(self, message, token)

    def next(self, timeout_s: float) -> Happening | None:
        """See `agent.fleet.client.Line`."""
        try:
            return self._happenings.get(timeout=max(0.0, timeout_s))
        except queue.Empty:
            return None

    def waiting(self) -> Iterator[Happening]:
        """What has happened by now."""
        with suppress(queue.Empty):
            while True:
                yield self._happenings.get_nowait()
