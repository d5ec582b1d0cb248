"""VideoEncoder: redacted pictures to packets of H.264 or H.265."""

from __future__ import annotations

from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Generic, Literal, final, overload

from av.error import FFmpegError
from av.video.frame import PictureType

from agent.errors import OutputError
from agent.frames.annotated import AnnotatedFrame
from agent.frames.encoded import _SEAL, Codec, EncodedPacket, EncodedStream
from agent.frames.ports import FrameT
from agent.frames.redacted import RedactedFrame
from agent.video.encoder_context import USUAL_RATE, encoder_context
from agent.video.encoder_picture import EncoderPicture
from agent.video.output_clock import OutputClock
from agent.video.picture_durations import PictureDurations

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.packet import Packet
    from av.video.stream import VideoStream

    from agent.frames.stream_info import StreamInfo

_X265_DELAY = 2
"""Pictures that x265 looks ahead of the one it gives out, to place B-frames."""


@final
class VideoEncoder(Generic[FrameT]):
    """Encodes redacted pictures to H.264 or H.265, keeping each one's own time.

    A picture of another size than `info` says is scaled to fit; an odd edge is continued by one
    pixel. A stream that starts before zero is moved to start at zero, because players cut off
    what lies before.

    Args:
        info: the input's, for size, rate, time base and colour tags.
        codec: what to encode to.
        crf: constant rate factor of the encoder, 0 (lossless for H.264) to 51.
        preset: the encoder's preset, e.g. `veryfast`.
        threads: encoder threads; 0 lets the encoder choose.
        annotated: take annotated pictures and no others; the stream says so.
        clock: in what times are counted; None for the input's own ticks.
        gop_s: begin a group of pictures as soon as so many seconds of video have passed since the
            last one began, and give pictures out soon, as a recording needs it that may be cut at
            every keyframe and killed at any time; None: both as the encoder likes.

    Raises:
        OutputError: when the encoder is missing.
    """

    @overload
    def __init__(
        self: VideoEncoder[RedactedFrame],
        info: StreamInfo,
        *,
        codec: Codec = ...,
        crf: int = ...,
        preset: str = ...,
        threads: int = ...,
        annotated: Literal[False] = ...,
        clock: OutputClock | None = ...,
        gop_s: float | None = ...,
    ) -> None: ...

    @overload
    def __init__(
        self: VideoEncoder[AnnotatedFrame],
        info: StreamInfo,
        *,
        codec: Codec = ...,
        crf: int = ...,
        preset: str = ...,
        threads: int = ...,
        annotated: Literal[True],
        clock: OutputClock | None = ...,
        gop_s: float | None = ...,
    ) -> None: ...

    def __init__(
        self,
        info: StreamInfo,
        *,
        codec: Codec = "h264",
        crf: int = 23,
        preset: str = "veryfast",
        threads: int = 0,
        annotated: bool = False,
        clock: OutputClock | None = None,
        gop_s: float | None = None,
    ) -> None:
        self._info, self._codec, self._annotated = info, codec, annotated
        self._clock = clock or OutputClock(info.time_base)
        time_base = self._clock.time_base
        self._context = encoder_context(
            info, time_base, codec, crf, preset, threads, prompt=gop_s is not None
        )
        self._stream: EncodedStream | None = None
        self._last_pts = 0
        self._encoded = 0
        rate = info.frame_rate or USUAL_RATE
        self._durations = PictureDurations(round(1 / (rate * time_base)))
        self._group_ticks = None if gop_s is None else round(gop_s / time_base)
        self._key_pts = 0
        self._held: deque[Packet[VideoStream]] = deque()

    @property
    def stream(self) -> EncodedStream:
        """What the packets are.

        Raises:
            RuntimeError: before a frame was encoded.
        """
        if self._stream is None:
            raise RuntimeError("no frame was encoded so far")
        return self._stream

    def encode(self, frame: FrameT) -> list[EncodedPacket]:
        """Encode one picture; the packets that are ready by now.

        Raises:
            OutputError: when it can't be encoded, or the encoder refuses size or settings.
            TypeError: for anything that was not redacted (or annotated, where it is for that).
            ValueError: for a picture that is not later than the one before.
        """
        taken = AnnotatedFrame if self._annotated else RedactedFrame
        if not isinstance(frame, taken):
            kind = "annotated" if self._annotated else "redacted"
            raise TypeError(f"this encoder takes {kind} frames, not {type(frame).__name__}")
        if self._stream is not None and frame.pts <= self._last_pts:
            raise ValueError(f"frame {frame.index} at {frame.pts} follows one at {self._last_pts}")
        ticks = self._clock.ticks(frame.pts, frame.time_base)
        if self._stream is None:
            self._stream = self._open(frame, shift=max(0, -ticks))
            self._key_pts = ticks + self._stream.shift
        self._last_pts = frame.pts
        self._encoded += 1
        picture = self._picture.wrap(frame)
        picture.pts = ticks + self._stream.shift
        picture.time_base = self._clock.time_base
        if self._group_ticks is not None and picture.pts - self._key_pts >= self._group_ticks:
            picture.pict_type = PictureType.I
            self._key_pts = picture.pts
        end = self._clock.nearest(frame.pts + frame.duration, frame.time_base)
        self._durations.add(picture.pts, end - ticks if frame.duration else 0)
        with self._failing_as_output_error():
            self._held.extend(self._context.encode(picture))
        ready = []
        while self._held and self._held[0].pts != picture.pts:  # whose end isn't known yet
            ready.append(self._sealed(self._held.popleft()))
        return ready

    def flush(self) -> list[EncodedPacket]:
        """The packets that the encoder still holds; no frames follow."""
        if self._stream is None:
            return []
        with self._failing_as_output_error():
            packets = [*self._held, *self._context.encode(None)]
        self._held.clear()
        if self._encoded <= _X265_DELAY and self._codec == "hevc":
            # It subtracts a delay that it never got to measure: memory nobody has set. So few
            # pictures leave in the order they came.
            for packet in packets:
                packet.dts = packet.pts
        return [self._sealed(packet) for packet in packets]

    def _open(self, frame: FrameT, shift: int) -> EncodedStream:
        """Tell the encoder what it must know before it starts, from the first picture."""
        info, context = self._info, self._context
        self._picture = EncoderPicture.around(
            (info.width, info.height),
            interleaved=len(frame.planes) == 2 and self._codec == "h264",
        )
        context.width, context.height = self._picture.width, self._picture.height
        context.pix_fmt = self._picture.pixel_format
        context.color_range = 2 if frame.colour.full_range else 1
        context.colorspace = info.matrix_code
        context.color_primaries = frame.colour.primaries
        context.color_trc = frame.colour.transfer
        settings = " ".join(f"{key}={value}" for key, value in context.options.items())
        try:
            context.open()
        except FFmpegError as error:
            raise OutputError(
                f"{context.name} refuses {context.width}x{context.height} pixels with {settings} "
                f"({error.strerror})"
            ) from error
        return EncodedStream(
            _SEAL,
            codec=self._codec,
            width=context.width,
            height=context.height,
            time_base=self._clock.time_base,
            frame_rate=context.framerate,
            sample_aspect_ratio=info.sample_aspect_ratio,
            colour=frame.colour,
            matrix_code=info.matrix_code,
            extradata=context.extradata or b"",
            shift=shift,
            annotated=self._annotated,
        )

    def _sealed(self, packet: Packet[VideoStream]) -> EncodedPacket:
        """Without a copy: the view keeps libav's packet alive."""
        if packet.pts is None or packet.dts is None:
            raise OutputError("the encoder gave a picture without a time")
        if packet.is_keyframe:  # perhaps of a scene cut that nobody ordered
            self._key_pts = max(self._key_pts, packet.pts)
        data, duration = memoryview(packet).toreadonly(), self._durations.take(packet.pts)
        return EncodedPacket(
            _SEAL, data, packet.pts, packet.dts, packet.is_keyframe, duration=duration
        )

    @contextmanager
    def _failing_as_output_error(self) -> Iterator[None]:
        try:
            yield
        except FFmpegError as error:
            raise OutputError(f"{self._context.name} failed ({error.strerror})") from error
