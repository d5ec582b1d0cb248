"""PushedPackets: coded pictures that one thread hands in and another decodes."""

from __future__ import annotations

import re
import threading
import time
from collections import deque
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from typing import TYPE_CHECKING, Literal, Protocol, cast

from av.packet import Packet

from agent.errors import InputError
from agent.video.live_clock import LiveClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from av.video.stream import VideoStream

PushedCodec = Literal["h264", "vp8"]

MICROSECONDS = Fraction(1, 1_000_000)
LEAST_STEP_US = 1_000
"""From one picture to the next, whatever the camera says: between two there is room for pictures that
only say that the next is late. No camera is faster."""

_MOST_AGE_S = 0.5
"""What waits longer for the decoder is not worth showing any more. Chosen: design of live display."""
_MOST_BYTES = 4 << 20
"""What may wait for it; half a second of 64 Mbit/s. Chosen, not measured."""
_ASK_AGAIN_S = 1.0
"""A camera that was asked for a key and sends none is asked again. Chosen, not measured."""

_MOST_NUMBERS = 64
"""Pictures that a decoder may hold back or have lost; H.264 lets it hold 16."""

_UNIT = re.compile(rb"\x00\x00\x01(.)", re.DOTALL)
_SLICE, _KEY_SLICE, _SEQUENCE, _PICTURE = 1, 5, 7, 8  # ITU-T H.264, table 7-1
_MOST_HEADERS = 64
"""NAL units that are looked at: what a browser puts before a key's first slice are three or four. Chosen."""
_LEAST_VP8 = 3


class Listener(Protocol):
    """Is told what becomes of coded pictures; called from any thread, with no lock held."""

    def taken(self, number: int) -> None:
        """It was decoded, and what came of it was handed on."""
        ...

    def dropped(self, numbers: Iterable[int], why: str) -> None:
        """They were never decoded."""
        ...

    def want_key(self) -> None:
        """Nothing is of use before the next key."""
        ...


@dataclass(frozen=True, slots=True)
class _Pushed:
    number: int
    time_us: int
    data: bytes
    came_s: float


