"""LivePackets: what a camera sends of its pictures, until it fails."""

from __future__ import annotations

import time
from fractions import Fraction
from typing import TYPE_CHECKING

from av.error import ExitError, FFmpegError

from agent.video.frame_numbers import FrameNumbers
from agent.video.live_clock import LiveClock
from agent.video.packets import start_of
from models.video_stream import frame_rate_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from av.container import InputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

_USUAL_RATE = Fraction(25)


class LivePackets:
    """Iterates over the packets of a video stream, their times moved into one clock.

    It ends where reading fails, so that what is still in the decoder comes out; `fault` says why.

    Args:
        stall_s: how long a read may take; libav gives up then.
        no_picture_s: how much reading may be in vain.
        now: a monotonic clock, seconds.

    Attributes:
        start: seconds in the stream's time at which the clock begins.
        damaged: how often pictures were lost on the way, of H.264; what can't be read is a fault.
        fault: why it ended; empty until then.
        opened_at: the time of the first packet after the stream's clock was set anew, in the
            stream's ticks; whoever gives out the picture sets it back to None.
    """

    def __init__(
        self,
        container: InputContainer,
        stream: VideoStream,
        *,
        stall_s: float,
        no_picture_s: float,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._demuxed: Iterator[Packet[VideoStream]] = container.demux(stream)
        self._stall_s, self._no_picture_s, self._now = stall_s, no_picture_s, now
        self._in_vain_s = 0.0
        self.start = start_of((stream,), may_jump=False)
        self._clock = LiveClock(self.start)
        self._usual = 1 / (frame_rate_of(stream) or _USUAL_RATE)
        codec = stream.codec_context
        is_h264 = codec is not None and codec.name == "h264"  # None: FFmpeg doesn't know it
        self._numbers = FrameNumbers(codec.extradata or b"") if is_h264 else None
        self.damaged = 0
        self.fault = ""
        self.opened_at: int | None = None

    @property
    def jumps(self) -> int:
        """How often the stream's clock was set anew."""
        return self._clock.jumps

    def saw_picture(self) -> None:
        """A packet was not read in vain."""
        self._in_vain_s = 0.0

    def __iter__(self) -> LivePackets:
        return self

    def __next__(self) -> Packet[VideoStream]:
        while not self.fault:
            packet = self._read()
            if packet is not None and packet.size:
                self._move(packet)
                if self._numbers is not None and self._numbers.missing_before(bytes(packet)):
                    self.damaged += 1
                return packet
        raise StopIteration

    def _read(self) -> Packet[VideoStream] | None:
        """The next packet, which may be empty; None where there is none any more."""
        asked_s = self._now()
        packet, fault = None, "ended the stream"
        try:
            packet = next(self._demuxed, None)
        except ExitError:
            fault = self._silent
        except FFmpegError as error:
            fault = f"broke off ({error.strerror})"
        took_s = self._now() - asked_s
        self._in_vain_s += took_s
        if took_s >= self._stall_s:  # libav hands out what it has, and would wait as long again
            fault = self._silent
        elif packet is not None:
            fault = ""
            if self._in_vain_s >= self._no_picture_s:
                fault = f"sent nothing that can be decoded for {self._no_picture_s:g} s"
        self.fault = fault
        return packet

    @property
    def _silent(self) -> str:
        return f"sent nothing for {self._stall_s:g} s"

    def _move(self, packet: Packet[VideoStream]) -> None:
        at = packet.pts if packet.dts is None else packet.dts
        if at is None:
            return
        base, jumps = packet.time_base, self.jumps
        least = (packet.duration or 0) * base or self._usual
        ticks = round(self._clock.shift(at * base, least, self._now()) / base)
        if packet.pts is not None:
            packet.pts += ticks
        if packet.dts is not None:
            packet.dts += ticks
        if self.jumps > jumps:
            self.opened_at = at + ticks

    def close(self) -> None:
        """Let go of the container, which may be closed then."""
        self._demuxed = iter(())
