"""LibavCoder: FFmpeg's x264 and x265, on the CPU."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from av.error import FFmpegError

from agent.errors import OutputError
from agent.video.coder import Coded
from agent.video.encoder_context import encoder_context

if TYPE_CHECKING:
    from collections.abc import Iterator
    from fractions import Fraction

    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

    from agent.frames.encoded import Codec
    from agent.frames.frame import Colour
    from agent.frames.stream_info import StreamInfo
    from agent.video.encoder_picture import EncoderPicture

_X265_DELAY = 2
"""Pictures that x265 looks ahead of the one it gives out, to place B-frames."""


class LibavCoder:
    """A `Coder`; its arguments are `VideoEncoder`'s, and `encoder_context`'s.

    Raises:
        OutputError: when the encoder is missing.
    """

    def __init__(
        self,
        info: StreamInfo,
        time_base: Fraction,
        codec: Codec,
        crf: int,
        preset: str,
        threads: int,
        *,
        prompt: bool,
        live: bool = False,
    ) -> None:
        self._context = encoder_context(
            info, time_base, codec, crf, preset, threads, prompt=prompt, live=live
        )
        self._is_x265 = codec == "hevc"
        self._encoded = 0

    @property
    def name(self) -> str:
        """FFmpeg's."""
        return self._context.name

    def open(self, picture: EncoderPicture, colour: Colour, matrix_code: int) -> bytes:
        """See `Coder`."""
        context = self._context
        context.width, context.height = picture.width, picture.height
        context.pix_fmt = picture.pixel_format
        context.color_range = 2 if colour.full_range else 1
        context.colorspace = matrix_code
        context.color_primaries = colour.primaries
        context.color_trc = colour.transfer
        settings = " ".join(f"{key}={value}" for key, value in context.options.items())
        try:
            context.open()
        except FFmpegError as error:
            raise OutputError(
                f"{context.name} refuses {context.width}x{context.height} pixels with {settings} "
                f"({error.strerror})"
            ) from error
        return context.extradata or b""

    def encode(self, picture: VideoFrame | None) -> list[Coded]:
        """See `Coder`."""
        self._encoded += picture is not None
        with self._failing_as_output_error():
            coded = [_coded(packet) for packet in self._context.encode(picture)]
        if picture is None and self._is_x265 and self._encoded <= _X265_DELAY:
            # It subtracts a delay that it never got to measure: memory nobody has set. So few
            # pictures leave in the order they came.
            return [replace(each, dts=each.pts) for each in coded]
        return coded

    def close(self) -> None:
        """See `Coder`; there is nothing that its end would not let go of."""

    @contextmanager
    def _failing_as_output_error(self) -> Iterator[None]:
        try:
            yield
        except FFmpegError as error:
            raise OutputError(f"{self._context.name} failed ({error.strerror})") from error


def _coded(packet: Packet[VideoStream]) -> Coded:
    """Without a copy: the view keeps libav's packet alive."""
    if packet.pts is None or packet.dts is None:
        raise OutputError("the encoder gave a picture without a time")
    data = memoryview(packet).toreadonly()
    return Coded(data, packet.pts, packet.dts, packet.is_keyframe)
