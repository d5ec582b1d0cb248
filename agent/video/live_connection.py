"""LiveConnection: an open camera, and the pictures that come from it."""

from __future__ import annotations

from contextlib import contextmanager
from fractions import Fraction
from typing import TYPE_CHECKING

import av
from av.error import (
    ExitError,
    FFmpegError,
    HTTPForbiddenError,
    HTTPNotFoundError,
    HTTPUnauthorizedError,
)

from agent.errors import InputError, RefusedError
from agent.frames.repairs import Repairs
from agent.video.decoders import Decoders
from agent.video.deferred_close import DeferredClose
from agent.video.described import described
from agent.video.joined_packets import JoinedPackets
from agent.video.live_packets import LivePackets
from agent.video.picture_times import PictureTimes
from models.video_stream import frame_rate_of, video_stream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

    from agent.frames.stream_info import StreamInfo
    from agent.video.decoder import Mark, Packets
    from agent.video.frame_maker import FrameMaker

DEVICE_PREFIX = "/dev/"
"""What begins so is a device of this machine, read by Video4Linux."""

_USUAL_RATE = Fraction(25)
_PATIENCE = 0.5
"""Of the time from one picture to the next: so long a decoder may take for one before the next packet
is waited for, and no longer, or pictures would pile up. Chosen, not measured."""

NETWORK = {"rtsp_transport": "tcp", "allowed_media_types": "video", "fpsprobesize": "0"}
"""UDP loses packets, and each of them damages pictures up to the next keyframe; sound is not even
asked for; and to count pictures for their rate, which the stream tells as well, made opening take
1.1 s instead of 0.3. `fflags=nobuffer` is left out: it throws away what came while opening, mostly
the key picture that a camera begins with, and what follows comes no sooner. So is `low_delay` of the
decoder: with it no picture comes sooner."""
_IN_ANNEX_B = frozenset({"h264", "hevc"})
"""Codecs whose packets can be joined."""
_REFUSALS: dict[type[FFmpegError], str] = {
    HTTPUnauthorizedError: "asks for another password (401); give the right one with its address",
    HTTPForbiddenError: "doesn't let this user see it (403); name another one in its address",
    HTTPNotFoundError: "has no such path (404); correct the address, or start what sends there",
}


class LiveConnection:
    """Pictures of a camera for as long as it sends any.

    Args:
        url: may hold a password, so it stands in no error, nor does what libav says with it.
        name: stands in errors instead.
        open_timeout_s: how long it may take to answer, and as long again to tell what it sends.
        stall_s: how long it may send nothing.
        decoders: who decodes; None for FFmpeg on the CPU.

    Attributes:
        closing: closes it, while nobody reads.
        gpu: where pictures stay that a GPU decodes, if anywhere.

    Raises:
        RefusedError: it wants another password, or has no such path.
        InputError: it can't be reached, or sends no video.
    """

    def __init__(
        self,
        url: str,
        name: str,
        open_timeout_s: float,
        stall_s: float,
        decoders: Decoders | None = None,
    ) -> None:
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
            decoders = decoders or Decoders()
            self.gpu = decoders.staying_gpu()
            step_s = float(1 / (frame_rate_of(stream) or _USUAL_RATE))
            with self._named():
                self.decoder = decoders.decoder_for(
                    stream,
                    self._whole_packets(),
                    self.times,
                    threads=1,
                    patience_s=_PATIENCE * step_s,
                    reliable=not _is_device(url),  # what comes by USB may come in pieces
                )
        except BaseException:
            self.container.close()
            raise
        self.closing = DeferredClose(self._let_go)

    @property
    def repairs(self) -> Repairs:
        """What was amiss with the camera's times so far."""
        return Repairs(pictures=self.times.repaired, jumps=self.packets.jumps)

    def described(self, picture: VideoFrame, maker: FrameMaker) -> StreamInfo:
        """What is known of the pictures to come, of which this is the first."""
        base, name = self.times.time_base, self.decoder.name
        return described(self.container, self.stream, picture, maker, base, name)

    def preview(self) -> tuple[VideoFrame, Mark]:
        """What describes the pictures to come.

        Raises:
            InputError: none will come.
        """
        with self._named():
            return self._there(self.decoder.preview())

    def peek(self) -> tuple[VideoFrame, Mark]:
        """The picture that comes next.

        Raises:
            InputError: none will come.
        """
        with self._named():
            return self._there(self.decoder.peek())

    def take(self) -> bool:
        """Go on behind the picture that comes next; whether it is the first of a new timeline."""
        with self._named():
            taken = self.decoder.take()
        self.packets.saw_picture()
        opened_at = self.packets.opened_at
        if taken is None or opened_at is None or (taken[0].pts or 0) < opened_at:
            return False
        self.packets.opened_at = None
        return True

    def _there(self, following: tuple[VideoFrame, Mark] | None) -> tuple[VideoFrame, Mark]:
        if following is None:
            raise InputError(self.packets.fault or "was closed")
        return following

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Say of whom a fault is told."""
        try:
            yield
        except InputError as error:
            raise InputError(f"{self.name}: {error}") from error

    def _whole_packets(self) -> Packets:
        codec = self.stream.codec_context
        if codec is not None and codec.name in _IN_ANNEX_B:
            return JoinedPackets(self.packets)
        return self.packets

    def _open(self, url: str, open_timeout_s: float, stall_s: float) -> InputContainer:
        is_device = _is_device(url)
        try:
            return av.open(
                url,
                format="v4l2" if is_device else None,
                options={} if is_device else NETWORK,
                timeout=(open_timeout_s, stall_s),
                metadata_errors="replace",
            )
        except FFmpegError as error:
            fault = _fault_of(error, self.name)
        # Not from the error, whose text has the address: a traceback would show it.
        raise fault

    def _let_go(self) -> None:
        self.decoder.close()
        self.packets.close()
        self.container.close()


def _is_device(url: str) -> bool:
    return url.startswith(DEVICE_PREFIX)


def _fault_of(error: FFmpegError, name: str) -> InputError:
    refusal = _REFUSALS.get(type(error))
    if refusal is not None:
        return RefusedError(f"{name}: {refusal}")
    why = "no answer in time" if isinstance(error, ExitError) else error.strerror
    return InputError(f"{name}: can't be reached ({why})")
