"""Clip: a video file's pictures, each once, in order, as far as they can be decoded."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, cast, final

import av
from av.error import FFmpegError

from distill.data.clip_frame import ClipFrame
from distill.data.mp4_tail import tail_problem
from distill.data.orientation import STORED, Orientation, orientation_of
from distill.errors import InputError
from distill.files import reading
from models.deinterlacer import Deinterlacer, field_order_of
from models.video_stream import frame_rate_of, video_stream

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

    from av.container import InputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

# fmt: off
SUFFIXES = frozenset({
    ".3gp", ".avi", ".flv", ".h264", ".h265", ".hevc", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4",
    ".mpeg", ".mpg", ".mts", ".mxf", ".ogv", ".ts", ".webm", ".wmv",
})
# fmt: on
"""What counts as a clip in a folder; a file that is named counts whatever it is called."""

_DEFAULT_RATE = 25
"""Frames a second where a stream claims nothing, as libav assumes for raw streams."""


@final
class Clip:
    """The best video stream of a file; iterate over it once.

    What can't be decoded is skipped and counted, and so are the pictures up to the next key
    picture, because a decoder goes on predicting from what it lost. Pictures that show two moments
    are deinterlaced, as the device does it.

    Raises:
        InputError: the file can't be read, or is no video.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._container = _opened(path)
        stream = video_stream(self._container.streams)
        if stream is None:
            self._container.close()
            raise InputError(f"{path}: holds no video")
        self._stream = stream
        try:
            # One thread and no slices: pictures come out the same each time, and FFmpeg tells a
            # damaged one from a good one.
            self._stream.thread_count = 1
            self._stream.thread_type = "AUTO"
        except BaseException:
            self._container.close()
            raise
        self.decoded = 0
        """Pictures that came out so far."""
        self.damaged = 0
        """Packets and pictures that were skipped so far."""
        self._broke_off = False
        self._spoilt = False
        self._rotation: int | None = None
        self._orientation = STORED

    def __enter__(self) -> Clip:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._container.close()

    @property
    def expected(self) -> int | None:
        """How many pictures the container says there are; for a progress bar only."""
        stream, container = self._stream, self._container
        if stream.frames:
            return int(stream.frames)
        rate = frame_rate_of(stream)
        duration_s = None
        if stream.duration and stream.time_base:
            duration_s = float(stream.duration * stream.time_base)
        elif container.duration:
            duration_s = container.duration / av.time_base
        return round(duration_s * rate) if duration_s and rate else None

    def __iter__(self) -> Iterator[ClipFrame]:
        rate = frame_rate_of(self._stream) or _DEFAULT_RATE
        for picture in self._of_one_moment():
            pts, time_base = picture.pts, picture.time_base
            timed = pts * time_base if pts is not None and time_base else self.decoded / rate
            yield ClipFrame(self.decoded, float(timed), picture, self._orientation_of(picture))
            self.decoded += 1

    def problem(self) -> str | None:
        """Once all was read: one line about what was wrong with the file, or None."""
        parts = []
        if self.damaged:
            parts.append(f"{self.damaged} of its pictures are damaged")
        tail = tail_problem(self.path)
        if tail:
            parts.append(tail)
        elif self._broke_off:
            parts.append("it can't be read to its end")
        if not parts:
            return None
        used = f"the {self.decoded} that could be decoded are used"
        return f"{self.path}: {' and '.join(parts)}; {used}"

    def _orientation_of(self, picture: VideoFrame) -> Orientation:
        if picture.rotation != self._rotation:
            self._rotation, self._orientation = picture.rotation, orientation_of(picture)
        return self._orientation

    def _of_one_moment(self) -> Iterator[VideoFrame]:
        deinterlacer: Deinterlacer[None] = Deinterlacer(field_order_of(self._stream))
        for picture in self._pictures():
            yield from (whole for whole, _ in deinterlacer.take(picture, None))
        yield from (whole for whole, _ in deinterlacer.end())

    def _pictures(self) -> Iterator[VideoFrame]:
        for packet in self._packets():
            try:
                pictures = self._stream.decode(packet)
            except FFmpegError:
                self.damaged += 1
                self._spoilt = True
                continue
            for picture in pictures:
                if picture.is_corrupt:
                    self._spoilt = True
                elif picture.key_frame:
                    self._spoilt = False
                if self._spoilt:
                    self.damaged += 1
                else:
                    yield picture

    def _packets(self) -> Iterator[Packet[VideoStream] | None]:
        """Packets as far as they can be read; None at the end empties the decoder."""
        demuxed = cast("Iterator[Packet[VideoStream]]", self._container.demux([self._stream]))
        while True:
            try:
                packet = next(demuxed, None)
            except FFmpegError:
                self._broke_off = True
                packet = None
            if packet is None:
                break
            if packet.size:  # a decoder takes an empty one for the end
                self._spoilt |= packet.is_corrupt
                yield packet
        yield None


def _opened(path: Path) -> InputContainer:
    with reading(path):
        if not stat.S_ISREG(path.stat().st_mode):
            raise InputError(f"{path}: is no file")
        if not path.stat().st_size:
            raise InputError(f"{path}: the file is empty")
    try:
        # The prefix keeps a colon in a name from being read as a protocol, and what a local file
        # names (a playlist does) from being fetched over the network.
        container = av.open(f"file:{path}", metadata_errors="replace")
    except FFmpegError as error:
        raise InputError(
            f"{path}: not a video that FFmpeg can read ({error.strerror}), or cut off"
        ) from error
    if container.format.name == "tty":
        container.close()
        raise InputError(f"{path}: a text file, not a video")
    return container
