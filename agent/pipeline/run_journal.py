"""Journal: what happened to every frame of a run, small enough to keep for hours of video."""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.frames.cover import Cover
    from agent.frames.redacted import RedactedFrame


@dataclass(slots=True)
class TrackSpan:
    """When an object was hidden.

    Attributes:
        first: index of the first frame that a patch of the track covered.
        last: likewise the last.
    """

    number: int
    label: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class LoadSample:
    """How busy each stage was up to a frame: seconds since the run began, by stage name."""

    index: int
    wall_s: float
    busy_s: dict[str, float]


@dataclass(slots=True)
class Journal:
    """Filled by the pipeline, read by reports.

    Attributes:
        patches: how many objects were hidden, frame by frame.
        whole: why the whole frame was covered, by frame index.
        keyframes: indices, rising only roughly: look-ahead may come back to one.
        tracks: by track number.
    """

    patches: array[int] = field(default_factory=lambda: array("H"))
    whole: dict[int, str] = field(default_factory=dict)
    keyframes: array[int] = field(default_factory=lambda: array("Q"))
    tracks: dict[int, TrackSpan] = field(default_factory=dict)
    loads: list[LoadSample] = field(default_factory=list)

    def note(self, frame: RedactedFrame, cover: Cover) -> None:
        """Write down one frame, in order."""
        self.patches.append(min(len(cover.patches), 0xFFFF))
        if frame.whole is not None:
            self.whole[frame.index] = frame.whole
        for patch in cover.patches:
            span = self.tracks.get(patch.track)
            if span is None:
                span = TrackSpan(patch.track, patch.label, frame.index, frame.index)
                self.tracks[patch.track] = span
            span.last = frame.index

    def whole_reasons(self) -> dict[str, int]:
        """How many frames were covered whole, by reason, most first."""
        return dict(Counter(self.whole.values()).most_common())
