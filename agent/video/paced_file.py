"""PacedFile: a file as a camera, which shows it over and over, or at its own pace."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, final

from agent.errors import InputError
from agent.frames.repairs import Repairs
from agent.video.file_source import FileSource
from agent.video.playback import Playback

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from agent.frames.cpu_frame import CpuFrame
    from agent.frames.cuda_frame import CudaFrame
    from agent.frames.stream_info import StreamInfo
    from agent.video.decoders import Decoders

_MAX_LAG_S = 1.0
"""So far behind its pace, a file goes on from where it is: what was held up for long is not shown
in a rush. Chosen, not measured: a camera, too, holds no more than about that."""


@final
class PacedFile:
    """The pictures of a file, as `FileSource` gives them.

    Args:
        loop: begin again at the end: indices and times go on, and the first frame opens a scene.
            A file that has been replaced by one of another size or colours ends it; `successor` goes on.
        realtime: give each frame when its time has come.
        decoders: who decodes; None for FFmpeg on the CPU.
        playback: by which whoever watches pauses, steps and seeks; the end is no end then, for
            they may go back.
        pause: waits so many seconds, or until it returns True because somebody has closed.
        now: a monotonic clock, seconds.

    Raises:
        InputError: the file can't be read, or no picture can be decoded from it; while iterating,
            too, when it is opened again.
    """

    def __init__(
        self,
        path: Path,
        *,
        loop: bool = False,
        realtime: bool = False,
        decoders: Decoders | None = None,
        playback: Playback | None = None,
        pause: Callable[[float], bool] | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path, self._loop, self._realtime = path, loop, realtime
        self._decoders = decoders
        self._closed = threading.Event()
        self._playback, self._is_watched = playback or Playback(), playback is not None
        self._given_pause = pause
        self._pause, self._now = pause or self._wait, now
        self._file = FileSource(path, decoders=decoders)
        self.info = self._file.info
        self._ended = self._replaced = False
        self._opens, self._begins = True, False
        self._index = self._shift = self._step = 0
        self._pts: int | None = None
        self._lead_s: float | None = None
        self._damaged = self._deinterlaced = self._resized = 0
        self._repairs = Repairs()

    @property
    def damaged(self) -> int:
        """Packets and pictures that were skipped so far because they are damaged."""
        return self._damaged + self._file.damaged

    @property
    def deinterlaced(self) -> int:
        """Pictures so far that showed two moments, and show one."""
        return self._deinterlaced + self._file.deinterlaced

    @property
    def resized(self) -> int:
        """Pictures so far that were scaled to the first one's size."""
        return self._resized + self._file.resized

    @property
    def left_out(self) -> tuple[str, ...]:
        """Streams of the file that don't come out."""
        return self._file.left_out

    @property
    def repairs(self) -> Repairs:
        """What was amiss with the file's times so far."""
        return self._repairs + self._file.repairs

    @property
    def copied_s(self) -> float:
        """Seconds in which pictures were copied out of the decoder's memory, in this round."""
        return self._file.copied_s

    def close(self) -> None:
        """Let go of the file, and wait no longer; frames that were given out stay valid."""
        self._closed.set()
        self._playback.wake()
        self._file.close()

    def successor(self) -> PacedFile | None:
        """What goes on where a looped file was replaced by one of another size; else None."""
        if not self._replaced or self._closed.is_set():
            return None
        return PacedFile(
            self._path,
            loop=self._loop,
            realtime=self._realtime,
            decoders=self._decoders,
            playback=self._playback if self._is_watched else None,
            pause=self._given_pause,
            now=self._now,
        )

    def __iter__(self) -> PacedFile:
        return self

    def __next__(self) -> CpuFrame | CudaFrame:
        frame = self._next()
        while frame is None and self._is_watched and not (self._closed.is_set() or self._replaced):
            self._playback.end()
            frame = self._next()
        if frame is None:
            raise StopIteration
        position = frame.pts * frame.time_base
        frame = self._going_on(frame)
        if self._begins:
            self._playback.began(float(frame.pts * frame.time_base), float(position))
        if self._realtime and self._wait_for(frame):
            raise StopIteration
        return frame

    def _next(self) -> CpuFrame | CudaFrame | None:
        """The next frame as the file has it, once it is wanted; None at the end."""
        self._playback.wait_to_read(self._closed.is_set)
        if (sought_s := self._playback.sought_s()) is not None:
            try:
                self._begin_again(sought_s)
            except InputError:  # there is no frame there: it stays where it is
                self._playback.missed()
        frame = next(self._file, None)
        if frame is None and self._loop and self._begin_again():
            frame = next(self._file, None)
        return frame

    def _begin_again(self, from_s: float = 0.0) -> bool:
        """Open the file once more; False where that is not to be gone on with."""
        if self._replaced or self._closed.is_set():
            return False
        following = FileSource(self._path, decoders=self._decoders, from_s=from_s)
        self._damaged, self._repairs = self.damaged, self.repairs
        self._deinterlaced, self._resized = self.deinterlaced, self.resized
        self._file.close()
        self._file = following
        self._opens = True
        self._replaced = _kind_of(self._file.info) != _kind_of(self.info)
        if self._closed.is_set() or self._replaced:
            self._file.close()
            return False
        return True

    def _going_on(self, frame: CpuFrame | CudaFrame) -> CpuFrame | CudaFrame:
        """The frame as one of a stream that does not end."""
        opens, self._opens = self._opens, False
        self._begins = opens
        if opens and self._pts is not None:
            self._shift = self._pts + self._step - frame.pts
        pts = frame.pts + self._shift
        self._step = frame.duration or (pts - self._pts if self._pts is not None else 1)
        self._pts = pts
        index, self._index = self._index, self._index + 1
        return replace(frame, index=index, pts=pts, opens_scene=opens or frame.opens_scene)

    def _wait(self, most_s: float) -> bool:
        return self._playback.wait_to_show(most_s, self._closed.is_set)

    def _wait_for(self, frame: CpuFrame | CudaFrame) -> bool:
        """Wait until a frame's time has come; True where somebody closed meanwhile."""
        time_s = float(frame.pts * frame.time_base)
        late_s = 0.0 if self._lead_s is None else self._now() - self._lead_s - time_s
        if self._lead_s is None or late_s > _MAX_LAG_S:
            self._lead_s = self._now() - time_s
        return late_s < 0 and self._pause(-late_s)


def _kind_of(info: StreamInfo) -> tuple[object, ...]:
    """What must stay as it is from one round to the next."""
    shape = info.width, info.height, info.sample_aspect_ratio
    return *shape, info.time_base, info.colour, info.matrix_code
