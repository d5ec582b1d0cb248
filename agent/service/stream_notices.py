"""StreamNotices: what happens to one stream, seen by looking at it again and again."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, final

from agent.service.changes import Changes
from agent.service.notice import MAX_LETTERS, Notice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from agent.control.messages import EventKind, Scalar
    from agent.telemetry.status import StreamStatus

COVERED_S = 5.0
"""Without a frame that was covered whole for so long, a stream is seen again. Chosen, not measured:
a detector that fails now and then makes one event, not one a second."""

TRACKS_S = 10.0
"""Objects that were hidden are told no more often than this, together. Chosen, not measured: eight
streams make an event a second at most."""


@final
class StreamNotices:
    """Of one stream, which begins as `starting`.

    Args:
        hide: replaces secrets in a text.
    """

    def __init__(self, name: str, hide: Callable[[str], str]) -> None:
        self._name, self._hide = name, hide
        self._state = Changes(("starting", ""))
        self._covering = Changes(value=False)
        self._whole: Counter[str] = Counter()
        self._whole_frames, self._grew_s, self._reason = 0, -COVERED_S, ""
        self._labels: Counter[str] = Counter()
        self._new_labels: Counter[str] = Counter()
        self._tracks_s = -TRACKS_S

    def look(self, status: StreamStatus, now_s: float) -> Iterator[Notice]:
        """What happened since the last look; `now_s` is of a monotonic clock."""
        if changes := self._state.look((status.state, status.reason), now_s):
            reason = self._hide(status.reason)[:MAX_LETTERS]
            yield self._notice(
                "stream", state=status.state, reason=reason, since=status.since, changes=changes
            )
        yield from self._covers(status.whole, now_s)
        yield from self._tracks(status.labels, now_s)

    def gone(self) -> Notice:
        """The configuration has it no more."""
        return self._notice("stream", state="removed", reason="", since=None, changes=1)

    def _covers(self, whole: Mapping[str, int], now_s: float) -> Iterator[Notice]:
        grown = _grown(self._whole, whole)
        self._whole = Counter(whole)
        if grown:
            self._whole_frames += grown.total()
            self._grew_s, self._reason = now_s, grown.most_common(1)[0][0]
        covering = now_s - self._grew_s < COVERED_S
        if changes := self._covering.look(covering, now_s):
            yield self._notice(
                "cover",
                covering=covering,
                reason=self._reason,
                frames=self._whole_frames,
                changes=changes,
            )
            if not covering:
                self._whole_frames = 0

    def _tracks(self, labels: Mapping[str, int], now_s: float) -> Iterator[Notice]:
        self._new_labels += _grown(self._labels, labels)
        self._labels = Counter(labels)
        if self._new_labels and now_s - self._tracks_s >= TRACKS_S:
            self._tracks_s = now_s
            by_label = {f"objects.{label}": count for label, count in self._new_labels.items()}
            yield self._notice("track", objects=self._new_labels.total(), **by_label)
            self._new_labels.clear()

    def _notice(self, kind: EventKind, **data: Scalar) -> Notice:
        return Notice(kind, {"stream": self._name, **data})


def _grown(before: Mapping[str, int], now: Mapping[str, int]) -> Counter[str]:
    """By how much counts have grown; those that begin anew have grown by what they are."""
    if any(now.get(name, 0) < count for name, count in before.items()):
        before = {}
    return Counter(
        {
            name: count - before.get(name, 0)
            for name, count in now.items()
            if count > before.get(name, 0)
        }
    )
