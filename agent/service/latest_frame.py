"""LatestFrame: the last redacted frame that a stream's sink took, and when."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from agent.frames.redacted import RedactedFrame
from agent.service.snapshot import snapshot_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.frames.cover import Cover
    from agent.frames.stream_info import StreamInfo
    from agent.service.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Shown:
    """What a stream shows.

    Attributes:
        size: width, height in pixels.
        rate: frames a second, as its source says; None where it doesn't.
        covered: whether its last frame was covered whole; False before the first.
    """

    size: tuple[int, int]
    rate: float | None
    covered: bool


@final
class LatestFrame:
    """Refers to one frame, and copies nothing: whoever redacted it made its planes for it alone.

    An encoder only reads them. `note` is for a pipeline to call with every frame that was written;
    the others may be called from any thread.

    Args:
        info: of the source.
        now: a monotonic clock, seconds.
    """

    def __init__(self, info: StreamInfo, now: Callable[[], float] = time.monotonic) -> None:
        self._info, self._now = info, now
        self._last: tuple[RedactedFrame, float] | None = None

    def note(self, frame: RedactedFrame, _cover: Cover) -> None:
        """A frame was written.

        Raises:
            TypeError: it was not redacted.
        """
        if type(frame) is not RedactedFrame:
            raise TypeError(f"only a RedactedFrame is kept, not a {type(frame).__name__}")
        self._last = frame, self._now()  # in one step, for it is read meanwhile

    @property
    def shown(self) -> Shown:
        """What the stream shows now."""
        info, last = self._info, self._last
        return Shown(
            (info.width, info.height),
            None if info.frame_rate is None else float(info.frame_rate),
            covered=last is not None and last[0].whole is not None,
        )

    def snapshot(self, max_width: int) -> Snapshot | None:
        """The last frame as JPEG, no wider than so many pixels; None before the first."""
        if (last := self._last) is None:
            return None
        frame, at_s = last
        aspect = float(self._info.sample_aspect_ratio)
        return snapshot_of(frame, aspect, max_width, self._now() - at_s)
