"""FileSource: a file's pictures, each once, in order, with its own time."""

from __future__ import annotations

import shlex
import threading
from collections import deque
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, final

import av
from av.error import FFmpegError
from av.video.reformatter import VideoReformatter

from agent.errors import InputError
from agent.frames.cpu_frame import CpuFrame
from agent.frames.stream_info import StreamInfo
from agent.video.container import Packets, open_container
from agent.video.decoded import Turn, colour_of, matrix_code_of, planes_of, turn_of, upright
from agent.video.still import refuse_stills
from agent.video.timestamps import Timestamps
from models.video_stream import video_stream

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from av.video.frame import VideoFrame

    from agent.frames.frame import Frame

_USUAL_RATE = Fraction(25)
"""Frames a second where a stream claims nothing, as libav assumes for raw streams."""

_MAX_STEP_BACK_S = 1
"""Times that fall back by more than this were restarted; by less, two frames share one. Chosen,
not measured."""


@final
class FileSource:
    """The best video stream of a file.

    Frames come out upright, in order of presentation, with strictly rising `pts` in ticks of
    the stream's own time base. What can't be decoded is skipped and counted in `damaged`.
    Every thread beyond the first holds a frame more in memory, and H.264 then hands out some
    damaged pictures before it knows that they are.

    Raises:
        InputError: when the file can't be read, or no picture can be decoded from it, or its
            pictures are interlaced.
    """

    def __init__(self, path: str | Path, threads: int = 1) -> None:
        self._path = Path(path)
        self._container = open_container(self._path)
        stream = video_stream(self._container.streams)
        if stream is None:
            self._container.close()
            raise InputError(f"{self._path}: no video stream in it")
        self._stream = stream
        self._reading, self._closing = threading.Lock(), False
        try:
            refuse_stills(self._path, self._container)
            self._stream.thread_count = threads
            # Threads that each take a frame; slice threads, PyAV's default, would switch off the
            # check of H.264 that tells a damaged picture from a good one.
            self._stream.thread_type = "AUTO"
            self._packets = Packets(self._container, [self._stream])
            self._pictures: deque[tuple[VideoFrame, bool]] = deque()
            self._ended = False
            self._reformatter = VideoReformatter()
            self._index = 0
            self._rotation = 0
            self._turn: Turn | None = None
            rate = self._stream.average_rate or self._stream.guessed_rate or _USUAL_RATE
            self._time_base = self._stream.time_base or 1 / rate
            self._timestamps = Timestamps(
                step=round(1 / (rate * self._time_base)),
                max_step_back=round(_MAX_STEP_BACK_S / self._time_base),
            )
            self._skipped = 0
            self._newest_pts = -(2**63)
            self._suspect_to: int | None = None
            self.info = self._describe(self._first())
        except BaseException:
            self._container.close()
            raise

    def __enter__(self) -> FileSource:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file; frames that were given out stay valid.

        A thread that is reading at this moment does it when it comes back, which it may never:
        libav must not be closed under its hands.
        """
        self._closing = True
        if self._reading.acquire(blocking=False):
            try:
                self._let_go()
            finally:
                self._reading.release()

    def _let_go(self) -> None:
        self._ended = True
        self._pictures.clear()
        self._packets.close()
        self._container.close()

    @property
    def damaged(self) -> int:
        """Packets and pictures that were skipped so far because they are damaged."""
        return self._skipped + self._packets.damaged

    def __iter__(self) -> FileSource:
        return self

    def __next__(self) -> Frame:
        try:
            with self._reading:
                return self._next()
        finally:
            if self._closing:
                self.close()

    def _next(self) -> Frame:
        if self._closing or not self._fill():
            raise StopIteration
        picture, suspect = self._pictures.popleft()
        if picture.interlaced_frame:
            raise self._interlaced()
        colour = colour_of(picture)
        frame = CpuFrame(
            planes=upright(planes_of(picture, colour, self._reformatter), self._turn_of(picture)),
            index=self._index,
            pts=self._timestamps.next_pts(
                picture.dts if picture.pts is None else picture.pts, picture.duration
            ),
            time_base=self._time_base,
            colour=colour,
            suspect=suspect,
        )
        self._index += 1
        return frame

    def _first(self) -> VideoFrame:
        if not self._fill():
            raise InputError(f"{self._path}: no picture in it can be decoded")
        return self._pictures[0][0]

    def _turn_of(self, picture: VideoFrame) -> Turn | None:
        if picture.rotation != self._rotation:
            self._rotation, self._turn = picture.rotation, turn_of(picture)
        return self._turn

    def _fill(self) -> bool:
        """Decode until a picture waits; False when the stream has ended."""
        while not self._pictures and not self._ended:
            lost = self._packets.damaged
            packet = next(self._packets, None)
            self._ended = packet is None
            if packet is not None and packet.pts is not None:
                self._newest_pts = max(self._newest_pts, packet.pts)
            if self._packets.damaged > lost:
                self._suspect_to = self._newest_pts
            try:
                pictures = self._stream.decode(packet)  # None: what the decoder still holds
            except FFmpegError:
                self._skipped += 1
                self._suspect_to = self._newest_pts
                continue
            self._pictures.extend(self._whole(pictures))
        return bool(self._pictures)

    def _whole(self, pictures: list[VideoFrame]) -> Iterator[tuple[VideoFrame, bool]]:
        """The pictures that are not damaged, and whether damaged ones are what they built on.

        A decoder goes on predicting from what it lost. The next key picture ends that, if none
        of it was fed to the decoder before the damage: pictures leave it in another order.
        """
        for picture in pictures:
            if picture.is_corrupt:
                self._skipped += 1
                self._suspect_to = self._newest_pts
                continue
            if picture.key_frame and (picture.pts or 0) > (self._suspect_to or 0):
                self._suspect_to = None
            yield picture, self._suspect_to is not None

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
            f"ffmpeg -i {shlex.quote(str(self._path))} -vf bwdif -crf 16 progressive.mp4"
        )
