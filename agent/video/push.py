"""PushOutput: a live stream to an RTSP or RTMP server that somebody has, whatever that does."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Literal, final

from agent.backoff import Backoff
from agent.errors import OutputError
from agent.outage import Outage
from agent.video.fanout import Fanout, Shown, Started
from agent.video.push_process import PushProcess, PushRefusedError, PushTarget

if TYPE_CHECKING:
    from agent.frames.encoded import EncodedPacket, EncodedStream

_log = logging.getLogger(__name__)

OPEN_S, STALL_S = 10.0, 5.0
"""How long the server may take to answer, and to take nothing. Chosen, not measured."""
_QUEUE_S, _QUEUE_BYTES = 1.0, 2 << 20
"""What may wait for the server: design of live display; 16 Mbit/s. Chosen, not measured."""
_LONGEST_WAIT_S = 3.0
"""Between two tries: who starts the server again sees pictures within 5 s."""
_REFUSED_WAIT_S = 60.0
"""Likewise, where the server refuses: who tries a password too often is locked out."""
_CLOSING_S = 2.0
"""For what waits to be sent, and the server to be told. Chosen, not measured."""


@dataclass(frozen=True, slots=True)
class PushState:
    """How a push is.

    Attributes:
        state: `connecting` before the first picture that the server took, `reconnecting` after a
            failure, `ended` after `close`.
        why: it is not pushing; None where it is, or that isn't known yet.
        sent: pictures so far.
        dropped: pictures so far that were not sent.
        failures: connections, and tries of one, that failed so far.
    """

    state: Literal["connecting", "pushing", "reconnecting", "ended"] = "connecting"
    why: str | None = None
    sent: int = 0
    dropped: int = 0
    failures: int = 0


@final
class PushOutput:
    """An output that outlives streams, on a thread of its own: it delays nobody, and never fails.

    What the server doesn't take within a second is lost, up to a key that is asked for. It is
    tried again for ever.

    Args:
        url: `rtsp://…` or `rtmp://…`; stands nowhere, for a password may be in it.
        name: stands in the log instead.
        open_s: how long the server may take to answer.
        stall_s: how long it may take nothing.

    Raises:
        UsageError: nothing can be pushed there.
    """

    def __init__(
        self, url: str, *, name: str, open_s: float = OPEN_S, stall_s: float = STALL_S
    ) -> None:
        self._target, self._name = PushTarget.of(url), name
        self._open_s, self._stall_s = open_s, stall_s
        self._fanout = Fanout(_QUEUE_S, _QUEUE_BYTES)
        self._woken = threading.Event()
        self._viewer = self._fanout.viewer(self._woken.set)
        self._thread: threading.Thread | None = None
        self._has_stream = self._is_closed = False
        self._process: PushProcess | None = None
        self._opened_at = self._next_try = 0.0
        self._needs_key = self._asked_key = False
        self._backoff, self._outage = Backoff(Random(), _LONGEST_WAIT_S), Outage()  # noqa: S311
        self._kind: Literal["connecting", "pushing", "reconnecting", "ended"] = "connecting"
        self._why: str | None = None
        self._sent = self._skipped = self._failures = 0

    def start(self, stream: EncodedStream) -> None:
        """Push another stream.

        Raises:
            TypeError: it is annotated.
        """
        self._fanout.start(stream)
        self._has_stream = True
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="push", daemon=True)
            self._thread.start()

    def write(self, packet: EncodedPacket) -> None:
        """Have a picture wait for the server.

        Raises:
            RuntimeError: before `start`, after `finish` or `abort`.
        """
        self._fanout.write(packet)

    def finish(self) -> None:
        """The stream is complete; the server is told, once it was sent."""
        self.abort()

    def abort(self) -> None:
        """The stream breaks off; the server is told, once it was sent what waits."""
        self._fanout.abort()
        self._has_stream = False
        self._woken.set()

    def wants_key(self) -> bool:
        """Whether the next picture shall be a key; as `Fanout.wants_key`."""
        return self._fanout.wants_key()

    def state(self) -> PushState:
        """How it is, from any thread."""
        dropped = self._viewer.dropped + self._skipped
        return PushState(self._kind, self._why, self._sent, dropped, self._failures)

    def close(self) -> None:
        """Send what waits, and end; whoever doesn't take it is left after 2 s."""
        self.abort()
        self._is_closed = True
        self._woken.set()
        if self._thread is not None:
            self._thread.join(_CLOSING_S)
        self._kind = "ended"

    def _run(self) -> None:
        while True:
            self._woken.clear()
            item = self._viewer.take()
            if isinstance(item, Shown):
                self._push(item)
            elif item is None and self._is_closed:
                break
            elif item is None and self._has_stream:
                self._woken.wait()
            else:
                self._leave()
                if not isinstance(item, Started):
                    self._woken.wait()
        self._leave()

    def _push(self, item: Shown) -> None:
        process = self._process = self._process or self._connected(item.stream)
        if process is None:
            self._skipped += 1
            return
        if self._needs_key and not item.packet.is_key:
            self._skipped += 1
            if not self._asked_key:
                self._fanout.want_key()
                self._asked_key = True
            return
        self._needs_key = False
        self._send(process, item.packet)

    def _connected(self, stream: EncodedStream) -> PushProcess | None:
        if self._is_closed or time.monotonic() < self._next_try:
            return None
        try:
            process = PushProcess(self._target, stream, self._open_s, self._stall_s)
        except OutputError as error:
            self._fail(error, ran_s=0)
            return None
        self._opened_at = time.monotonic()
        self._needs_key, self._asked_key = True, False
        return process

    def _send(self, process: PushProcess, packet: EncodedPacket) -> None:
        try:
            process.send(packet)
        except OutputError as error:
            process.kill()
            self._process = None
            self._skipped += 1
            self._fail(error, time.monotonic() - self._opened_at)
            return
        self._sent += 1
        if self._kind != "pushing":
            self._kind, self._why = "pushing", None
            over = self._outage.over(time.monotonic())
            _log.info("%s: %s", self._name, over or "pictures are pushed")

    def _fail(self, error: OutputError, ran_s: float) -> None:
        now = time.monotonic()
        self._failures += 1
        self._kind, self._why = "reconnecting", str(error)
        is_refused = isinstance(error, PushRefusedError)
        self._next_try = now + (_REFUSED_WAIT_S if is_refused else self._backoff.next_s(ran_s))
        said = self._outage.failed(str(error), now)
        if said is not None:
            _log.warning("%s: not pushed: %s", self._name, said)

    def _leave(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.close()
