"""Containers: opened with care, and read as far as they go."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, Generic, TypeVar, cast

import av
from av.error import FFmpegError
from av.stream import Stream

from agent.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from av.container import InputContainer
    from av.packet import Packet

StreamT = TypeVar("StreamT", bound=Stream)

_TEXT_FORMATS = frozenset({"tty"})


def open_container(path: Path) -> InputContainer:
    """Open a media file of this machine.

    Raises:
        InputError: when it isn't one, or can't be read.
    """
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise InputError(f"{path}: is a folder, not a video")
        if stat.S_ISREG(mode):  # a pipe must not be touched before libav reads it
            with path.open("rb") as file:
                if not file.read(1):
                    raise InputError(f"{path}: the file is empty")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    try:
        # The prefix keeps a colon in a name from being read as a protocol, and what a local file
        # names (a playlist does) from being fetched over the network.
        container = av.open(f"file:{path}", metadata_errors="replace")
    except FFmpegError as error:
        raise InputError(f"{path}: not a video that FFmpeg can read ({error.strerror})") from error
    if container.format.name in _TEXT_FORMATS:
        container.close()
        raise InputError(f"{path}: a text file, not a video")
    return container


class Packets(Generic[StreamT]):
    """Iterates over the packets of some streams of an open container, up to what can't be read.

    Empty packets are left out, because a decoder takes one for the end of its stream.
    """

    def __init__(self, container: InputContainer, streams: Sequence[StreamT]) -> None:
        self._demuxed: Iterator[Packet[StreamT]] = iter(())
        if streams:  # libav would take none for all
            self._demuxed = cast("Iterator[Packet[StreamT]]", container.demux(streams))
        self.damaged = 0
        """1 once reading failed before the end."""

    def __iter__(self) -> Packets[StreamT]:
        return self

    def __next__(self) -> Packet[StreamT]:
        try:
            return next(packet for packet in self._demuxed if packet.size)
        except FFmpegError:
            self.damaged = 1
            self.close()
            raise StopIteration from None

    def close(self) -> None:
        """Let go of the container, which may be closed then."""
        self._demuxed = iter(())
