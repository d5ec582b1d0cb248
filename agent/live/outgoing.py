"""Outgoing: all that one client is told and shown, by one task, at the client's own pace."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from dataclasses import asdict
from typing import TYPE_CHECKING, final

from agent.live.ledger import credit_of
from agent.live.wire import (
    ANNEX_B,
    FMP4_FRAGMENT,
    FMP4_START,
    NORMAL,
    Done,
    Picture,
    StateTold,
    StreamStarted,
    WireError,
)
from agent.video.codec_string import codec_string, in_band
from agent.video.fanout import MOST_AGE_S, Over, Said, Shown, Started
from agent.video.live_fragments import LiveFragments

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.frames.encoded import EncodedPacket, EncodedStream
    from agent.live.counts import Counts
    from agent.live.show import Show
    from agent.live.socket import Socket
    from agent.live.wire import Told

STATE_S = 0.5
PING_S = 0.2
"""Between pings while pictures go out, 8 bytes each. Chosen, not measured."""
IN_FLIGHT_S = 0.4
"""So old may the oldest unanswered ping be for another picture to go out. What a client that stops
reading still gets is as much and what goes out between two pings, for buffers of both kernels could
hold ten seconds. A connection that takes longer there and back loses pictures, for it can't show them
in time. Chosen: with what `Fanout` keeps, about a second."""
RELEASE_S = 0.3
"""Without another picture for so long, that which waits for it is shown. Chosen: what a camera of
three pictures a second is still seen with."""
_MOST_TOGETHER = 1 << 15
"""Bytes after which it is seen whether the client still reads: as many as websockets keeps of what is
sent before it has others wait."""
_MOST_TEXTS = 1000
"""That may wait for a client. Chosen, not measured: four for each number that may be open."""


@final
class Outgoing:
    """What goes to one client; for the thread of its event loop, but `ready`.

    Args:
        socket: the client's connection.
        show: whose pictures go out.
        is_fmp4: in fragments for MediaSource.
        number_of: a client's number of a packet; may say what has to be told before the picture.
        counts: where pictures are counted.
    """

    def __init__(
        self,
        socket: Socket,
        show: Show,
        *,
        is_fmp4: bool,
        number_of: Callable[[EncodedPacket], int],
        counts: Counts,
    ) -> None:
        self._socket, self._show, self._counts = socket, show, counts
        self._is_fmp4, self._number_of = is_fmp4, number_of
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        self._texts: deque[str] = deque()
        self._answers: deque[tuple[float, str]] = deque()
        self._pings: deque[tuple[float, asyncio.Future[float]]] = deque()
        self._together: list[str | bytes] = []
        self._over: Over | None = None
        self._fault: Exception | None = None
        self._needs_ping = self._waits_for_pong = self._gathers = False
        self._pinged_at = self._wakes_at = 0.0
        self._state_at = 0.0
        self._fragments: LiveFragments | None = None
        self._release_at = math.inf
        self._viewer = show.fanout.viewer(self._ready)

    def say(self, message: Told) -> None:
        """Have the client told something, in order; one that doesn't listen is cut off.

        That a command was obeyed is told behind the pictures that waited by then.
        """
        if len(self._texts) + len(self._answers) >= _MOST_TEXTS:
            self._socket.transport.abort()
            return
        if isinstance(message, Done):
            self._answers.append((self._loop.time() + MOST_AGE_S, str(message)))
        else:
            self._texts.append(str(message))
        if not self._gathers:
            self._wake.set()

    async def run(self) -> None:
        """Until the stream ends for good.

        Raises:
            WireError: it has.
            ConnectionClosed: the client has gone.
        """
        while True:
            if self._fault is not None:
                raise self._fault
            self._take_texts()
            self._take_what_is_due()
            together, is_full = self._all_together(), not self._socket.flows
            if together or is_full:
                await self._socket.send_together(together)
            if self._over is not None:
                raise WireError(NORMAL, self._over.reason, "ended")
            if self._needs_ping:
                await self._ping()
            elif not (together or is_full):
                await self._sleep()

    def _send_at_once(self) -> None:
        """Send what is there, and leave to `run` what has to be waited for: waking it costs more."""
        try:
            while self._socket.flows and (together := self._all_together()):
                self._socket.send_at_once(together)
        except Exception as error:  # noqa: BLE001 whatever it was, `run` raises it
            self._fault = error
        waits = not self._socket.flows or self._is_behind() or self._release_at < self._wakes_at
        if waits or self._needs_ping or self._over or self._fault:
            self._wake.set()

    def _all_together(self) -> list[str | bytes]:
        """What is to be sent now."""
        self._gathers = True  # what is said of the pictures is among it
        try:
            self._take_texts()
            if self._socket.flows and not self._is_behind():
                self._take_pictures()
        finally:
            self._gathers = False
        together, self._together = self._together, []
        return together

    def close(self) -> None:
        """Leave the stream."""
        self._viewer.close()
        self._counts.lost += self._viewer.dropped

    def _take_texts(self) -> None:
        self._together += self._texts
        self._texts.clear()

    def _take_what_is_due(self) -> None:
        now = self._loop.time()
        if now - self._state_at >= STATE_S:
            self._state_at = now
            state = self._show.state()
            told = StateTold(most_late_ms=credit_of(state).most_late_ms, **asdict(state))
            self._together.append(str(told))
            self._needs_ping = True  # also what an idle client is heard by

    def _take_pictures(self) -> None:
        """What waits of the stream, and what is told once nothing does."""
        while sum(map(len, self._together)) < _MOST_TOGETHER:
            match self._viewer.take():
                case None:
                    self._take_answers(math.inf)
                    if self._loop.time() >= self._release_at:
                        self._release()
                    return
                case Over() as over:
                    self._over = over
                    return
                case Started(stream):
                    self._start(stream)
                case Shown(packet, stream):
                    self._show_picture(packet, stream)
                case Said(text):
                    self._together.append(text)
            self._take_answers(self._loop.time())  # nothing waits for longer

    def _take_answers(self, by_s: float) -> None:
        """Of commands behind which no picture of before waits any more."""
        while self._answers and self._answers[0][0] <= by_s:
            self._together.append(self._answers.popleft()[1])

    def _start(self, stream: EncodedStream) -> None:
        started = StreamStarted(
            codec=codec_string(stream),
            width=stream.width,
            height=stream.height,
            aspect=float(stream.sample_aspect_ratio),
        )
        self._together.append(str(started))
        if self._is_fmp4:
            self._fragments = LiveFragments(stream)
            start = Picture(FMP4_START, 0, 0, is_key=True, payload=self._fragments.start())
            self._together.append(bytes(start))

    def _show_picture(self, packet: EncodedPacket, stream: EncodedStream) -> None:
        if self._fragments is None:
            self._show_one(ANNEX_B, packet, bytes(in_band(packet, stream)), stream)
            return
        self._release_at = self._loop.time() + RELEASE_S
        if (fragment := self._fragments.add(packet)) is not None:
            self._show_one(FMP4_FRAGMENT, fragment.packet, fragment.data, stream)

    def _release(self) -> None:
        """Show the picture that waits for the next one, for none comes: the stream rests."""
        self._release_at = math.inf
        if self._fragments is not None and (fragment := self._fragments.release()) is not None:
            self._show.fanout.want_key()
            self._show_one(FMP4_FRAGMENT, fragment.packet, fragment.data, self._fragments.stream)

    def _show_one(
        self, kind: int, packet: EncodedPacket, payload: bytes, stream: EncodedStream
    ) -> None:
        number = self._number_of(packet)
        self._take_texts()  # what became of the numbers before
        time_us = round(packet.pts * stream.time_base * 1_000_000)
        self._together.append(bytes(Picture(kind, number, time_us, packet.is_key, payload)))
        self._counts.pictures += 1
        self._needs_ping |= self._loop.time() - self._pinged_at >= PING_S

    async def _ping(self) -> None:
        """Ask the client to show that it reads."""
        now, self._needs_ping = self._loop.time(), False
        self._pinged_at = now
        pong = asyncio.ensure_future(await self._socket.ping())
        self._pings.append((now, pong))
        pong.add_done_callback(self._ponged)

    def _ponged(self, pong: asyncio.Future[float]) -> None:
        if not pong.cancelled():
            pong.exception()  # of a connection that is closed; whoever sends next gets it, too
        if self._waits_for_pong:
            self._wake.set()

    def _is_behind(self) -> bool:
        """Whether what went out lately may still lie somewhere on the way."""
        while self._pings and self._pings[0][1].done():
            self._pings.popleft()
        return bool(self._pings) and self._loop.time() - self._pings[0][0] > IN_FLIGHT_S

    async def _sleep(self) -> None:
        """Until there may be something to do."""
        until = self._state_at + STATE_S
        self._waits_for_pong = self._is_behind()
        if not self._waits_for_pong:
            until = min(until, self._release_at)
        # A timer for an earlier time is left to ring in vain: most are for the same.
        if until < self._wakes_at or self._wakes_at <= self._loop.time():
            self._wakes_at = until
            self._loop.call_at(until, self._wake.set)
        await self._wake.wait()
        self._wake.clear()

    def _ready(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._send_at_once)
        except RuntimeError:  # the server has ended
            return
