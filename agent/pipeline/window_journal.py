"""WindowJournal: counters since the start and the last minutes in detail, for a run without end."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from typing import TYPE_CHECKING

from agent.pipeline.run_journal import TrackSpan

if TYPE_CHECKING:
    from agent.frames.cover import Cover
    from agent.pipeline.run_journal import LoadSample, Noted

WINDOW_FRAMES = 18_000
"""Ten minutes at 30 frames a second."""

MAX_LOADS = 1_200
"""Ten minutes of load samples, which come twice a second."""


class WindowJournal:
    """A `Journal` whose size doesn't depend on how long the stream has run.

    Attributes:
        frames: how many were redacted.
        keyframes: how many the detector was asked about.
        labels: how many tracks were hidden, by their first label.
        whole: frames that were covered whole, by reason.
        covers: objects that were hidden, summed up over frames.
        hidden: how many objects each of the last frames hid.
        tracks: spans of the tracks that the last frames hid, the longest unseen first.
        loads: the last load samples.
    """

    def __init__(self, window_frames: int = WINDOW_FRAMES) -> None:
        self.frames = self.keyframes = self.covers = 0
        self.labels: Counter[str] = Counter()
        self.whole: Counter[str] = Counter()
        self.hidden: deque[int] = deque(maxlen=window_frames)
        self.tracks: OrderedDict[int, TrackSpan] = OrderedDict()
        self.loads: deque[LoadSample] = deque(maxlen=MAX_LOADS)
        self._window_frames = window_frames

    @property
    def objects(self) -> int:
        """How many tracks were hidden."""
        return self.labels.total()

    def note_keyframe(self, _index: int) -> None:
        """Count a question to the detector."""
        self.keyframes += 1

    def note(self, frame: Noted, cover: Cover) -> None:
        """Count a frame and follow its tracks."""
        self.frames += 1
        self.covers += cover.objects
        self.hidden.append(cover.objects)
        if frame.whole is not None:
            self.whole[frame.whole] += 1
        for outline in cover.outlines:
            span = self.tracks.get(outline.track)
            if span is None:
                self.labels[outline.label] += 1
                span = TrackSpan(outline.track, outline.label, frame.index, frame.index)
                self.tracks[outline.track] = span
            span.last = frame.index
            self.tracks.move_to_end(outline.track)
        while self.tracks and self._oldest().last <= frame.index - self._window_frames:
            self.tracks.popitem(last=False)

    def note_load(self, sample: LoadSample) -> None:
        """Keep a sample until newer ones push it out."""
        self.loads.append(sample)

    def _oldest(self) -> TrackSpan:
        return next(iter(self.tracks.values()))
