"""What a file's streams are called in messages, and which of them do not come out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from av.stream import Disposition
from av.video.stream import VideoStream

if TYPE_CHECKING:
    from collections.abc import Collection

    from av.container import InputContainer
    from av.stream import Stream

_KINDS = {"audio": "sound", "subtitle": "subtitle", "attachment": "attached file"}
_COVER = Disposition.attached_pic | Disposition.timed_thumbnails


def name_of(stream: Stream) -> str:
    """E.g. `video stream 2 (320x240 h264)`: the second of its kind in the file."""
    same = [other for other in stream.container.streams if other.type == stream.type]
    number = [other.index for other in same].index(stream.index) + 1
    size = ""
    if isinstance(stream, VideoStream) and stream.codec_context is not None:
        size = f"{stream.width}x{stream.height} "
    kind = f"{_KINDS.get(stream.type, stream.type)} stream"
    if stream.disposition & _COVER:
        kind = "cover picture, stream"
    return f"{kind} {number} ({size}{codec_of(stream)})"


def codec_of(stream: Stream) -> str:
    """FFmpeg's name of a stream's codec."""
    context = stream.codec_context
    name = context.name if context is not None else getattr(stream, "name", None)
    return str(name or "a codec unknown to FFmpeg")


def left_out_of(container: InputContainer, kept: Collection[Stream]) -> tuple[str, ...]:
    """The streams of a file that are not pictures or sound to be kept, and its chapters.

    Sound that nobody asked for isn't named: that is said of all sound at once.
    """
    used = {stream.index for stream in kept}
    names = [
        name_of(stream)
        for stream in container.streams
        if stream.index not in used and stream.type != "audio"
    ]
    if chapters := len(container.chapters()):
        names.append(f"{chapters} {'chapter' if chapters == 1 else 'chapters'}")
    return tuple(names)
