"""LiveConnection: an open camera, and the pictures that come from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av
from av.error import ExitError, FFmpegError, HTTPUnauthorizedError

from agent.errors import InputError
from agent.video.decoder import Decoder
from agent.video.deferred_close import DeferredClose
from agent.video.live_packets import LivePackets
from agent.video.picture_times import PictureTimes
from models.video_stream import video_stream

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

    from agent.video.decoder import Mark

DEVICE_PREFIX = "/dev/"
"""What begins so is a device of this machine, read by Video4Linux."""

_NETWORK = {"rtsp_transport": "tcp", "allowed_media_types": "video", "fpsprobesize": "0"}
"""UDP loses packets, and each of them damages pictures up to the next keyframe; sound is not even
asked for; and to count pictures for their rate, which the stream tells as well, made opening take
1.1 s instead of 0.3."""


class LiveConnection:
    """Pictures of a camera for as long as it sends any.

    Args:
        url: may hold a password, so it stands in no error, nor does what libav says with it.
        name: stands in errors instead.
        open_timeout_s: how long it may take to answer, and as long again to tell what it sends.
        stall_s: how long it may send nothing.

    Attributes:
        closing: closes it, while nobody reads.

    Raises:
        InputError: it can't be reached, wants another password or sends no video.
    """

    def __init__(self, url: str, name: str, open_timeout_s: float, stall_s: float) -> None:
        self.name = name
        self.container = self._open(url, open_timeout_s, stall_s)
        stream = video_stream(self.container.streams)
        if stream is None:
            self.container.close()
            raise InputError(f"{name}: sends no video")
        self.stream: VideoStream = stream
        try:
            self.packets = LivePackets(
                self.container,
                stream,
                stall_s=stall_s,
                no_picture_s=max(open_timeout_s, stall_s),
            )
            self.times = PictureTimes(self.container, stream, self.packets.start)
            try:
                self.decoder = Decoder(stream, self.packets, self.times, threads=1)
            except InputError as error:
                raise InputError(f"{name}: {error}") from error
        except BaseException:
            self.container.close()
            raise
        self.closing = DeferredClose(self._let_go)

    def peek(self) -> tuple[VideoFrame, Mark]:
        """The picture that comes next.

        Raises:
            InputError: none will come.
        """
        following = self.decoder.peek()
        if following is None:
            raise InputError(f"{self.name}: {self.packets.fault or 'was closed'}")
        return following

    def take(self) -> bool:
        """Go on behind the picture that comes next; whether it is the first of a new timeline."""
        taken = self.decoder.take()
        self.packets.saw_picture()
        opened_at = self.packets.opened_at
        if taken is None or opened_at is None or (taken[0].pts or 0) < opened_at:
            return False
        self.packets.opened_at = None
        return True

    def _open(self, url: str, open_timeout_s: float, stall_s: float) -> InputContainer:
        is_device = url.startswith(DEVICE_PREFIX)
        try:
            return av.open(
                url,
                format="v4l2" if is_device else None,
                options={} if is_device else _NETWORK,
                timeout=(open_timeout_s, stall_s),
                metadata_errors="replace",
            )
        except FFmpegError as error:
            why = _why_not_opened(error)
        # Not from the error, whose text has the address: a traceback would show it.
        raise InputError(f"{self.name}: {why}")

    def _let_go(self) -> None:
        self.decoder.close()
        self.packets.close()
        self.container.close()


def _why_not_opened(error: FFmpegError) -> str:
    if isinstance(error, HTTPUnauthorizedError):
        return "asks for another password (401)"
    if isinstance(error, ExitError):
        return "can't be reached (no answer in time)"
    return f"can't be reached ({error.strerror})"
