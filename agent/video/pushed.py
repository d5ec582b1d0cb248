"""PushedSource: a camera whose coded pictures are handed in, such as a browser's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from av.codec.context import CodecContext, Flags

from agent.errors import InputError
from agent.frames.repairs import Repairs
from agent.frames.stream_info import StreamInfo
from agent.video.decoded import matrix_code_of
from agent.video.decoder import Decoder
from agent.video.deferred_close import DeferredClose
from agent.video.live_source import Stretch
from agent.video.pushed_packets import LEAST_STEP_US, MICROSECONDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from av.packet import Packet
    from av.video.codeccontext import VideoCodecContext
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

    from agent.video.decoder import Mark
    from agent.video.frame_maker import FrameMaker
    from agent.video.pushed_packets import PushedCodec, PushedPackets

MOST_PIXELS = 1920 * 1088
"""Of a picture, as it is coded: 1080p. A keyframe of 104 KB that declared 8192x4320 cost 153 MB and
half a second without a limit, 13 MB with it."""


class PushedSource(Stretch):
    """The pictures of what is pushed, each once, in order, with times that rise.

    What can't be decoded is skipped and counted in `damaged`, and a key is asked for. Where the
    pictures' size changes, iteration ends and `successor` goes on. Who closes `packets` ends it.

    Args:
        given: called with the number and the time (microseconds) of each frame that is given out.

    Raises:
        InputError: `packets` was closed before there was a picture; while iterating, whenever it is.
    """

    def __init__(self, packets: PushedPackets, given: Callable[[int, int], None]) -> None:
        super().__init__(_Connection(packets, given))


class _Connection:
    """See `agent.video.live_source.Connection`."""

    def __init__(self, packets: PushedPackets, given: Callable[[int, int], None]) -> None:
        self._packets = packets
        self.times = _Times(packets, given)
        stream = _Stream(_context_for(packets.codec))
        self.decoder = Decoder(stream, packets, self.times, threads=1)
        self.gpu = None
        self.closing = DeferredClose(self.decoder.close)

    @property
    def repairs(self) -> Repairs:
        """What was amiss with the camera's times so far."""
        return Repairs(jumps=self._packets.jumps)

    def described(self, picture: VideoFrame, maker: FrameMaker) -> StreamInfo:
        """What is known of the pictures to come; nobody says how many a second."""
        width, height = maker.shape.size
        return StreamInfo(
            width=width,
            height=height,
            frame_rate=None,
            time_base=MICROSECONDS,
            frames=None,
            duration_s=None,
            colour=maker.colour,
            matrix_code=matrix_code_of(picture),
            codec=self._packets.codec,
            pixel_format=picture.format.name,
            sample_aspect_ratio=maker.shape.aspect,
            has_audio=False,
        )

    def preview(self) -> tuple[VideoFrame, Mark]:
        """What describes the pictures to come."""
        return _there(self.decoder.preview())

    def peek(self) -> tuple[VideoFrame, Mark]:
        """The picture that comes next."""
        return _there(self.decoder.peek())

    def take(self) -> bool:
        """Go on behind the picture that comes next; whether it is the first of a new timeline."""
        taken, opened_at = self.decoder.take(), self._packets.opened_at
        if taken is None or opened_at is None or (taken[0].pts or 0) < opened_at:
            return False
        self._packets.opened_at = None
        return True


class _Times:
    """Times of pictures, as their packets had them, and the numbers that these came with."""

    def __init__(self, packets: PushedPackets, given: Callable[[int, int], None]) -> None:
        self._packets, self._given = packets, given
        self.time_base = MICROSECONDS
        self._last_us = 0

    def fed(self, packet: Packet[VideoStream]) -> None:
        """A packet goes to the decoder."""

    def lost(self, packet: Packet[VideoStream] | None) -> None:
        """What builds on it is damaged, too."""
        if packet is not None and packet.pts is not None:
            self._packets.damage(packet.pts)

    def decoded(self, picture: VideoFrame) -> None:
        """See how it came out."""
        if picture.is_corrupt and picture.pts is not None:
            self._packets.damage(picture.pts)

    def given(self, picture: VideoFrame) -> tuple[int, int]:
        """Its time, and no duration: nobody knows when the next will come."""
        number = None if picture.pts is None else self._packets.number_at(picture.pts)
        least_us = self._last_us + LEAST_STEP_US
        self._last_us = max(picture.pts or 0, least_us)  # its own, if the encoder kept the order
        if number is not None:
            self._given(number, self._last_us)
        return self._last_us, 0


@dataclass(frozen=True, slots=True)
class _Stream:
    """See `agent.video.decoder.CodedStream`."""

    codec_context: VideoCodecContext

    @property
    def metadata(self) -> dict[str, str]:
        """Nothing is said of it."""
        return {}


def _context_for(codec: PushedCodec) -> VideoCodecContext:
    """What decodes one picture for each packet, of no more than `MOST_PIXELS`."""
    context = CodecContext.create(codec, "r")
    context.options = {"max_pixels": str(MOST_PIXELS)}
    context.flags |= Flags.low_delay
    return context


def _there(following: tuple[VideoFrame, Mark] | None) -> tuple[VideoFrame, Mark]:
    if following is None:
        raise InputError("the camera was closed")
    return following
