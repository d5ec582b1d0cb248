"""Packets: what a container holds of one video stream, and of the sound that goes with it."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, cast

from av.error import FFmpegError

from agent.video.common_clock import CommonClock

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from av.container import InputContainer
    from av.packet import Packet
    from av.stream import Stream
    from av.video.stream import VideoStream

    from agent.video.sound import Sound

_TS_DISCONT = 0x200
"""libavformat's AVFMT_TS_DISCONT: the container has a running clock, which may be set anew."""
_LATEST_START_S = 60
"""Where there is no running clock, a start after zero is meant: pictures begin after the sound. One
this late is not. Chosen, not measured: nobody waits a minute before a black screen."""
_LONGEST_SOUND_S = 60
"""No packet of sound lasts longer. Chosen, not measured: an AVI's last for one second."""


class Packets:
    """Iterates over the packets of a video stream, up to what can't be read.

    The packets of the sound that is wanted go to `sound` on the way. All have their times moved
    into one clock. Empty packets are left out, because a decoder takes one for the end of its
    stream.

    Attributes:
        start: seconds in the container's time at which the clock begins.
        damaged: 1 once reading failed before the end.
    """

    def __init__(self, container: InputContainer, video: VideoStream, sound: Sound) -> None:
        self._video, self._sound = video, sound
        read: list[Stream] = [video, *sound.streams]
        self._demuxed = cast("Iterator[Packet[Any]]", container.demux(read))
        may_jump = bool(container.format.flags & _TS_DISCONT)
        self.start = start_of(read, may_jump=may_jump)
        self._clock = CommonClock(self.start, may_jump=may_jump)
        self._pictures_stay = not may_jump and not self.start
        self.damaged = 0

    @property
    def jumps(self) -> int:
        """Jumps of the container's clock that were closed so far."""
        return self._clock.jumps

    def __iter__(self) -> Packets:
        return self

    def __next__(self) -> Packet[VideoStream]:
        try:
            for packet in self._demuxed:
                if not packet.size:
                    continue
                is_picture = packet.stream_index == self._video.index
                if not (is_picture and self._pictures_stay):
                    self._move(packet)
                if is_picture:
                    return cast("Packet[VideoStream]", packet)
                self._sound.put(packet)
        except FFmpegError:
            self.damaged = 1
            self.close()
        raise StopIteration

    def _move(self, packet: Packet[Any]) -> None:
        base = packet.time_base
        dts, pts = (None if at is None else at * base for at in (packet.dts, packet.pts))
        duration = (packet.duration or 0) * base
        if packet.stream_index != self._video.index and duration > _LONGEST_SOUND_S:
            packet.duration, duration = 0, Fraction(0)  # an overflow
        shift = self._clock.shift(packet.stream_index, dts, pts, duration)
        ticks = round(shift / base)
        if packet.pts is not None:
            packet.pts += ticks
        if packet.dts is not None:
            packet.dts += ticks

    def close(self) -> None:
        """Let go of the container, which may be closed then."""
        self._demuxed = iter(())


def start_of(streams: Sequence[Stream], *, may_jump: bool) -> Fraction:
    """Seconds at which the output's zero lies; what lies between the streams' starts stays.

    Args:
        may_jump: whether the streams have a running clock, which may be set anew.
    """
    starts = [
        stream.start_time * stream.time_base
        for stream in streams
        if stream.start_time is not None and stream.time_base is not None
    ]
    start = min(starts, default=Fraction(0))
    return start if may_jump or start >= _LATEST_START_S else Fraction(0)
