"""Ports: what a stream is composed of, each a few methods that many things can have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.frames.cover import Cover
    from agent.frames.frame import Frame
    from agent.frames.redacted import RedactedFrame
    from agent.frames.stream_info import StreamInfo


class Source(Protocol):
    """Gives frames, each once, in order of presentation.

    Attributes:
        info: what is known before the second frame.
        damaged: packets and pictures that could not be decoded so far.
    """

    info: StreamInfo

    @property
    def damaged(self) -> int: ...  # noqa: D102

    def __iter__(self) -> Iterator[Frame]: ...

    def close(self) -> None:
        """Let go of it; frames that were given out stay valid."""
        ...


class Redactor(Protocol):
    """Makes a frame fit to be shown."""

    def redact(self, frame: Frame, cover: Cover) -> RedactedFrame:
        """The frame with its cover applied."""
        ...
