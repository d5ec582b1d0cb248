"""NoSink: where redacted frames go that nobody records or watches."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from agent.frames.redacted import RedactedFrame


@final
class NoSink(AbstractContextManager["NoSink"]):
    """Takes frames, and lets them go."""

    def __exit__(self, *_: object) -> None:
        pass

    def write(self, frame: RedactedFrame) -> None:
        """Take the next frame."""

    def finish(self) -> None:
        """There are no more."""
