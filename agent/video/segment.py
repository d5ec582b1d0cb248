"""Segment: a fragmented MP4 that is being written, and of which nothing is thrown away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from av.error import FFmpegError

from agent.video.muxer import Muxer

if TYPE_CHECKING:
    from pathlib import Path

    from agent.frames.encoded import EncodedPacket, EncodedStream


class Segment:
    """Begins with the picture at `begin`, a keyframe, and plays by itself.

    Wherever it ends, also with its process, `agent.video.fragments` cuts it to what can be played.

    Args:
        path: the file; written from its start.
        name: FFmpeg's name of the container, one of MP4's.
        begin: time of its first picture, in the packets' ticks.

    Raises:
        FFmpegError: when libav refuses.
        OSError: when the file can't be written.
    """

    def __init__(self, path: Path, name: str, stream: EncodedStream, begin: int) -> None:
        self.path, self._begin, self._time_base = path, begin, stream.time_base
        self._failed = False
        self._muxer = Muxer(path, name, stream, fragmented=True, origin=begin)
        self._muxer.container.start_encoding()

    def lasts_s(self, until: int) -> float:
        """Seconds of video from its begin to a time in the packets' ticks."""
        return float((until - self._begin) * self._time_base)

    def write(self, packet: EncodedPacket) -> None:
        """Write the next packet.

        Raises:
            FFmpegError, OSError: it can't be written.
            OverflowError: when it lies too far from the one before for MP4.
        """
        try:
            self._muxer.write(packet)
        except (FFmpegError, OSError):
            self._failed = True
            raise

    def close(self) -> None:
        """Write what is left, but after an error.

        Raises:
            FFmpegError, OSError: it can't be written; what was written before is there.
        """
        if self._failed:
            self._muxer.abort()
        else:
            self._muxer.close()
