"""FedPackets: which packet a picture that comes out of a decoder was."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fractions import Fraction

_NS = 10**9
_START_NS = 60 * _NS
"""Stamps of known times begin here: GStreamer has none below zero, and the first packet need not be
the first that is shown. Chosen, not measured: no stream shows a picture a minute before its first."""
_NEAR_NS = 1000
"""Some decoders count in microseconds."""
_USUAL_NS = 40_000_000
"""From one to the next where nobody has a time; half a minute of those fits before the first that has."""
_MOST_OWED = 64
"""Packets whose pictures may still come: H.264's 16, and what a driver holds."""


@dataclass(frozen=True, slots=True)
class Fed:
    """A packet on its way through the decoder.

    Attributes:
        number: of packets, in the order in which they were fed.
        stamp: nanoseconds, by which its picture is known again; no two are near each other.
        pts: as the packet has it, in its stream's ticks, or None.
        dts: likewise.
        duration: likewise; 0 where nobody knows.
        is_key: whether decoding can begin here.
    """

    number: int
    stamp: int
    pts: int | None
    dts: int | None
    duration: int
    is_key: bool


class FedPackets:
    """Gives each packet a stamp, and finds it again by that of a picture.

    A stamp is the packet's own time wherever that can be used, for decoders have opinions on
    times; what the picture gets is the packet's, to the tick.

    Args:
        time_base: seconds a tick of packets' times.
        in_order: whether a picture that is shown before another has the smaller `pts`, so that a
            packet which was overtaken is known to be lost. False for what knows no such times.

    Attributes:
        fed: how many were.
    """

    def __init__(self, time_base: Fraction, *, in_order: bool) -> None:
        self._ns_a_tick = time_base * _NS
        self._in_order = in_order
        self._owed: deque[Fed] = deque()
        self._stamps: set[int] = set()
        self._offset: int | None = None
        self._last = _START_NS // 2
        self._has_shown = False
        self.fed = 0

    def __len__(self) -> int:
        """Packets whose pictures may still come."""
        return len(self._owed)

    def feed(self, pts: int | None, dts: int | None, duration: int, *, is_key: bool) -> Fed:
        """The next packet goes in."""
        fed = Fed(self.fed, self._stamp(pts, dts), pts, dts, duration, is_key)
        self.fed += 1
        self._owed.append(fed)
        self._stamps.add(fed.stamp // _NEAR_NS)
        if len(self._owed) > _MOST_OWED:
            self._forget(self._owed.popleft())
        return fed

    def shown(self, stamp: int | None) -> tuple[Fed | None, list[Fed]]:
        """The packet of a picture, None where the decoder made up its time; and those now lost."""
        found = None
        if stamp is not None:
            found = next((fed for fed in self._owed if abs(fed.stamp - stamp) < _NEAR_NS), None)
        if found is None and self._owed and not (self._in_order and self._owed[0].pts is not None):
            found = self._owed[0]  # times that fall back, as made-up ones do, GStreamer forgets
        if found is None:
            return None, []
        self._owed.remove(found)
        self._forget(found)
        lost = [fed for fed in self._owed if self._overtaken(fed, found)]
        for fed in lost:
            self._owed.remove(fed)
            self._forget(fed)
        # Before the first, a decoder leaves out what builds on pictures that nobody has.
        began, self._has_shown = self._has_shown, True
        return found, lost if began else []

    def rest(self) -> list[Fed]:
        """Those that are lost, when nothing more will come."""
        rest = [fed for fed in self._owed if self._in_order and fed.pts is not None]
        self._owed.clear()
        return rest

    def _stamp(self, pts: int | None, dts: int | None) -> int:
        at = dts if pts is None else pts
        stamp = self._last + (_USUAL_NS if self._offset is None else 2 * _NEAR_NS)
        if at is not None:
            own = round(at * self._ns_a_tick)
            if self._offset is None:
                self._offset = _START_NS - own
            stamp = max(own + self._offset, 0)
        while self._stamps & {stamp // _NEAR_NS + near for near in (-1, 0, 1)}:
            stamp += 2 * _NEAR_NS
        self._last = stamp
        return stamp

    def _overtaken(self, fed: Fed, by: Fed) -> bool:
        if not self._in_order or fed.pts is None or by.pts is None:
            return False
        return fed.number < by.number and fed.pts < by.pts

    def _forget(self, fed: Fed) -> None:
        self._stamps.discard(fed.stamp // _NEAR_NS)
