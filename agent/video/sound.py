"""Sound: a source's sound, on its way from the thread that reads to the one that writes."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from fractions import Fraction

    from av.audio.stream import AudioStream
    from av.packet import Packet


class Sound:
    """What is read of a file's sound while its pictures are, until an output takes it.

    It is read once, together with the pictures, for a pipe can't be read twice. What sounds long
    after the last picture waits in memory, coded as it is.

    Args:
        streams: those that may be copied; none for silence.

    Attributes:
        streams: likewise, but those that were left out.
        left_out: why a stream can't go over, one line each.
        ended: whether the last picture was given out, and all sound with it.
        damaged: packets that no output would take.
        repaired: packets whose own time could not be used.
    """

    def __init__(self, streams: Sequence[AudioStream] = ()) -> None:
        self.streams = list(streams)
        self.left_out: list[str] = []
        self.ended = False
        self.damaged = self.repaired = 0
        self._packets: deque[Packet[AudioStream]] = deque()

    def leave_out(self, stream: AudioStream, line: str) -> None:
        """Nothing more of `stream` is passed on."""
        self.streams.remove(stream)
        self.left_out.append(line)

    def put(self, packet: Packet[AudioStream]) -> None:
        """Take the next packet that was read."""
        self._packets.append(packet)

    def take(self, until: Fraction | None) -> Iterator[Packet[AudioStream]]:
        """The packets that were read so far and sound before `until` seconds; None for all."""
        kept = {stream.index for stream in self.streams}
        while self._packets:
            packet = self._packets[0]
            if until is not None and (time_of(packet) or 0) >= until:
                return
            self._packets.popleft()
            if packet.stream_index in kept:
                yield packet

    def close(self) -> None:
        """Forget what was not taken."""
        self._packets.clear()


def time_of(packet: Packet[AudioStream]) -> Fraction | None:
    """When a packet sounds, in seconds, or None where its container doesn't say."""
    ticks = packet.dts if packet.pts is None else packet.pts
    return None if ticks is None else ticks * packet.time_base
