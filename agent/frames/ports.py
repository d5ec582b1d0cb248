"""Ports: what a stream is composed of, each a few methods that many things can have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

from agent.frames.annotated import AnnotatedFrame
from agent.frames.redacted import RedactedFrame

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent.frames.cover import Cover
    from agent.frames.encoded import EncodedPacket, EncodedStream
    from agent.frames.frame import Frame
    from agent.frames.repairs import Repairs
    from agent.frames.stream_info import StreamInfo

FrameT = TypeVar("FrameT", RedactedFrame, AnnotatedFrame)
FrameT_contra = TypeVar("FrameT_contra", RedactedFrame, AnnotatedFrame, contravariant=True)


class Source(Protocol):
    """Gives frames, each once, in order of presentation.

    Attributes:
        info: what is known before the second frame.
        damaged: packets and pictures that could not be decoded so far.
        deinterlaced: pictures so far that showed two moments, and show one.
        resized: pictures so far that were scaled to the first one's size.
        left_out: names of what the source holds beside its pictures and does not give, each once.
        repairs: what was amiss with its times so far.
        copied_s: seconds in which pictures were copied out of a decoder's memory so far.
    """

    info: StreamInfo

    @property
    def damaged(self) -> int: ...  # noqa: D102

    @property
    def deinterlaced(self) -> int: ...  # noqa: D102

    @property
    def resized(self) -> int: ...  # noqa: D102

    @property
    def left_out(self) -> tuple[str, ...]: ...  # noqa: D102

    @property
    def repairs(self) -> Repairs: ...  # noqa: D102

    @property
    def copied_s(self) -> float: ...  # noqa: D102

    def __iter__(self) -> Iterator[Frame]: ...

    def close(self) -> None:
        """Let go of it; frames that were given out stay valid."""
        ...


class Redactor(Protocol):
    """Makes a frame fit to be shown."""

    def redact(self, frame: Frame, cover: Cover) -> RedactedFrame:
        """The frame with its cover applied."""
        ...


class Encoder(Protocol[FrameT_contra]):
    """Turns frames that may be shown into packets, once, whoever gets them.

    Attributes:
        stream: what the packets are; known once a frame was encoded.
    """

    @property
    def stream(self) -> EncodedStream: ...  # noqa: D102

    def encode(self, frame: FrameT_contra) -> Sequence[EncodedPacket]:
        """Take the next frame; the packets that are ready by now, perhaps none.

        Raises:
            OutputError: it can't be encoded.
            TypeError: the frame was not redacted.
        """
        ...

    def flush(self) -> Sequence[EncodedPacket]:
        """The packets that were held back; no frames follow."""
        ...

    def close(self) -> None:
        """Let go of what encodes, and of what it holds."""
        ...


class Output(Protocol):
    """Takes packets to where they are seen. `start`, `write`..., then `finish` or `abort`."""

    def start(self, stream: EncodedStream) -> None:
        """Get ready for the packets of `stream`.

        Raises:
            OutputError: it can't be written to.
            TypeError: the stream is annotated, and this is not a file that was made for that.
        """
        ...

    def write(self, packet: EncodedPacket) -> None:
        """Take the next packet.

        Raises:
            OutputError: it can't be written.
        """
        ...

    def finish(self) -> None:
        """Make what was written whole; no packets follow.

        Raises:
            OutputError: that can't be done.
        """
        ...

    def abort(self) -> None:
        """Give up, and leave nothing half done behind; harmless after `finish`."""
        ...
