"""VideoSink: redacted pictures into a file that gets its name only when it is whole."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast, final

import av
from av.container import Flags as ContainerFlags
from av.error import FFmpegError

from agent.errors import OutputError
from agent.frames.redacted import RedactedFrame
from agent.video.audio import AudioCopy
from agent.video.encoder_picture import EncoderPicture
from models.whole_file import sync

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from av.container import OutputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

    from agent.frames.stream_info import StreamInfo

Codec = Literal["h264", "hevc"]

_ENCODERS: dict[Codec, str] = {"h264": "libx264", "hevc": "libx265"}
_MUXERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}
_USUAL_RATE = Fraction(25)
_X265_DELAY = 2
"""Pictures that x265 looks ahead of the one it gives out, to place B-frames."""


@final
class VideoSink:
    """Encodes redacted pictures to H.264 or H.265, keeping each one's own time.

    Pictures go to a hidden file beside `path`, which takes `path`'s name in `finish` and is
    deleted by `abort`, or by leaving the context without `finish`. Nothing of the input is known
    here but its pictures, colour tags and (where asked for) sound, so nothing else can be copied.

    A picture of another size than `info` says is scaled to fit; an odd edge is continued by one
    pixel. A stream that starts before zero is moved to start at zero, because players cut off
    what lies before.

    Args:
        path: the output; its extension chooses the container.
        info: the input's, for size, rate, time base and colour tags.
        codec: what to encode to.
        crf: constant rate factor of the encoder, 0 (lossless for H.264) to 51.
        preset: the encoder's preset, e.g. `veryfast`.
        threads: encoder threads; 0 lets the encoder choose.
        audio_from: a file whose sound is copied as it is; None for silence.
        fragmented: write MP4 that can be played while it grows.

    Raises:
        OutputError: when the file can't be written, the encoder is missing or refuses, or the
            container can't hold the sound.
    """

    def __init__(
        self,
        path: str | Path,
        info: StreamInfo,
        *,
        codec: Codec = "h264",
        crf: int = 23,
        preset: str = "veryfast",
        threads: int = 0,
        audio_from: Path | None = None,
        fragmented: bool = False,
    ) -> None:
        # A link stays a link: what it points to is replaced.
        self._path = Path(os.path.realpath(path))
        self._info = info
        self._last_pts: int | None = None
        self._written = 0
        self._shift = 0
        muxer = _MUXERS.get(self._path.suffix.lower())
        if muxer is None:
            raise OutputError(
                f"{path}: can't write {self._path.suffix or 'a file without extension'}; "
                f"name it one of {' '.join(_MUXERS)}"
            )
        if _ENCODERS[codec] not in av.codecs_available:
            raise OutputError(
                f"this FFmpeg was built without {_ENCODERS[codec]}, which {codec} needs: "
                "install PyAV's own wheel (pip install --only-binary av av) or choose another codec"
            )
        self._part = self._path.with_name(
            f".{self._path.stem}.{os.getpid()}.partial{self._path.suffix}"
        )
        self._create()
        self._open_audio: AudioCopy | None = None
        try:
            with self._failing_as_output_error():
                self._container = self._open_container(muxer, fragmented=fragmented)
                self._stream = self._add_video(codec, crf, preset, threads)
            if audio_from is not None:
                self._open_audio = AudioCopy(audio_from, self._container, self._path)
        except BaseException:
            self._part.unlink(missing_ok=True)
            raise
        self._is_open = True

    def __enter__(self) -> VideoSink:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.abort()

    def write(self, frame: RedactedFrame) -> None:
        """Encode one picture.

        Raises:
            OutputError: when it can't be encoded or written.
            TypeError: for anything that was not redacted.
            ValueError: for a picture that is not later than the one before.
        """
        if not isinstance(frame, RedactedFrame):
            raise TypeError(f"a sink takes redacted frames, not {type(frame).__name__}")
        if self._last_pts is None:
            self._start(frame)
        elif frame.pts <= self._last_pts:
            raise ValueError(f"frame {frame.index} at {frame.pts} follows one at {self._last_pts}")
        self._last_pts = frame.pts
        self._written += 1
        picture = self._picture.wrap(frame)
        picture.pts = frame.pts + self._shift
        picture.time_base = frame.time_base
        with self._failing_as_output_error():
            self._container.mux(self._stream.encode(picture))
        if self._open_audio is not None:
            self._copy_audio(self._open_audio, frame.pts * frame.time_base)

    def finish(self) -> None:
        """Write what the encoder still holds, and give the file its name."""
        if self._last_pts is None:
            raise OutputError(f"{self._path}: no frame to write")
        with self._failing_as_output_error():
            self._container.mux(self._rest())
        if self._open_audio is not None:
            step = 1 / (self._info.frame_rate or _USUAL_RATE)
            self._copy_audio(self._open_audio, self._last_pts * self._info.time_base + step)
            self._open_audio.close()
        with self._failing_as_output_error():
            self._is_open = False
            self._container.close()
            sync(self._part)
            self._part.replace(self._path)
            sync(self._path.parent)

    def _rest(self) -> list[Packet[VideoStream]]:
        """What the encoder still holds."""
        packets = self._stream.encode(None)
        if self._written <= _X265_DELAY and self._stream.codec_context.name == "libx265":
            # It subtracts a delay that it never got to measure: memory nobody has set. So few
            # pictures leave in the order they came.
            for packet in packets:
                packet.dts = packet.pts
        return packets

    def abort(self) -> None:
        """Delete what was written; harmless after `finish`."""
        if not self._is_open:
            self._part.unlink(missing_ok=True)
            return
        self._is_open = False
        if self._open_audio is not None:
            self._open_audio.close()
        # Closing writes a trailer; whether that works no longer matters.
        with suppress(FFmpegError, OSError):
            self._container.close()
        self._part.unlink(missing_ok=True)

    def _create(self) -> None:
        try:
            if self._path.exists() and not self._path.is_file():
                kind = "a folder" if self._path.is_dir() else "not an ordinary file"
                raise OutputError(f"{self._path}: is {kind}; name a file to write")
            self._part.touch()
        except OSError as error:
            raise OutputError(f"{self._path}: can't be written ({error.strerror})") from error

    def _open_container(self, muxer: str, *, fragmented: bool) -> OutputContainer:
        options = {}
        if muxer in {"mp4", "mov"}:
            # Edit lists hold the start offset in movie ticks: make those the stream's own, or
            # it is rounded to a millisecond.
            options["movie_timescale"] = str(self._info.time_base.denominator)
            if fragmented:
                # Without a delayed moov there is no edit list, and B-frames would move every time.
                options["movflags"] = "frag_keyframe+empty_moov+default_base_moof+delay_moov"
                options["flush_packets"] = "1"
        container = av.open(f"file:{self._part}", "w", format=muxer, container_options=options)
        # Leaves out library versions, dates and random identifiers.
        container.flags |= cast("int", ContainerFlags.bitexact.value)
        return container

    def _add_video(self, codec: Codec, crf: int, preset: str, threads: int) -> VideoStream:
        options = {"crf": str(crf), "preset": preset}
        if codec == "hevc":
            options["x265-params"] = "log-level=error:info=0"
        # A hint for rate control and levels; some containers claim a tick of their clock.
        rate = min(max(self._info.frame_rate or _USUAL_RATE, Fraction(1)), Fraction(1000))
        stream = cast(
            "VideoStream",
            self._container.add_stream(
                _ENCODERS[codec], rate=rate.limit_denominator(1001), options=options
            ),
        )
        context = stream.codec_context
        context.time_base = self._info.time_base
        context.thread_count = threads
        context.thread_type = "AUTO"  # else PyAV asks for sliced threads, which cost quality
        context.sample_aspect_ratio = self._info.sample_aspect_ratio
        if codec == "hevc" and self._container.format.name in {"mp4", "mov"}:
            context.codec_tag = "hvc1"  # the one that Apple's players open
        return stream

    def _start(self, frame: RedactedFrame) -> None:
        """What the encoder must know before it opens, from the first picture."""
        self._picture = EncoderPicture.around(
            (self._info.width, self._info.height),
            interleaved=len(frame.planes) == 2 and self._stream.codec_context.name == "libx264",
        )
        context = self._stream.codec_context
        context.width, context.height = self._picture.width, self._picture.height
        context.pix_fmt = self._picture.pixel_format
        context.color_range = 2 if frame.colour.full_range else 1
        context.colorspace = self._info.matrix_code
        context.color_primaries = frame.colour.primaries
        context.color_trc = frame.colour.transfer
        self._shift = max(0, -frame.pts)
        settings = " ".join(f"{key}={value}" for key, value in context.options.items())
        try:
            context.open()
        except FFmpegError as error:
            raise OutputError(
                f"{context.name} refuses {context.width}x{context.height} pixels with {settings} "
                f"({error.strerror})"
            ) from error

    def _copy_audio(self, audio: AudioCopy, until: Fraction) -> None:
        with self._failing_as_output_error():
            audio.copy(until, self._shift * self._info.time_base)

    @contextmanager
    def _failing_as_output_error(self) -> Iterator[None]:
        try:
            yield
        except (FFmpegError, OSError) as error:
            raise OutputError(f"{self._path}: can't be written ({error.strerror})") from error
