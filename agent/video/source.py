"""VideoSource: a file's pictures, each once, in order, with its own time."""

from __future__ import annotations

import logging
import stat
from collections import deque
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, final

import av
from av.error import FFmpegError
from av.stream import Disposition
from av.video.reformatter import VideoReformatter

from agent.errors import InputError
from agent.video.clock import Clock
from agent.video.frame import Frame
from agent.video.picture import Turn, colour_of, matrix_code_of, planes_of, turn_of, upright
from agent.video.stream import StreamInfo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from av.container import InputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_log = logging.getLogger(__name__)

_NOT_A_VIDEO = Disposition.attached_pic | Disposition.timed_thumbnails
_TEXT_FORMATS = frozenset({"tty"})
_READ_ATTEMPTS = 16
"""Failed reads in a row after which the rest of a damaged file is given up."""

_USUAL_RATE = Fraction(25)
"""Frames a second where a stream claims nothing, as libav assumes for raw streams."""

_JUMP_S = 1
"""A clock that falls back by more than this was restarted; by less, two frames share a time."""


@final
class VideoSource:
    """The best video stream of a file.

    Frames come out upright, in order of presentation, with strictly rising `pts` in ticks of
    the stream's own time base. What can't be decoded is skipped and counted in `damaged`.

    Raises:
        InputError: when the file can't be read, or no picture can be decoded from it, or its
            pictures are interlaced.
    """

    def __init__(self, path: str | Path, threads: int = 1) -> None:
        self._path = Path(path)
        self._container = _open(self._path)
        try:
            self._stream = _best_video(self._container, self._path)
            self._stream.thread_count = threads
            # More than one thread decodes several frames at once, each with its own memory.
            self._stream.thread_type = "AUTO" if threads != 1 else "SLICE"
            self._packets: Iterator[Packet[VideoStream]] = self._container.demux(self._stream)
            self._pictures: deque[VideoFrame] = deque()
            self._ended = False
            self._failed_reads = 0
            self._reformatter = VideoReformatter()
            self._index = 0
            self._rotation = 0
            self._turn: Turn | None = None
            rate = self._stream.average_rate or self._stream.guessed_rate or _USUAL_RATE
            self._time_base = self._stream.time_base or 1 / rate
            self._clock = Clock(
                step=round(1 / (rate * self._time_base)), jump=round(_JUMP_S / self._time_base)
            )
            self.damaged = 0
            """Packets and pictures that were skipped because they are damaged."""
            self.info = self._describe(self._first())
        except BaseException:
            self._container.close()
            raise

    def __enter__(self) -> VideoSource:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file; frames that were given out stay valid."""
        self._ended = True
        self._pictures.clear()
        self._packets = iter(())
        self._container.close()

    def __iter__(self) -> VideoSource:
        return self

    def __next__(self) -> Frame:
        if not self._fill():
            raise StopIteration
        picture = self._pictures.popleft()
        if picture.interlaced_frame:
            raise self._interlaced()
        colour = colour_of(picture)
        frame = Frame(
            planes=upright(planes_of(picture, colour, self._reformatter), self._turn_of(picture)),
            index=self._index,
            pts=self._clock.tell(
                picture.dts if picture.pts is None else picture.pts, picture.duration
            ),
            time_base=self._time_base,
            colour=colour,
        )
        self._index += 1
        return frame

    def _first(self) -> VideoFrame:
        if not self._fill():
            raise InputError(f"{self._path}: no picture in it can be decoded")
        return self._pictures[0]

    def _turn_of(self, picture: VideoFrame) -> Turn | None:
        if picture.rotation != self._rotation:
            self._rotation, self._turn = picture.rotation, turn_of(picture)
        return self._turn

    def _fill(self) -> bool:
        """Decode until a picture waits; False when the stream has ended."""
        while not self._pictures and not self._ended:
            packet = self._read()
            if packet is None:
                continue
            flushes = packet.size == 0 and packet.pts is None and packet.dts is None
            try:
                pictures = packet.decode()
            except FFmpegError as error:
                self._skip(str(error))
                pictures = []
            for picture in pictures:
                if picture.is_corrupt:
                    self._skip("a damaged picture")
                else:
                    self._pictures.append(picture)
            self._ended = self._ended or flushes
        return bool(self._pictures)

    def _read(self) -> Packet[VideoStream] | None:
        """The next packet, an empty one at the end; None after a failed read."""
        try:
            packet = next(self._packets)
        except StopIteration:
            self._ended = True
            return None
        except FFmpegError as error:
            self._skip(str(error))
            self._failed_reads += 1
            if self._failed_reads > _READ_ATTEMPTS:
                self._ended = True
            else:  # a generator that raised is spent
                self._packets = self._container.demux(self._stream)
            return None
        self._failed_reads = 0
        return packet

    def _skip(self, why: str) -> None:
        self.damaged += 1
        _log.debug("%s: skipped after %d frames: %s", self._path, self._index, why)

    def _describe(self, picture: VideoFrame) -> StreamInfo:
        stream, container = self._stream, self._container
        if picture.interlaced_frame:
            raise self._interlaced()
        self._rotation, self._turn = picture.rotation, turn_of(picture)
        colour, turn = colour_of(picture), self._turn
        width, height = picture.width, picture.height
        aspect = stream.codec_context.sample_aspect_ratio or Fraction(1)
        if turn is not None and turn[0]:
            width, height, aspect = height, width, 1 / aspect
        rate = stream.average_rate or stream.guessed_rate
        duration_s = None
        if stream.duration:
            duration_s = float(stream.duration * self._time_base)
        elif container.duration:
            duration_s = container.duration / av.time_base
        frames = stream.frames or (round(duration_s * rate) if duration_s and rate else None)
        notes = []
        if max(component.bits for component in picture.format.components) > 8:
            notes.append(f"{picture.format.name} is written as 8-bit 4:2:0")
        if width % 2 or height % 2:
            notes.append(f"{width}x{height} is written with its odd edge repeated, to be even")
        if turn is None and picture.rotation:
            notes.append(f"a display rotation by {picture.rotation} degrees is not applied")
        return StreamInfo(
            width=width,
            height=height,
            frame_rate=rate,
            time_base=self._time_base,
            frames=frames,
            duration_s=duration_s,
            colour=colour,
            matrix_code=matrix_code_of(picture),
            codec=stream.codec_context.name,
            pixel_format=picture.format.name,
            sample_aspect_ratio=aspect,
            has_audio=bool(container.streams.audio),
            notes=tuple(notes),
        )

    def _interlaced(self) -> InputError:
        return InputError(
            f"{self._path}: its pictures are interlaced; deinterlace it first: "
            f"ffmpeg -i {self._path.name} -vf bwdif -crf 16 progressive.mp4"
        )


def _open(path: Path) -> InputContainer:
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise InputError(f"{path}: is a folder, not a video")
        if stat.S_ISREG(mode):  # a pipe must not be touched before libav reads it
            with path.open("rb") as file:
                if not file.read(1):
                    raise InputError(f"{path}: the file is empty")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    try:
        # The prefix keeps a colon in a name from being read as a protocol, and the white list
        # keeps a playlist from reaching out to the network.
        container = av.open(
            f"file:{path}", options={"protocol_whitelist": "file"}, metadata_errors="replace"
        )
    except FFmpegError as error:
        raise InputError(f"{path}: not a video that FFmpeg can read ({error.strerror})") from error
    if container.format.name in _TEXT_FORMATS:
        container.close()
        raise InputError(f"{path}: a text file, not a video")
    return container


def _best_video(container: InputContainer, path: Path) -> VideoStream:
    """The stream that FFmpeg would choose, cover art and thumbnails left aside."""
    streams = [s for s in container.streams.video if not s.disposition & _NOT_A_VIDEO]
    if not streams:
        raise InputError(f"{path}: no video stream in it")
    best = container.streams.best("video")
    return next((stream for stream in streams if stream == best), streams[0])
