"""VideoEncoder: redacted pictures to packets of H.264 or H.265."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Generic, Literal, final, overload

from av.video.frame import PictureType

from agent.frames.annotated import AnnotatedFrame
from agent.frames.encoded import _SEAL, Codec, EncodedPacket, EncodedStream
from agent.frames.ports import FrameT
from agent.frames.redacted import RedactedFrame
from agent.video.encoder_context import USUAL_RATE, coded_rate
from agent.video.encoder_picture import EncoderPicture
from agent.video.libav_coder import LibavCoder
from agent.video.output_clock import OutputClock
from agent.video.picture_durations import PictureDurations

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.frames.stream_info import StreamInfo
    from agent.video.coder import Coded, Coder

LIVE_PRESET, LIVE_CRF = "ultrafast", 26
"""What a live stream is encoded with where nobody asks for other: 3.7 ms of a core for a picture of
720p, and 3.2 Mbit/s at 30 a second, measured on a street; `superfast` takes 5.7 and 2.6."""


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
        wants_key: asked before each picture, whether that shall be a keyframe; where it is given,
            the stream is live: each picture's packet is given out as soon as it was taken (by
            FFmpeg's encoders; another may hold some), says no duration, and there are few
            keyframes but those that are wanted.
        coder: what codes; None for FFmpeg's on the CPU. `crf`, `preset` and `threads` are for that.

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
        wants_key: Callable[[], bool] | None = ...,
        coder: Coder | None = ...,
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
        wants_key: Callable[[], bool] | None = ...,
        coder: Coder | None = ...,
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
        wants_key: Callable[[], bool] | None = None,
        coder: Coder | None = None,
    ) -> None:
        self._info, self._codec, self._annotated = info, codec, annotated
        self._clock = clock or OutputClock(info.time_base)
        time_base = self._clock.time_base
        self._coder: Coder = coder or LibavCoder(
            info,
            time_base,
            codec,
            crf,
            preset,
            threads,
            prompt=gop_s is not None,
            live=wants_key is not None,
        )
        self._stream: EncodedStream | None = None
        self._last_pts = 0
        rate = info.frame_rate or USUAL_RATE
        self._durations = PictureDurations(round(1 / (rate * time_base)))
        self._group_ticks = None if gop_s is None else round(gop_s / time_base)
        self._key_pts = 0
        self._wants_key = wants_key
        self._held: deque[Coded] = deque()

    @property
    def coder(self) -> str:
        """The name of what codes."""
        return self._coder.name

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
        picture = self._picture.wrap(frame)
        picture.pts = ticks + self._stream.shift
        picture.time_base = self._clock.time_base
        if self._shall_be_key(picture.pts):
            picture.pict_type = PictureType.I
            self._key_pts = picture.pts
        if self._wants_key is not None:
            return [self._sealed(coded) for coded in self._coder.encode(picture)]
        end = self._clock.nearest(frame.pts + frame.duration, frame.time_base)
        self._durations.add(picture.pts, end - ticks if frame.duration else 0)
        self._held.extend(self._coder.encode(picture))
        ready = []
        while self._held and self._held[0].pts != picture.pts:  # whose end isn't known yet
            ready.append(self._sealed(self._held.popleft()))
        return ready

    def flush(self) -> list[EncodedPacket]:
        """The packets that the encoder still holds; no frames follow."""
        if self._stream is None:
            return []
        packets = [*self._held, *self._coder.encode(None)]
        self._held.clear()
        return [self._sealed(packet) for packet in packets]

    def close(self) -> None:
        """Let go of what codes, and of what it holds."""
        self._coder.close()

    def _open(self, frame: FrameT, shift: int) -> EncodedStream:
        """Tell the encoder what it must know before it starts, from the first picture."""
        info = self._info
        self._picture = EncoderPicture.around(
            (info.width, info.height),
            interleaved=len(frame.planes) == 2 and self._codec == "h264",
        )
        extradata = self._coder.open(self._picture, frame.colour, info.matrix_code)
        return EncodedStream(
            _SEAL,
            codec=self._codec,
            width=self._picture.width,
            height=self._picture.height,
            time_base=self._clock.time_base,
            frame_rate=coded_rate(info),
            sample_aspect_ratio=info.sample_aspect_ratio,
            colour=frame.colour,
            matrix_code=info.matrix_code,
            extradata=extradata,
            shift=shift,
            annotated=self._annotated,
        )

    def _shall_be_key(self, pts: int) -> bool:
        is_wanted = self._wants_key is not None and self._wants_key()
        return is_wanted or (
            self._group_ticks is not None and pts - self._key_pts >= self._group_ticks
        )

    def _sealed(self, coded: Coded) -> EncodedPacket:
        if coded.is_key:  # perhaps of a scene cut that nobody ordered
            self._key_pts = max(self._key_pts, coded.pts)
        duration = 0 if self._wants_key is not None else self._durations.take(coded.pts)
        return EncodedPacket(
            _SEAL, coded.data, coded.pts, coded.dts, coded.is_key, duration=duration
        )
