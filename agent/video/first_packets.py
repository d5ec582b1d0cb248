"""FirstPackets: a stream's packets, of which the first can be read twice."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.stream import VideoStream

    from agent.video.decoder import Packets


class FirstPackets:
    """Reads ahead, for who wants to see the first picture before it is decided who decodes.

    Attributes:
        read: what was read ahead.
    """

    def __init__(self, packets: Packets) -> None:
        self._packets = packets
        self.read: deque[Packet[VideoStream]] = deque()
        self._ahead, self._again = True, False

    @property
    def damaged(self) -> int:
        """How many could not be read so far; what was read ahead is no news until it is behind."""
        return 0 if self._again and self.read else self._packets.damaged

    def begin_again(self) -> None:
        """Give the first ones once more, then those that follow."""
        self._ahead, self._again = False, True

    def go_on(self) -> None:
        """Give those that follow: who was given the first ones decodes them, too."""
        self._ahead = False
        self.read.clear()

    def __next__(self) -> Packet[VideoStream]:
        if self._again and self.read:
            return self.read.popleft()
        packet = next(self._packets)
        if self._ahead:
            self.read.append(packet)
        return packet
