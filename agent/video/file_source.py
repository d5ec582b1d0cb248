"""FileSource: a file's pictures, each once, in order, with its own time."""

from __future__ import annotations

import shlex
from collections import deque
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, final

import av
from av.error import FFmpegError
from av.video.reformatter import VideoReformatter

from agent.errors import InputError
from agent.frames.cpu_frame import CpuFrame
from agent.frames.repairs import Repairs
from agent.frames.stream_info import StreamInfo
from agent.video.container import hint_of, open_container
from agent.video.decoded import Turn, colour_of, matrix_code_of, planes_of, turn_of, upright
from agent.video.packets import Packets
from agent.video.picture_times import PictureTimes
from agent.video.sound import Sound
from agent.video.stream_names import left_out_of
from models.video_stream import video_stream

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from av.video.frame import VideoFrame

    from agent.frames.frame import Frame


@final
class FileSource:
    """The best video stream of a file.

    Frames come out upright, in order of presentation, with strictly rising `pts` in ticks of
    the stream's own time base. What can't be decoded is skipped and counted in `damaged`.
    Every thread beyond the first holds a frame more in memory, and H.264 then hands out some
    damaged pictures before it knows that they are.

    Args:
        threads: of the decoder.
        sound: whether to read the file's sound as well, into `sound`; the file is read once.

    Raises:
        InputError: when the file can't be read, or no picture can be decoded from it, or its
            pictures are interlaced.
    """

    def __init__(self, path: str | Path, threads: int = 1, *, sound: bool = False) -> None:
        self._path = Path(path)
        self._container = open_container(self._path)
        stream = video_stream(self._container.streams)
        if stream is None:
            self._container.close()
            raise InputError(f"{self._path}: no video stream in it")
        self._stream = stream
        try:
            self._stream.thread_count = threads
            # Threads that each take a frame; slice threads, PyAV's default, would switch off the
            # check of H.264 that tells a damaged picture from a good one.
            self._stream.thread_type = "AUTO"
            self.sound = Sound(self._container.streams.audio if sound else ())
            self._packets = Packets(self._container, self._stream, self.sound)
            kept = (self._stream, *self.sound.streams)
            self._left_out = left_out_of(self._container, kept)
            self._pictures: deque[tuple[VideoFrame, bool]] = deque()
            self._ended = False
            self._reformatter = VideoReformatter()
            self._index = 0
            self._rotation = 0
            self._turn: Turn | None = None
            self._times = PictureTimes(self._container, stream, self._packets.start)
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
        """Let go of the file; frames that were given out stay valid."""
        self._ended = True
        self._pictures.clear()
        self._packets.close()
        self._container.close()

    @property
    def damaged(self) -> int:
        """Packets and pictures that were skipped so far because they are damaged."""
        return self._skipped + self._packets.damaged

    @property
    def left_out(self) -> tuple[str, ...]:
        """Streams of the file that don't come out; with sound, known once there is an output."""
        return (*self._left_out, *self.sound.left_out)

    @property
    def repairs(self) -> Repairs:
        """What was amiss with the file's times so far."""
        return Repairs(
            pictures=self._times.repaired,
            sound=self.sound.repaired,
            sound_lost=self.sound.damaged,
            jumps=self._packets.jumps,
        )

    def __iter__(self) -> FileSource:
        return self

    def __next__(self) -> Frame:
        if not self._fill():
            self.sound.ended = True
            raise StopIteration
        picture, suspect = self._pictures.popleft()
        if picture.interlaced_frame:
            raise self._interlaced()
        colour = colour_of(picture)
        pts, duration = self._times.given(picture)
        frame = CpuFrame(
            planes=upright(planes_of(picture, colour, self._reformatter), self._turn_of(picture)),
            index=self._index,
            pts=pts,
            time_base=self._times.time_base,
            colour=colour,
            suspect=suspect,
            duration=duration,
        )
        self._index += 1
        return frame

    def _first(self) -> VideoFrame:
        if not self._fill():
            raise InputError(f"{self._path}: no picture in it can be decoded{hint_of(self._path)}")
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
            if packet is not None:
                self._times.fed(packet)
            if packet is not None and packet.pts is not None:
                self._newest_pts = max(self._newest_pts, packet.pts)
            if self._packets.damaged > lost:
                self._suspect_to = self._newest_pts
            try:
                pictures = self._stream.decode(packet)  # None: what the decoder still holds
            except FFmpegError:
                self._times.lost(packet)
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
            self._times.decoded(picture)
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
            duration_s = float(stream.duration * self._times.time_base)
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
            time_base=self._times.time_base,
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
