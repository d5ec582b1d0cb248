"""FileSource: a file's pictures, each once, in order, with its own time."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, final

import av

from agent.errors import InputError
from agent.frames.stream_info import StreamInfo
from agent.video.container import Packets, open_container
from agent.video.crop import crop_of
from agent.video.decoded import matrix_code_of, may_be_transparent
from agent.video.decoder import Decoder
from agent.video.frame_maker import FrameMaker
from agent.video.timestamps import Timestamps
from models.video_stream import video_stream

if TYPE_CHECKING:
    from types import TracebackType

    from av.video.frame import VideoFrame

    from agent.frames.frame import Frame
    from agent.video.decoder import Mark

_USUAL_RATE = Fraction(25)
"""Frames a second where a stream claims nothing, as libav assumes for raw streams."""

_MAX_STEP_BACK_S = 1
"""Times that fall back by more than this were restarted; by less, two frames share one. Chosen,
not measured."""


@final
class FileSource:
    """The best video stream of a file.

    Frames come out upright, opaque and of one size, in order of presentation, with strictly
    rising `pts` in ticks of the stream's own time base. What can't be decoded is skipped and
    counted in `damaged`. Every thread beyond the first holds a frame more in memory, and H.264
    then hands out some damaged pictures before it knows that they are.

    Raises:
        InputError: when the file can't be read, or no picture can be decoded from it.
    """

    def __init__(self, path: str | Path, threads: int = 1) -> None:
        self._path = Path(path)
        self._container = open_container(self._path)
        stream = video_stream(self._container.streams)
        if stream is None:
            self._container.close()
            raise InputError(f"{self._path}: no video stream in it")
        self._stream = stream
        try:
            self._packets = Packets(self._container, [self._stream])
            try:
                self._decoder = Decoder(self._stream, self._packets, threads)
            except InputError as error:
                raise InputError(f"{self._path}: {error}") from error
            self._index = 0
            rate = self._stream.average_rate or self._stream.guessed_rate or _USUAL_RATE
            self._time_base = self._stream.time_base or 1 / rate
            self._timestamps = Timestamps(
                step=round(1 / (rate * self._time_base)),
                max_step_back=round(_MAX_STEP_BACK_S / self._time_base),
            )
            picture, mark = self._first()
            # Where the two differ it is the container's word, which players take, and it holds
            # for the whole stream.
            said = self._stream.sample_aspect_ratio
            self._said_aspect = None if said == mark.aspect else said
            crop = crop_of(self._container, self._stream)
            self._maker = FrameMaker(picture, self._aspect_of(mark), crop)
            self.info = self._describe(picture)
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
        self._decoder.close()
        self._packets.close()
        self._container.close()

    @property
    def damaged(self) -> int:
        """Packets and pictures that were skipped so far because they are damaged."""
        return self._decoder.damaged

    @property
    def deinterlaced(self) -> int:
        """Pictures so far that showed two moments, and show one."""
        return self._decoder.deinterlaced

    @property
    def resized(self) -> int:
        """Pictures so far that were scaled to the first one's size."""
        return self._maker.resized

    def __iter__(self) -> FileSource:
        return self

    def __next__(self) -> Frame:
        taken = self._decoder.take()
        if taken is None:
            raise StopIteration
        picture, mark = taken
        frame = self._maker.frame(
            picture,
            self._aspect_of(mark),
            index=self._index,
            pts=self._timestamps.next_pts(
                picture.dts if picture.pts is None else picture.pts, picture.duration
            ),
            time_base=self._time_base,
            suspect=mark.suspect,
        )
        self._index += 1
        return frame

    def _first(self) -> tuple[VideoFrame, Mark]:
        first = self._decoder.peek()
        if first is None:
            raise InputError(f"{self._path}: no picture in it can be decoded")
        return first

    def _aspect_of(self, mark: Mark) -> Fraction:
        return self._said_aspect or mark.aspect

    def _describe(self, picture: VideoFrame) -> StreamInfo:
        stream, container, shape = self._stream, self._container, self._maker.shape
        width, height = shape.size
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
        if may_be_transparent(picture):
            notes.append("what is transparent is shown on white")
        if shape.turn is None and picture.rotation:
            notes.append(f"a display rotation by {picture.rotation} degrees is not applied")
        return StreamInfo(
            width=width,
            height=height,
            frame_rate=rate,
            time_base=self._time_base,
            frames=frames,
            duration_s=duration_s,
            colour=self._maker.colour,
            matrix_code=matrix_code_of(picture),
            codec=stream.codec_context.name,
            pixel_format=picture.format.name,
            sample_aspect_ratio=shape.aspect,
            has_audio=bool(container.streams.audio),
            notes=tuple(notes),
        )
