"""Mailbox: what a thread that waits for sockets is to do, asked for by other threads."""

from __future__ import annotations

import contextlib
import socket
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_DRAIN_BYTES = 4096


class Mailbox:
    """Calls in the order in which they were put, beside a descriptor that is readable meanwhile.

    `put` may be called from any thread, also after `close`; the rest is the reader's.
    """

    def __init__(self) -> None:
        self._calls: deque[Callable[[], None]] = deque()
        # Not a pipe: what is written to a closed descriptor's number may reach somebody else's file.
        self._readable, self._writable = socket.socketpair()
        self._readable.setblocking(False)
        self._writable.setblocking(False)

    def fileno(self) -> int:
        """What to wait for."""
        return self._readable.fileno()

    def put(self, call: Callable[[], None]) -> None:
        """Ask for a call, and wake the reader."""
        self._calls.append(call)
        with contextlib.suppress(OSError):  # full: it will wake anyhow; or closed
            self._writable.send(b"\0")

    def take(self) -> Iterator[Callable[[], None]]:
        """All calls that were asked for, each once."""
        with contextlib.suppress(BlockingIOError):
            while self._readable.recv(_DRAIN_BYTES):
                pass
        while self._calls:
            yield self._calls.popleft()

    def close(self) -> None:
        """Nobody reads any more."""
        self._readable.close()
        self._writable.close()
