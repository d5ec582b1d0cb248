"""Decoder: a stream's packets to its pictures, as far as they can be decoded."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Protocol, cast

from av.codec.codec import UnknownCodecError
from av.codec.context import CodecContext
from av.error import FFmpegError

from agent.errors import InputError
from agent.video.turn import turn_of
from models.deinterlacer import Deinterlacer, field_order_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.packet import Packet
    from av.video.codeccontext import VideoCodecContext
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

    from agent.video.turn import Turn

_WITH_ALPHA = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
"""FFmpeg's own decoders leave out what WebM keeps beside a picture: how transparent it is."""


class Packets(Protocol):
    """The packets of a video stream, in the order in which they are decoded; none is empty.

    Attributes:
        damaged: how many could not be read so far.
    """

    @property
    def damaged(self) -> int: ...  # noqa: D102

    def __next__(self) -> Packet[VideoStream]: ...


class CodedStream(Protocol):
    """A stream of coded pictures, in a container or without one.

    Attributes:
        codec_context: decodes it.
        metadata: what its container says of it.
    """

    @property
    def codec_context(self) -> VideoCodecContext: ...  # noqa: D102

    @property
    def metadata(self) -> dict[str, str]: ...  # noqa: D102


class Times(Protocol):
    """Of a stream's pictures, on their way through the decoder."""

    def fed(self, packet: Packet[VideoStream]) -> None:
        """A packet goes to the decoder."""
        ...

    def lost(self, packet: Packet[VideoStream] | None) -> None:
        """The decoder could make nothing of it."""
        ...

    def decoded(self, picture: VideoFrame) -> None:
        """Write into the picture that comes next out of the decoder what is known of its time."""
        ...


@dataclass(frozen=True, slots=True)
class Mark:
    """What is known of a picture beside its pixels.

    Attributes:
        suspect: predicted from pictures that were damaged.
        aspect: width of a pixel over its height, as the codec says.
        turn: how it has to be turned to be upright.
    """

    suspect: bool
    aspect: Fraction
    turn: Turn | None = None


