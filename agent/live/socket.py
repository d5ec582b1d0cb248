"""Socket: a web socket that knows when it was last heard of, and how much waits in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from websockets.asyncio.server import ServerConnection
from websockets.frames import Frame, Opcode
from websockets.protocol import State

from agent.live.admission import Pace
from agent.live.wire import WireError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterable

    from websockets.http11 import Request
    from websockets.protocol import Event

_MOST_UNSENT = 2 << 20
"""Bytes; beyond it, a client asks for answers and doesn't read them. Chosen, not measured: what is
sent by us waits until little is left, pongs don't."""
_SLICE = 4096
"""Bytes that are read at once: 680 of the smallest frames. Of 43,000 at once, in the 256 KiB that a
socket gives, others' pictures came 1.3 s late."""


class Socket(ServerConnection):
    """As websockets has it, with limits of ours.

    Args:
        sockets: all that are connected, which this one adds itself to and leaves.
        most: TCP connections in all; one that is too many is cut off.
        frames_per_s: of what is sent, pings included; whoever sends more is cut off.

    Attributes:
        heard_at: when something last came, by the event loop's clock.
        take: gets each binary message as soon as it is there; must not raise. None: `recv` gets it.
    """

    def __init__(
        self,
        *args: Any,
        sockets: set[Socket],
        most: int,
        frames_per_s: float,
        **settings: Any,
    ) -> None:
        super().__init__(*args, **settings)
        self._sockets, self._most = sockets, most
        self._pace = Pace(frames_per_s, "frames", self.loop.time)
        self.heard_at = self.loop.time()
        self.take: Callable[[bytes], None] | None = None
        self._part: bytearray | None = None

    @property
    def flows(self) -> bool:
        """Whether what is sent need not wait."""
        return self.protocol.state is State.OPEN and not self.paused

    async def send_together(self, messages: Iterable[str | bytes]) -> None:
        """Send each by itself and all at once, which takes less CPU; wait as `send` does.

        Raises:
            ConnectionClosed: the client has gone.
        """
        if self.flows:
            self.send_at_once(messages)
            return
        async with self.send_context():
            self.send_at_once(messages)

    def send_at_once(self, messages: Iterable[str | bytes]) -> None:
        """Likewise, without waiting."""
        for message in messages:
            if isinstance(message, str):
                self.protocol.send_text(message.encode())
            else:
                self.protocol.send_binary(message)
        self.transport.write(b"".join(self.protocol.data_to_send()))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        super().connection_made(transport)
        self._sockets.add(self)
        if len(self._sockets) > self._most:
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self._sockets.discard(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        self.heard_at = self.loop.time()
        for at in range(0, len(data), _SLICE):
            if self.transport.is_closing():
                return
            super().data_received(data[at : at + _SLICE])
        if self.transport.get_write_buffer_size() > _MOST_UNSENT:
            self.transport.abort()

    def process_event(self, event: Event | Request) -> None:
        """See `websockets.asyncio.connection.Connection`."""
        try:
            self._pace.count()
        except WireError:
            self.transport.abort()
            return
        if self.take is not None and isinstance(event, Frame) and self._is_binary(event):
            if self._part is None:
                self._part = bytearray()
            self._part += event.data
            if event.fin:
                message, self._part = bytes(self._part), None
                self.take(message)
            return
        super().process_event(event)

    def _is_binary(self, frame: Frame) -> bool:
        """Whether it is a binary message, or goes on with one."""
        goes_on = frame.opcode is Opcode.CONT and self._part is not None
        return goes_on or frame.opcode is Opcode.BINARY
