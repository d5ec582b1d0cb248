"""Muxer: an encoded stream, packet by packet into one of libav's containers."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import av
from av.container import Flags as ContainerFlags
from av.packet import Packet

from agent.video.output_clock import MAX_TICKS, timescale_of

if TYPE_CHECKING:
    from fractions import Fraction
    from pathlib import Path

    from av.container import OutputContainer
    from av.video.stream import VideoStream

    from agent.frames.encoded import Codec, EncodedPacket, EncodedStream

MP4_FORMATS = frozenset({"mp4", "mov"})
_MOVIE_TIMESCALE = 10_000
"""At least so many ticks a second for where streams start: sound counts in others than pictures."""

_FRAGMENT_US = 500_000
"""Microseconds after which what came is written; a process that is killed loses as much. Each costs
about 240 bytes, measured at 25 pictures a second: 0.4 % of 1 Mbit/s."""


class Muxer:
    """A container that is being written, in which the pictures are the first stream.

    Args:
        path: the file to write.
        name: FFmpeg's name of the container.
        stream: what the packets are.
        fragmented: write MP4 that can be played while it grows.
        origin: the packets' time at which the file begins, in their ticks.

    Attributes:
        container: for sound; streams must be added before the header is written, with
            `start_encoding`.

    Raises:
        FFmpegError: when libav refuses.
        OSError: when the file can't be written.
    """

    def __init__(
        self, path: Path, name: str, stream: EncodedStream, *, fragmented: bool, origin: int = 0
    ) -> None:
        self._time_base, self._origin = stream.time_base, origin
        self._duration = max(1, round(1 / (stream.frame_rate * stream.time_base)))
        self._max_ticks: int | None = None
        self._held: EncodedPacket | None = None
        self._lead = self._end = 0
        options = {}
        if name in MP4_FORMATS:
            # Edit lists hold the start offset in movie ticks: make those the stream's own, or
            # it is rounded to a millisecond.
            ticks = timescale_of(stream.time_base)
            options["video_track_timescale"] = str(ticks)
            options["movie_timescale"] = str(ticks * -(-_MOVIE_TIMESCALE // ticks))
            self._max_ticks = MAX_TICKS * stream.time_base.denominator // ticks
            if fragmented:
                # Without a delayed moov there is no edit list, and B-frames would move every time.
                options["movflags"] = "frag_keyframe+empty_moov+default_base_moof+delay_moov"
                options["frag_duration"] = str(_FRAGMENT_US)
                options["flush_packets"] = "1"
        self.container = av.open(f"file:{path}", "w", format=name, container_options=options)
        # Leaves out library versions, dates and random identifiers.
        self.container.flags |= cast("int", ContainerFlags.bitexact.value)
        self._stream = added_stream(self.container, stream)

    def write(self, packet: EncodedPacket) -> None:
        """Write the next packet, once all streams have got as far and another follows.

        Raises:
            OverflowError: when it lies too far from the one before for the container.
        """
        if self._held is None:
            self._lead = packet.pts - packet.dts
        else:
            self._check_gap(packet, self._held)
            self._mux(self._held, self._held.dts, self._held.duration or self._duration)
        self._held = packet
        self._end = max(self._end, packet.pts + (packet.duration or self._duration))

    def close(self) -> None:
        """Write what is left, and the trailer."""
        held, self._held = self._held, None
        if held is not None:
            dts, duration = held.dts, held.duration or self._duration
            if self._max_ticks is not None:
                # MP4 adds up the steps between decoding times, which only come to the length of
                # the pictures if the last picture is decoded as early as the first was.
                dts = max(dts, held.pts - self._lead)
                duration = max(1, self._end - self._lead - dts)
            self._mux(held, dts, duration)
        self.container.close()

    def abort(self) -> None:
        """Let go of the file; after an error libav takes no more packets, and crashes on some."""
        self._held = None
        self.container.close()

    def _check_gap(self, packet: EncodedPacket, before: EncodedPacket) -> None:
        gap = max(packet.dts - before.dts, packet.pts - packet.dts, packet.duration)
        if self._max_ticks is not None and gap * self._time_base.numerator > self._max_ticks:
            raise OverflowError(f"{float(gap * self._time_base):.0f} s without a new picture")

    def _mux(self, packet: EncodedPacket, dts: int, duration: int) -> None:
        muxed = Packet(cast("bytes", packet.data))  # or any other buffer; without a copy
        muxed.pts, muxed.dts = packet.pts - self._origin, dts - self._origin
        muxed.time_base = self._time_base
        # Only the last picture's is written. PyAV 17 doesn't hand on the frame rate from which
        # libav would take it.
        muxed.duration = duration
        muxed.is_keyframe = packet.is_key
        muxed.stream = self._stream
        self.container.mux(muxed)


def bare_stream(
    container: OutputContainer,
    codec: str,
    size: tuple[int, int],
    time_base: Fraction,
    extradata: bytes,
) -> VideoStream:
    """A stream of `container` for packets that are coded already, without an encoder of its own.

    Args:
        size: width, height in pixels.
    """
    # PyAV lets parameters be set only on a codec context, and opens an encoder for it unless the
    # stream is another's copy. Nothing is ever written to that other one.
    other = av.open("", "w", format="null").add_stream(cast("Codec", codec))
    target = container.add_stream_from_template(other)
    context = target.codec_context
    context.width, context.height = size
    context.time_base = time_base
    context.extradata = extradata
    return target


def added_stream(container: OutputContainer, stream: EncodedStream) -> VideoStream:
    """A stream of `container` that is what `stream` says, without an encoder of its own."""
    target = bare_stream(
        container, stream.codec, (stream.width, stream.height), stream.time_base, stream.extradata
    )
    context = target.codec_context
    context.framerate = stream.frame_rate
    context.sample_aspect_ratio = stream.sample_aspect_ratio
    context.color_range = 2 if stream.colour.full_range else 1
    context.colorspace = stream.matrix_code
    context.color_primaries = stream.colour.primaries
    context.color_trc = stream.colour.transfer
    if stream.codec == "hevc" and container.format.name in MP4_FORMATS:
        context.codec_tag = "hvc1"  # the one that Apple's players open
    return target
