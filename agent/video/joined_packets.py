"""JoinedPackets: a live stream's packets, each of one whole picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from av.packet import Packet

if TYPE_CHECKING:
    from av.video.stream import VideoStream

    from agent.video.decoder import Packets


class JoinedPackets:
    """Joins what libav takes apart: a picture that says its parameters again before each slice.

    GStreamer's `rtph264pay config-interval=-1` has cameras do so, and libav's parser takes every
    such slice for a picture, all of one time and each damaged. Only key pictures have parameters.
    One whose successor must be read first is a picture late, so those of other cameras are given
    at once, from the second on; a camera that begins with it later loses one picture.

    Args:
        packets: of H.264 or H.265 in Annex B, each with a time but those of the first picture,
            whose time is 0.
    """

    def __init__(self, packets: Packets) -> None:
        self._packets = packets
        self._next: Packet[VideoStream] | None = None
        self._last: int | None = None
        self._is_taken_apart = True  # until a key picture shows that it isn't

    @property
    def damaged(self) -> int:
        """How many could not be read so far."""
        return self._packets.damaged

    def __next__(self) -> Packet[VideoStream]:
        packet, self._next = self._next or next(self._packets), None
        is_part = packet.pts is not None and packet.pts == self._last
        if is_part:
            self._is_taken_apart = True
        elif packet.is_keyframe and self._is_taken_apart:
            packet = self._whole(packet)
        self._last = packet.pts
        return packet

    def _whole(self, packet: Packet[VideoStream]) -> Packet[VideoStream]:
        parts = [packet]
        while (following := next(self._packets, None)) is not None and _are_one(packet, following):
            parts.append(following)
        self._next, self._is_taken_apart = following, len(parts) > 1
        return _joined(parts) if self._is_taken_apart else packet


def _are_one(packet: Packet[VideoStream], following: Packet[VideoStream]) -> bool:
    """Whether both are of one key picture; those of a stream's first may come without its time."""
    return following.is_keyframe and (packet.pts or 0) == (following.pts or 0)


def _joined(parts: list[Packet[VideoStream]]) -> Packet[VideoStream]:
    last = parts[-1]
    whole = cast("Packet[VideoStream]", Packet(b"".join(map(bytes, parts))))
    whole.pts, whole.dts, whole.duration = last.pts, last.dts, last.duration
    whole.time_base, whole.is_keyframe = last.time_base, True
    whole.is_corrupt = any(part.is_corrupt for part in parts)
    return whole
