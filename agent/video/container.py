"""Containers, opened with care."""

from __future__ import annotations

import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import av
from av.error import FFmpegError

from agent.errors import InputError

if TYPE_CHECKING:
    from av.container import InputContainer

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
        container = av.open(_address(path, mode), metadata_errors="replace")
    except FFmpegError as error:
        raise InputError(
            f"{path}: not a video that FFmpeg can read ({error.strerror}){hint_of(path)}"
        ) from error
    if container.format.name in _TEXT_FORMATS:
        container.close()
        raise InputError(f"{path}: a text file, not a video")
    return container


def hint_of(path: Path) -> str:
    """What may be wrong with an input that can be read only once, to end a message with."""
    if path.is_file():
        return ""
    return "; an MP4 whose index stands last can't come through a pipe: give the file itself"


def _address(path: Path, mode: int) -> str:
    """What libav opens `path` by.

    Raises:
        InputError: when it is a socket that someone has to connect to.
    """
    if not stat.S_ISSOCK(mode):
        # The prefix keeps a colon in a name from being read as a protocol, and what a local file
        # names (a playlist does) from being fetched over the network.
        return f"file:{path}"
    # Linux opens no socket by a name; one that is open already has a number.
    for link in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # the one that lists them is gone by now
            if path.samefile(link):
                return f"pipe:{link.name}"
    raise InputError(
        f"{path}: is a socket; read it into a pipe: nc -U {path} | sfumato blur /dev/stdin"
    )
