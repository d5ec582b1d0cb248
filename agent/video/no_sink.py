"""NoSink: where redacted frames go that nobody records or watches."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from types import TracebackType

    from agent.frames.redacted import RedactedFrame


@final
class NoSink:
    """Takes frames, and lets them go."""

    def __enter__(self) -> NoSink:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass

    def write(self, frame: RedactedFrame) -> None:
        """Take the next frame."""

    def finish(self) -> None:
        """There are no more."""
