"""LiveSource: a camera's pictures as they come, each once, in order, with times that rise."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from agent.frames.repairs import Repairs
from agent.video.crop import NO_CROP
from agent.video.described import described
from agent.video.frame_maker import FrameMaker
from agent.video.live_connection import LiveConnection

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

    from agent.frames.cpu_frame import CpuFrame
    from agent.video.decoder import Mark

_Kind = tuple[int, int, int, Fraction]


class Stretch:
    """What a camera shows for as long as its pictures keep their size: a source by itself.

    Times go on from one stretch to the next, indices begin anew.

    Raises:
        InputError: it sends no picture.
    """

    def __init__(self, connection: LiveConnection) -> None:
        self._connection = connection
        self._before = connection.decoder.damaged, connection.decoder.deinterlaced
        picture, mark = connection.peek()
        self._kind = _kind_of(picture, mark)
        self._maker = FrameMaker(picture, mark.aspect, NO_CROP, connection.times)
        self.info = described(
            connection.container,
            connection.stream,
            picture,
            self._maker,
            connection.times.time_base,
        )
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
        return Repairs(
            pictures=self._connection.times.repaired, jumps=self._connection.packets.jumps
        )

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

    def __next__(self) -> CpuFrame:
        with self._connection.closing.at_work():
            frame = None if self._connection.closing.asked or self._ended else self._next()
        if frame is None:
            raise StopIteration
        return frame

    def _next(self) -> CpuFrame | None:
        picture, mark = self._connection.peek()
        self._ended = _kind_of(picture, mark) != self._kind
        if self._ended:
            return None
        opens = self._connection.take()
        return self._maker.frame(picture, mark.aspect, suspect=mark.suspect, opens_scene=opens)


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

    Raises:
        InputError: it can't be reached, wants another password, or sends no picture.
    """

    def __init__(self, url: str, *, name: str, open_timeout_s: float, stall_s: float) -> None:
        connection = LiveConnection(url, name, open_timeout_s, stall_s)
        try:
            super().__init__(connection)
        except BaseException:
            connection.closing.close()
            raise


def _kind_of(picture: VideoFrame, mark: Mark) -> _Kind:
    """What of a picture must stay as it is, lest it be scaled."""
    return picture.width, picture.height, picture.rotation, mark.aspect
