"""FileSource: a file's pictures, each once, in order, with its own time."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, final

from av.error import FFmpegError

from agent.errors import InputError
from agent.frames.repairs import Repairs
from agent.video.container import hint_of, open_container
from agent.video.crop import crop_of
from agent.video.decoder import Decoder
from agent.video.deferred_close import DeferredClose
from agent.video.described import described
from agent.video.frame_maker import FrameMaker
from agent.video.packets import Packets
from agent.video.picture_times import PictureTimes
from agent.video.sound import Sound
from agent.video.still import refuse_stills
from agent.video.stream_names import left_out_of
from models.video_stream import video_stream

if TYPE_CHECKING:
    from collections.abc import Iterator
    from fractions import Fraction
    from types import TracebackType

    from av.video.frame import VideoFrame

    from agent.frames.cpu_frame import CpuFrame
    from agent.frames.cuda_frame import CudaFrame
    from agent.video.decoder import Mark
    from agent.video.decoders import Decoders

AV_TIME_BASE = 1_000_000
"""libavformat's ticks a second, in which a whole container is sought."""


@final
class FileSource:
    """The best video stream of a file.

    Frames come out upright, opaque and of one size, in order of presentation, with strictly
    rising `pts` in ticks of the stream's own time base. What can't be decoded is skipped and
    counted in `damaged`. Every thread beyond the first holds a frame more in memory, and H.264
    then hands out some damaged pictures before it knows that they are.

    Args:
        threads: of the decoder, where FFmpeg decodes on the CPU.
        decoders: who decodes; None for FFmpeg on the CPU.
        sound: whether to read the file's sound as well, into `sound`; the file is read once.
        from_s: begin with the first picture at so many seconds or later; what decoding that needs,
            from the keyframe before on, is decoded and passed over.

    Raises:
        InputError: when the file can't be read, or no picture can be decoded from it.
    """

    def __init__(
        self,
        path: str | Path,
        threads: int = 1,
        decoders: Decoders | None = None,
        *,
        sound: bool = False,
        from_s: float = 0.0,
    ) -> None:
        self._path = Path(path)
        self._container = open_container(self._path)
        self._closing = DeferredClose(self._let_go)
        with ExitStack() as opened:
            opened.callback(self._container.close)
            stream = video_stream(self._container.streams)
            if stream is None:
                raise InputError(f"{self._path}: no video stream in it")
            refuse_stills(self._path, self._container)
            self.sound = Sound(self._container.streams.audio if sound else ())
            self._packets = Packets(self._container, stream, self.sound)
            if from_s > 0:
                self._seek(from_s)
            self._left_out = left_out_of(self._container, (stream, *self.sound.streams))
            self._times = PictureTimes(self._container, stream, self._packets.start)
            with self._named():
                asked = stream, self._packets, self._times, threads
                self._decoder = decoders.decoder_for(*asked) if decoders else Decoder(*asked)
            opened.callback(self._decoder.close)
            if from_s > 0:
                self._pass_over(from_s)
            picture, mark = self._first()
            # Where the two differ it is the container's word, which players take, and it holds
            # for the whole stream.
            said = stream.sample_aspect_ratio
            self._said_aspect = None if said == mark.aspect else said
            crop = crop_of(self._container, stream)
            aspect = self._aspect_of(mark)
            gpu = decoders.staying_gpu() if decoders else None
            self._maker = FrameMaker(picture, aspect, mark.turn, crop, self._times, gpu)
            self.info = described(
                self._container,
                stream,
                picture,
                self._maker,
                self._times.time_base,
                self._decoder.name,
            )
            opened.pop_all()

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

        A thread that is reading at this moment does it when it comes back.
        """
        self._closing.close()

    def _let_go(self) -> None:
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
    def copied_s(self) -> float:
        """Seconds in which pictures were copied out of the decoder's memory so far."""
        return self._decoder.copied_s

    @property
    def resized(self) -> int:
        """Pictures so far that were scaled to the first one's size."""
        return self._maker.resized

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

    def __next__(self) -> CpuFrame | CudaFrame:
        with self._closing.at_work():
            frame = None if self._closing.asked else self._next()
        if frame is None:
            raise StopIteration
        return frame

    def _next(self) -> CpuFrame | CudaFrame | None:
        with self._named():
            taken = self._decoder.take()
        if taken is None:
            self.sound.ended = True
            return None
        picture, mark = taken
        aspect = self._aspect_of(mark)
        return self._maker.frame(picture, aspect, mark.turn, suspect=mark.suspect)

    def _seek(self, to_s: float) -> None:
        """Read on from the last keyframe before a time."""
        try:
            self._container.seek(round((to_s + float(self._packets.start)) * AV_TIME_BASE))
        except FFmpegError as error:
            raise InputError(f"{self._path}: can't be sought in ({error.strerror})") from error

    def _pass_over(self, to_s: float) -> None:
        """Decode up to a time."""
        with self._named():
            while (peeked := self._decoder.peek()) is not None:
                pts = peeked[0].pts
                if (
                    pts is None or float(pts * self._times.time_base) >= to_s
                ):  # as whoever asks has it
                    return
                self._decoder.take()

    def _first(self) -> tuple[VideoFrame, Mark]:
        with self._named():
            first = self._decoder.preview()
        if first is None:
            raise InputError(f"{self._path}: no picture in it can be decoded{hint_of(self._path)}")
        return first

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Say of whom a fault is told."""
        try:
            yield
        except InputError as error:
            raise InputError(f"{self._path}: {error}") from error

    def _aspect_of(self, mark: Mark) -> Fraction:
        return self._said_aspect or mark.aspect
