"""LiveSource: a camera's pictures as they come, each once, in order, with times that rise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from agent.video.crop import NO_CROP
from agent.video.frame_maker import FrameMaker
from agent.video.live_connection import LiveConnection

if TYPE_CHECKING:
    from fractions import Fraction

    from av.video.frame import VideoFrame

    from agent.frames.cpu_frame import CpuFrame
    from agent.frames.cuda_frame import CudaFrame
    from agent.frames.repairs import Repairs
    from agent.frames.stream_info import StreamInfo
    from agent.video.decoder import Mark
    from agent.video.decoders import Decoders
    from agent.video.deferred_close import DeferredClose
    from agent.video.frame_maker import GivenTimes
    from agent.video.picture_decoder import PictureDecoder
    from agent.video.turn import Turn
    from models.runtime.gpu import Gpu

    _Kind = tuple[int, int, Turn | None, Fraction]


class Connection(Protocol):
    """Where a camera's pictures come from, for as long as it sends any.

    Attributes:
        decoder: of its pictures.
        times: of its pictures, over all stretches.
        gpu: where pictures stay that a GPU decodes, if anywhere.
        closing: closes it, while nobody reads.
        repairs: what was amiss with its times so far.
    """

    @property
    def decoder(self) -> PictureDecoder: ...  # noqa: D102

    @property
    def times(self) -> GivenTimes: ...  # noqa: D102

    @property
    def gpu(self) -> Gpu | None: ...  # noqa: D102

    @property
    def closing(self) -> DeferredClose: ...  # noqa: D102

    @property
    def repairs(self) -> Repairs: ...  # noqa: D102

    def described(self, picture: VideoFrame, maker: FrameMaker) -> StreamInfo:
        """What is known of its pictures, of which this is the first, and `maker` makes frames."""
        ...

    def preview(self) -> tuple[VideoFrame, Mark]:
        """What describes the pictures to come.

        Raises:
            InputError: none will come.
        """
        ...

    def peek(self) -> tuple[VideoFrame, Mark]:
        """The picture that comes next.

        Raises:
            InputError: none will come.
        """
        ...

    def take(self) -> bool:
        """Go on behind the picture that comes next; whether it is the first of a new timeline."""
        ...


class Stretch:
    """What a camera shows for as long as its pictures keep their size: a source by itself.

    Times go on from one stretch to the next, indices begin anew.

    Raises:
        InputError: it sends no picture.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._before = connection.decoder.damaged, connection.decoder.deinterlaced
        picture, mark = connection.preview()
        self._kind = _kind_of(picture, mark)
        self._maker = FrameMaker(
            picture, mark.aspect, mark.turn, NO_CROP, connection.times, connection.gpu
        )
        self.info = connection.described(picture, self._maker)
        self._ended = self._succeeded = False

    @property
    def damaged(self) -> int:
        """Packets and pictures that were skipped so far because they are damaged."""
        return self._connection.decoder.damaged - self._before[0]

    @property
    def deinterlaced(self) -> int:
        """Pictures so far that showed two moments, and show one."""
        return self._connection.decoder.deinterlaced - self._before[1]

    @property
    def resized(self) -> int:
        """None: pictures of another size are another stretch's."""
        return self._maker.resized

    @property
    def left_out(self) -> tuple[str, ...]:
        """None: nothing but pictures is asked for."""
        return ()

    @property
    def repairs(self) -> Repairs:
        """What was amiss with the camera's times so far, over all stretches."""
        return self._connection.repairs

    @property
    def copied_s(self) -> float:
        """Seconds in which pictures were copied out of the decoder's memory so far."""
        return self._connection.decoder.copied_s

    def close(self) -> None:
        """Let go of the camera, unless a successor has it; frames given out stay valid.

        A thread that is reading at this moment does it when it comes back.
        """
        if not self._succeeded:
            self._connection.closing.close()

    def successor(self) -> Stretch | None:
        """What comes after the last picture of this size, that which is of another first.

        None where this has not ended, or was closed: a camera that fails raises.
        """
        with self._connection.closing.at_work():
            if not self._ended or self._succeeded or self._connection.closing.asked:
                return None
            following = Stretch(self._connection)
            self._succeeded = True
            return following

    def __iter__(self) -> Stretch:
        return self

    def __next__(self) -> CpuFrame | CudaFrame:
        with self._connection.closing.at_work():
            frame = None if self._connection.closing.asked or self._ended else self._next()
        if frame is None:
            raise StopIteration
        return frame

    def _next(self) -> CpuFrame | CudaFrame | None:
        picture, mark = self._connection.peek()
        self._ended = _kind_of(picture, mark) != self._kind
        if self._ended:
            return None
        opens = self._connection.take()
        return self._maker.frame(
            picture, mark.aspect, mark.turn, suspect=mark.suspect, opens_scene=opens
        )


class LiveSource(Stretch):
    """A camera: RTSP over TCP, or a device of Video4Linux, which was tried with no real one.

    Pictures are those of its best video stream; sound is not asked for. What can't be decoded is
    skipped and counted in `damaged`. Where the camera's clock jumps by more than 5 s either way,
    times go on as if it had not, and the first frame after it opens a scene. Where the size of
    its pictures changes, iteration ends and `successor` goes on. Nothing else ends it: a camera
    that ends its stream, stops sending or goes away raises an `InputError`, while iterating, too.

    Args:
        url: `rtsp://…`, `rtsps://…` or `/dev/video…`; stands in no error, for a password may be
            in it.
        name: stands there instead.
        open_timeout_s: how long it may take to answer, and as long again to tell what it sends.
        stall_s: how long it may send nothing.
        decoders: who decodes; None for FFmpeg on the CPU.

    Raises:
        RefusedError: it wants another password, or has no such path.
        InputError: it can't be reached, or sends no picture.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str,
        open_timeout_s: float,
        stall_s: float,
        decoders: Decoders | None = None,
    ) -> None:
        connection = LiveConnection(url, name, open_timeout_s, stall_s, decoders)
        try:
            super().__init__(connection)
        except BaseException:
            connection.closing.close()
            raise


def _kind_of(picture: VideoFrame, mark: Mark) -> _Kind:
    """What of a picture must stay as it is, lest it be scaled."""
    return picture.width, picture.height, mark.turn, mark.aspect