class Decoder:
    """Pictures in order of presentation, each of one moment, with what is known of them.

    What can't be decoded is skipped and counted. Every thread beyond the first holds a frame more
    in memory, and H.264 then hands out some damaged pictures before it knows that they are.

    Args:
        times: is told what goes in and comes out, and writes each picture's time into it.
        threads: of libav's decoder.
        context: that decodes; None for the stream's own, or the one that sees what is transparent.
        name: what decodes, for a report.
        first: what describes the pictures to come, where that is not the next one.

    Attributes:
        name: what decodes, for a report.
        copied_s: 0: nothing is copied that need not be converted.

    Raises:
        InputError: this FFmpeg has no decoder for the stream, or none that sees what is transparent.
    """

    def __init__(
        self,
        stream: CodedStream,
        packets: Packets,
        times: Times,
        threads: int,
        context: VideoCodecContext | None = None,
        name: str = "pyav",
        first: tuple[VideoFrame, Mark] | None = None,
    ) -> None:
        self.name, self.copied_s, self._first = name, 0.0, first
        self._context = context or _context_for(stream)
        self._context.thread_count = threads
        # Threads that each take a frame; slice threads, PyAV's default, would switch off the
        # check of H.264 that tells a damaged picture from a good one.
        self._context.thread_type = "AUTO"
        self._packets, self._times = packets, times
        self._deinterlacer: Deinterlacer[Mark] = Deinterlacer(field_order_of(stream))
        self._pictures: deque[tuple[VideoFrame, Mark]] = deque()
        self._ended = False
        self._aspect: Fraction | None = None
        self._rotation: int | None = None
        self._turn: Turn | None = None
        self._skipped = 0
        self._newest_pts = -(2**63)
        self._suspect_to: int | None = None

    @property
    def damaged(self) -> int:
        """Packets and pictures that were skipped so far because they are damaged."""
        return self._skipped + self._packets.damaged

    @property
    def deinterlaced(self) -> int:
        """Pictures that showed two moments so far."""
        return self._deinterlacer.deinterlaced

    def preview(self) -> tuple[VideoFrame, Mark] | None:
        """What describes the pictures to come; None when the stream has ended."""
        return self._first or self.peek()

    def peek(self) -> tuple[VideoFrame, Mark] | None:
        """The picture that comes next; None when the stream has ended."""
        while not self._pictures and not self._ended:
            self._decode_one()
        return self._pictures[0] if self._pictures else None

    def take(self) -> tuple[VideoFrame, Mark] | None:
        """The next picture; None when the stream has ended."""
        self._first = None
        return None if self.peek() is None else self._pictures.popleft()

    def close(self) -> None:
        """Decode no more."""
        self._ended = True
        self._pictures.clear()
        # Its threads rest then. Freeing waits for them with Python's lock held, which one that
        # has something to say while `crop_of` lets FFmpeg speak would be waiting for.
        self._context.flush_buffers()

    def _decode_one(self) -> None:
        """Decode the next packet, or empty the decoder at the end."""
        lost = self._packets.damaged
        packet = next(self._packets, None)
        self._ended = packet is None
        if packet is not None:
            self._times.fed(packet)
        if packet is not None and packet.pts is not None:
            self._newest_pts = max(self._newest_pts, packet.pts)
        if self._packets.damaged > lost:
            self._suspect_to = self._newest_pts
        try:
            pictures = self._context.decode(packet)  # None: what the decoder still holds
        except FFmpegError:
            self._times.lost(packet)
            self._skipped += 1
            self._suspect_to = self._newest_pts
            pictures = []
        for picture, mark in self._whole(pictures):
            self._pictures.extend(self._deinterlacer.take(picture, mark))
        if self._ended:
            self._pictures.extend(self._deinterlacer.end())

    def _whole(self, pictures: list[VideoFrame]) -> Iterator[tuple[VideoFrame, Mark]]:
        """The pictures that are not damaged, and whether damaged ones are what they built on.

        A decoder goes on predicting from what it lost. The next key picture ends that, if none
        of it was fed to the decoder before the damage: pictures leave it in another order.
        """
        for picture in pictures:
            self._times.decoded(picture)
            if picture.format.name == "cuda" and picture.interlaced_frame:
                raise InputError("interlaced pictures can't stay on the GPU; --decoder pyav can")
            if picture.is_corrupt:
                self._skipped += 1
                self._suspect_to = self._newest_pts
                continue
            if picture.key_frame and (picture.pts or 0) > (self._suspect_to or 0):
                self._suspect_to = None
            if picture.key_frame or self._aspect is None:
                # Where the codec may begin to say another, and by now it has.
                self._aspect = self._context.sample_aspect_ratio or Fraction(1)
            if picture.rotation != self._rotation:
                self._rotation, self._turn = picture.rotation, turn_of(picture)
            yield picture, Mark(self._suspect_to is not None, self._aspect, self._turn)


def _context_for(stream: CodedStream) -> VideoCodecContext:
    """The stream's own decoder, or the one that sees what is transparent."""
    if stream.codec_context is None:  # as PyAV has it, whatever its types say
        raise InputError("its pictures are of a codec that this FFmpeg can't decode")
    tags = {key.lower(): value for key, value in stream.metadata.items()}
    better = _WITH_ALPHA.get(stream.codec_context.name)
    if better is None or tags.get("alpha_mode") != "1":
        return stream.codec_context
    try:
        return cast("VideoCodecContext", CodecContext.create(better, "r"))
    except UnknownCodecError as error:
        raise InputError(
            f"parts of its pictures are transparent, and this FFmpeg was built without {better}, "
            "which alone can tell; install PyAV's own wheel (pip install --only-binary av av)"
        ) from error