class PushedPackets:
    """Iterates over what is pushed, their times moved into one clock that rises.

    The newest wins: when what waits is too old or too much, all of it goes, up to the next key,
    which is asked for. What is a key is told by the data, not by who sends it.

    Args:
        listener: is told what becomes of each.
        now: a monotonic clock, seconds.

    Attributes:
        damaged: 0: what can't be decoded is not known before it is tried.
        opened_at: the time of the first packet after the camera's clock was set anew, microseconds;
            whoever gives out the picture sets it back to None.
    """

    def __init__(
        self,
        codec: PushedCodec,
        listener: Listener,
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.codec: PushedCodec = codec
        self._listener, self._now = listener, now
        self._changed = threading.Condition()
        self._waiting: deque[_Pushed] = deque()
        self._bytes = 0
        self._needs_key, self._asked_s = True, now()
        self._last = 0
        self._closed = False
        self._under_way: int | None = None
        self._numbers: dict[int, int] = {}
        self._clock: LiveClock | None = None
        self._last_us = 0
        self.damaged = 0
        self.opened_at: int | None = None

    @property
    def jumps(self) -> int:
        """How often the camera's clock was set anew."""
        return 0 if self._clock is None else self._clock.jumps

    def push(self, number: int, time_us: int, data: bytes) -> None:
        """Hand in the next coded picture; never waits.

        Args:
            number: told to the listener; rises. After one that is left out, which was lost on the
                way or is no coded picture, all up to the next key is dropped: decoders predict
                from what they have as if nothing were missing, and don't tell.
            time_us: when it was taken, on the camera's clock, microseconds.
            data: an access unit of H.264 with start codes, its parameter sets before it where it
                is a key; or a frame of VP8.

        Raises:
            InputError: it is no such thing.
        """
        is_key = is_key_of(self.codec, data)
        with self._changed:
            why, dropped, asks = self._put(number, time_us, data, is_key=is_key)
            self._changed.notify_all()
        if dropped:
            self._listener.dropped(dropped, why)
        if asks:
            self._listener.want_key()

    def skip_to_key(self, why: str) -> None:
        """Drop what waits and all that comes before the next key, and ask for that.

        Args:
            why: what waits is dropped for.
        """
        with self._changed:
            dropped = self._drop_all()
            self._needs_key, self._asked_s = True, self._now()
        if dropped:
            self._listener.dropped(dropped, why)
        self._listener.want_key()

    def damage(self, pts: int) -> None:
        """What was decoded at `pts` is damaged, and all that builds on it; a key is asked for."""
        with self._changed:
            asks = self._asks_again()
        if (number := self.number_at(pts)) is not None:
            self._listener.dropped([number], "damaged")
        if asks:
            self._listener.want_key()

    def number_at(self, pts: int) -> int | None:
        """The number of what was decoded to the picture at `pts`; once."""
        return self._numbers.pop(pts, None)

    def close(self) -> None:
        """End: nothing more comes out, and who waits for it waits no longer."""
        with self._changed:
            self._closed = True
            self._drop_all()
            self._changed.notify_all()

    def __iter__(self) -> PushedPackets:
        return self

    def __next__(self) -> Packet[VideoStream]:
        before, self._under_way = self._under_way, None
        if before is not None:
            self._listener.taken(before)
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            if self._closed:
                raise StopIteration
            pushed = self._waiting.popleft()
            self._bytes -= len(pushed.data)
        self._under_way = pushed.number
        packet = cast("Packet[VideoStream]", Packet(pushed.data))
        packet.pts = packet.dts = self._moved(pushed)
        packet.time_base = MICROSECONDS
        self._numbers[packet.pts] = pushed.number
        if len(self._numbers) > _MOST_NUMBERS:
            del self._numbers[min(self._numbers)]
        return packet

    def _put(
        self, number: int, time_us: int, data: bytes, *, is_key: bool
    ) -> tuple[str, list[int], bool]:
        """Have a packet wait; why others go or it goes itself, which, and whether a key is wanted."""
        if self._closed:
            return "closed", [number], False
        is_lost, self._last = number != self._last + 1, number
        if is_lost and not is_key and not self._needs_key:
            self._needs_key, self._asked_s = True, self._now()
            return "no key", [number], True
        if self._needs_key and not is_key:
            return "no key", [number], self._asks_again()
        came_s, dropped = self._now(), list[int]()
        if self._waiting and self._is_too_much(len(data), came_s):
            dropped = self._drop_all()
            if not is_key:
                self._needs_key, self._asked_s = True, came_s
                return "overload", [*dropped, number], True
        self._needs_key = False
        self._waiting.append(_Pushed(number, time_us, data, came_s))
        self._bytes += len(data)
        return "overload", dropped, False

    def _is_too_much(self, more: int, now_s: float) -> bool:
        too_old = now_s - self._waiting[0].came_s > _MOST_AGE_S
        return too_old or self._bytes + more > _MOST_BYTES

    def _drop_all(self) -> list[int]:
        numbers = [pushed.number for pushed in self._waiting]
        self._waiting.clear()
        self._bytes = 0
        return numbers

    def _asks_again(self) -> bool:
        asks = self._now() - self._asked_s >= _ASK_AGAIN_S
        if asks:
            self._asked_s = self._now()
        return asks

    def _moved(self, pushed: _Pushed) -> int:
        """Its time on a clock that rises and begins at one step, microseconds."""
        at, jumps = pushed.time_us * MICROSECONDS, self.jumps
        least = LEAST_STEP_US * MICROSECONDS
        if self._clock is None:
            self._clock = LiveClock(at - least)
        moved = at + self._clock.shift(at, least, pushed.came_s)
        self._last_us = max(round(moved / MICROSECONDS), self._last_us + LEAST_STEP_US)
        if self.jumps > jumps:
            self.opened_at = self._last_us
        return self._last_us


def is_key_of(codec: PushedCodec, data: bytes) -> bool:
    """Whether decoding can begin with a coded picture.

    Raises:
        InputError: it is none, or is a key that can't be decoded by itself.
    """
    return _is_key_of_h264(data) if codec == "h264" else _is_key_of_vp8(data)


def _is_key_of_h264(data: bytes) -> bool:
    kinds = set[int]()
    if not data.startswith((b"\x00\x00\x01", b"\x00\x00\x00\x01")):
        raise InputError(
            "this is no H.264 with start codes; configure the encoder with avc: {format: 'annexb'}"
        )
    for found in islice(_UNIT.finditer(data), _MOST_HEADERS):
        kind = found[1][0] & 31
        if kind == _KEY_SLICE and not kinds >= {_SEQUENCE, _PICTURE}:
            raise InputError(
                "a keyframe came without its parameter sets (SPS and PPS); configure the encoder "
                "with avc: {format: 'annexb'}"
            )
        if kind in (_SLICE, _KEY_SLICE):
            return kind == _KEY_SLICE
        kinds.add(kind)
    return False


def _is_key_of_vp8(data: bytes) -> bool:
    """By RFC 6386, 9.1: the lowest bit of the first byte, and a start code in keys only."""
    if len(data) < _LEAST_VP8:
        raise InputError("this is no frame of VP8: it is too short")
    is_key = not data[0] & 1
    if is_key and data[3:6] != b"\x9d\x01\x2a":
        raise InputError("this is no keyframe of VP8: its start code is missing")
    return is_key
