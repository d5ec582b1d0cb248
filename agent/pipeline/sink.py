"""Sink: what a pipeline writes to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from agent.frames.annotated import AnnotatedFrame
    from agent.frames.redacted import RedactedFrame

ShownT = TypeVar("ShownT", bound="RedactedFrame | AnnotatedFrame")
ShownT_contra = TypeVar("ShownT_contra", bound="RedactedFrame | AnnotatedFrame", contravariant=True)


class Sink(Protocol[ShownT_contra]):
    """Takes frames of one type, and nothing else: those that were redacted, unless for tuning."""

    def write(self, frame: ShownT_contra) -> None:
        """Take the next frame."""
        ...

    def finish(self) -> None:
        """Put the whole of it in place; there are no more frames."""
        ...
