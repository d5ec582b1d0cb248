"""Crop: the part of every picture that a container says is to be shown."""

from __future__ import annotations

import logging as python_logging
import re
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from av import logging

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

    from agent.frames.frame import Planes

_STREAM = re.compile(r"^  Stream #0:(\d+)", re.MULTILINE)
_speaking = threading.Lock()
"""What FFmpeg may say is one setting for all threads."""

# Other threads' libav speaks meanwhile, too, and what it says of a camera may hold its password.
python_logging.getLogger("libav").addHandler(python_logging.NullHandler())
python_logging.getLogger("libav").propagate = False

_CROPPING = re.compile(r"^ +Frame Cropping: (\d+)/(\d+)/(\d+)/(\d+)\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Crop:
    """Pixels to leave out at each edge of the picture as it is stored, before it is turned."""

    left: int = 0
    right: int = 0
    top: int = 0
    bottom: int = 0

    def of(self, planes: Planes) -> Planes:
        """The part of I420 or NV12 planes that is to be shown: views, of at least one pixel.

        Where an edge is odd, chroma lies half a pixel off.
        """
        if self == NO_CROP:
            return planes
        height, width = planes[0].shape
        rows = _kept(height, self.top, self.bottom)
        columns = _kept(width, self.left, self.right)
        return tuple(
            plane[_halved(rows) if chroma else rows, _halved(columns) if chroma else columns]
            for chroma, plane in enumerate(planes)
        )


NO_CROP = Crop()


def crop_of(container: InputContainer, stream: VideoStream) -> Crop:
    """What Matroska's `PixelCrop` or MP4's `clap` says of `stream`, as FFmpeg has read it.

    PyAV doesn't hand on what a container says of a whole stream; only FFmpeg's description of the
    file has it, and only while FFmpeg may speak.
    """
    with _speaking:
        level = logging.get_level()
        logging.set_level(logging.INFO)
        try:
            described: str = container.dumps_format()  # type: ignore[attr-defined] # not in stubs
        finally:
            logging.set_level(level)
    # The text before the first stream, then number and text of each.
    _, *streams = _STREAM.split(described)
    for index, text in zip(streams[::2], streams[1::2], strict=True):
        found = _CROPPING.search(text)
        if found and int(index) == stream.index:
            return Crop(*map(int, found.groups()))
    return NO_CROP


def _kept(length: int, before: int, after: int) -> slice:
    start = min(before, length - 1)
    return slice(start, max(start + 1, length - after))


def _halved(kept: slice) -> slice:
    start, length = kept.start // 2, kept.stop - kept.start
    return slice(start, start + (length + 1) // 2)
