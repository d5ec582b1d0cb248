"""RunJournal: what happened to every frame of a run, small enough to keep for hours of video."""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.frames.cover import Cover
    from agent.redact.effect import Effect


class Noted(Protocol):
    """What a journal wants to know of a frame that was redacted."""

    @property
    def index(self) -> int: ...  # noqa: D102

    @property
    def size(self) -> tuple[int, int]: ...  # noqa: D102

    @property
    def whole(self) -> str | None: ...  # noqa: D102


class Journal(Protocol):
    """Written by the pipeline, each method by one thread."""

    def note_keyframe(self, index: int) -> None:
        """The detector was asked about a frame; look-ahead may come back to an earlier one."""
        ...

    def note(self, frame: Noted, cover: Cover) -> None:
        """A frame was redacted; they come in order."""
        ...

    def note_load(self, sample: LoadSample) -> None:
        """How busy the stages were, now and then."""
        ...


@dataclass(slots=True)
class TrackSpan:
    """When an object was hidden.

    Attributes:
        first: index of the first frame that an outline of the track covered.
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
    busy_s: Mapping[str, float]


@dataclass(slots=True)
class RunJournal:
    """Keeps the history of a run that ends; for one without end there is `WindowJournal`.

    Attributes:
        effect: what hides; None where nothing does.
        effects: in how many frames an object of a class was hidden by each kind of effect, by
            class name.
        hidden: how many objects were hidden, frame by frame.
        whole: why the whole frame was covered, by frame index.
        keyframes: indices, rising only roughly.
        tracks: by track number.
    """

    effect: Effect | None = None
    effects: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    hidden: array[int] = field(default_factory=lambda: array("H"))
    whole: dict[int, str] = field(default_factory=dict)
    keyframes: array[int] = field(default_factory=lambda: array("Q"))
    tracks: dict[int, TrackSpan] = field(default_factory=dict)
    loads: list[LoadSample] = field(default_factory=list)

    def note_keyframe(self, index: int) -> None:
        """Write down that the detector was asked about a frame."""
        self.keyframes.append(index)

    def note(self, frame: Noted, cover: Cover) -> None:
        """Write down one frame, in order."""
        self.hidden.append(min(cover.objects, 0xFFFF))
        if frame.whole is not None:
            self.whole[frame.index] = frame.whole
        kinds = set()
        for outline in cover.outlines:
            span = self.tracks.get(outline.track)
            if span is None:
                span = TrackSpan(outline.track, outline.label, frame.index, frame.index)
                self.tracks[outline.track] = span
            span.last = frame.index
            if self.effect is not None and frame.whole is None:
                kinds.add((outline.track, outline.label, self.effect.on(outline, frame.size).kind))
        for _, label, kind in kinds:
            self.effects[label][kind] += 1

    def note_load(self, sample: LoadSample) -> None:
        """Write down how busy the stages were."""
        self.loads.append(sample)

    def whole_reasons(self) -> dict[str, int]:
        """How many frames were covered whole, by reason, most first."""
        return dict(Counter(self.whole.values()).most_common())
