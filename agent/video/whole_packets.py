"""WholePackets: a stream's packets without those that are in pieces, as far as a reader can know."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from av.codec.context import CodecContext
from av.error import FFmpegError
from av.packet import Packet

if TYPE_CHECKING:
    from av.video.codeccontext import VideoCodecContext
    from av.video.stream import VideoStream

    from agent.video.decoder import Packets

_MOST_KEPT = 300
"""Packets of a group: ten seconds at 30 a second. Chosen, not measured."""
_MOST_BYTES = 32 << 20
"""Of a group: ten seconds at 26 Mbit/s. Chosen, not measured."""


class WholePackets:
    """For decoders that fill in by a guess what a packet lacks, and tell nobody.

    What the demuxer says is damaged is left out. A stream may break off within a picture, and its
    reader takes what is there for all of it. So a packet is given when the next has been read,
    and the last one once FFmpeg has decoded its group on the CPU: where that finds anything
    damaged, or the group is too long to be kept, the last is left out, and `damaged` tells in time
    that what is still to come is suspect. Of any other damage nobody knows before it is decoded.

    The group before is decoded, too, because pictures behind a key picture may build on it.

    Args:
        packets: of `stream`, from a key picture on.
    """

    def __init__(self, packets: Packets, stream: VideoStream) -> None:
        self._packets = packets
        codec = stream.codec_context
        self._codec, self._extradata = codec.name, codec.extradata
        self._before: list[bytes] = []
        self._newest: list[bytes] = []
        self._bytes = 0
        self._next: Packet[VideoStream] | None = None
        self._has_begun = False
        self._left_out = self._known = self._told = 0

    @property
    def damaged(self) -> int:
        """How many could not be read, or were left out, before the one that was given last."""
        return self._told

    def __next__(self) -> Packet[VideoStream]:
        if not self._has_begun:
            self._has_begun = True
            self._read()
        packet, self._told = self._next, self._known
        if packet is None:
            raise StopIteration
        self._read()
        if self._next is None and not self._ends_whole():
            self._left_out += 1
            self._told = self._known = self._known + 1
            raise StopIteration
        return packet

    def _read(self) -> None:
        packet = next(self._packets, None)
        while packet is not None and packet.is_corrupt:
            self._left_out += 1
            packet = next(self._packets, None)
        self._next, self._known = packet, self._packets.damaged + self._left_out
        if packet is not None:
            self._keep(packet)

    def _keep(self, packet: Packet[VideoStream]) -> None:
        if packet.is_keyframe:
            self._before, self._newest, self._bytes = self._newest, [], 0
        elif not self._newest:
            return
        self._newest.append(bytes(packet))
        self._bytes += packet.size
        if len(self._newest) > _MOST_KEPT or self._bytes > _MOST_BYTES:
            self._newest = []

    def _ends_whole(self) -> bool:
        """Whether FFmpeg finds nothing amiss with the newest group, and shows its last picture."""
        kept = self._before + self._newest
        newest, last = len(self._before), len(kept) - 1
        context = cast("VideoCodecContext", CodecContext.create(self._codec, "r"))
        context.extradata = self._extradata
        context.thread_count = 1
        context.thread_type = "AUTO"  # as in `Decoder`
        has_last = False
        packets = [_packet(data, number) for number, data in enumerate(kept)]
        for number, packet in enumerate((*packets, None)):
            try:
                pictures = context.decode(packet)
            except FFmpegError:
                if number >= newest:
                    return False
                continue
            for picture in pictures:
                if (picture.pts or 0) >= newest and picture.is_corrupt:
                    return False
                has_last = has_last or picture.pts == last
        return has_last


def _packet(data: bytes, number: int) -> Packet[VideoStream]:
    packet = cast("Packet[VideoStream]", Packet(data))
    packet.pts = number
    return packet
