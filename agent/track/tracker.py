"""Centroid tracker: follows objects from keyframe to keyframe; in doubt it keeps them hidden.

Tracks and sightings are matched by the Hungarian method on the distance of their centres, gated
by distance and size. A detection that is too weak to start a track, or of another class, can
still carry one on: detectors waver about class and score on the very objects that move most
(after the second association of ByteTrack, arXiv 2110.06864). With look-ahead a new track also
reaches back into a keyframe that has not left yet.

Tracks of sure detections are followed as if there were no others. So whoever lowers the score
from which objects are hidden adds covers and takes none away: one weak detection beside an object
would else end its track, or draw it to a bystander.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.track.matching import earlier_sighting, matched, without_duplicates
from agent.track.track import Track

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from agent.frames.sighting import Sighting

WEAK_SHARE = 0.4
"""A detection that scores this share of what a new track needs can still carry one on (chosen
together with the gates of `agent.track.matching`, on six DAVIS-2016 sequences)."""

MAX_LOOK_BACK = 1
"""Keyframes that a new track may reach back, and that must not have left before.

On six DAVIS-2016 sequences three of them covered no better (1.2 % leak both)."""

MAX_MISSES = 3
"""Keyframes without a sighting after which a track can't be found again."""

HOLD_S = 0.15
"""Beyond its first and last sighting a track is held to the next keyframe, and at least so long:
where the detector looks at every frame it misses an object for several in a row, too. Chosen: just
less than between the keyframes of `--every 5` at 30 frames a second, where one keyframe is enough."""


@dataclass(frozen=True, slots=True)
class Keyframe:
    """A frame that the detector saw, and every candidate in it.

    Attributes:
        time_s: the frame's own time.
        scene: counts cuts; nothing is followed from one scene into another.
        opens_scene: whether it is its scene's first frame.
    """

    index: int
    time_s: float
    scene: int
    candidates: tuple[Sighting, ...]
    opens_scene: bool = False


class Tracker:
    """Follows objects through keyframes in rising order.

    Args:
        hidden: class ids whose detections start tracks.
        birth_scores: by class id, the score from which a detection starts a track.
        sure_scores: likewise, from which it is a sure one; all that start tracks if not given.

    Attributes:
        born: the number of the newest track.
    """

    def __init__(
        self,
        hidden: Sequence[int],
        birth_scores: Mapping[int, float],
        sure_scores: Mapping[int, float] | None = None,
    ) -> None:
        self._hidden = frozenset(hidden)
        self._birth_scores, self._sure_scores = birth_scores, sure_scores or birth_scores
        # What a detector gives below is of use to another who shares it.
        self._least = {
            True: WEAK_SHARE * min(self._sure_scores.values(), default=0.0),
            False: WEAK_SHARE * min(self._birth_scores.values(), default=0.0),
        }
        # Candidates that a track has, apart for sure tracks (True) and for the others.
        self._taken: dict[bool, set[Sighting]] = {True: set(), False: set()}
        self.keyframes: list[Keyframe] = []
        self.tracks: list[Track] = []
        self.born = 0

    def update(self, keyframe: Keyframe) -> None:
        """Take in the next keyframe."""
        if self.keyframes and keyframe.scene != self.keyframes[-1].scene:
            for track in self.tracks:
                track.misses = MAX_MISSES + 1
        self.keyframes.append(keyframe)
        live = [track for track in self.tracks if track.misses <= MAX_MISSES]
        for track in live:
            track.misses += 1  # until it is found
        births = [c for c in keyframe.candidates if self._starts_track(c)]
        for sure in (True, False):
            tracks = [track for track in live if track.sure is sure]
            starts = [c for c in births if c not in self._taken[True] and self._is_sure(c) is sure]
            self._follow(tracks, starts)
            if missed := [track for track in tracks if track.misses]:
                self._follow(missed, self._unclaimed(keyframe, sure=sure))
            for sighting in starts:
                if sighting not in self._taken[sure]:
                    self._start_track(sighting, live)

    def preview(
        self, found: tuple[Sighting, ...]
    ) -> tuple[list[tuple[Track, Sighting]], list[Sighting]]:
        """What a keyframe would bring, without taking it in: sure tracks only.

        Returns:
            tracks with the sightings that would carry them on; and the last sightings of tracks
            that would be lost, and the first of those that would be born.
        """
        tracks = [track for track in self.tracks if track.sure and track.misses == 0]
        found = tuple(self._free(found, sure=True))
        births = [c for c in found if self._starts_track(c) and self._is_sure(c)]
        pairs = matched(tracks, births)
        kept, claimed = {t.number for t, _ in pairs}, {s for _, s in pairs}
        left = [track for track in tracks if track.number not in kept]
        weak = matched(left, [c for c in found if c not in claimed])
        carried = {t.number for t, _ in weak}
        lost = [t.sightings[-1] for t in left if t.number not in carried]
        return pairs + weak, lost + [c for c in births if c not in claimed]

    def before(self, first: Sighting, count: int) -> int:
        """The frame after which an object that was first seen in `first` is hidden.

        That is the keyframe `count` before, or one `HOLD_S` before. Where a scene begins there,
        nothing says that the object came later, and it is hidden from the scene's first frame on.
        """
        at = self._position(first.index)
        scene = self.keyframes[at].scene
        earlier = [k for k in self.keyframes[:at] if k.scene == scene]
        for nth, keyframe in enumerate(reversed(earlier), 1):
            if nth >= count and first.time_s - keyframe.time_s >= HOLD_S:
                return keyframe.index if not keyframe.opens_scene else keyframe.index - 1
        return min([first.index, *(k.index for k in earlier)]) - 1

    def after(self, last: Sighting, count: int) -> float:
        """The frame up to which an object that was last seen in `last` is hidden.

        That is the keyframe `count` after, or one `HOLD_S` after, as soon as it is known, or the
        scene's last frame.
        """
        at = self._position(last.index)
        for nth, keyframe in enumerate(self.keyframes[at + 1 :], 1):
            if keyframe.scene != self.keyframes[at].scene:
                return keyframe.index - 1
            if nth >= count and keyframe.time_s - last.time_s >= HOLD_S:
                return keyframe.index
        return float("inf")

    def forget(self, index: int) -> None:
        """Drop what no frame from `index` on can need."""
        cut = max((i for i, k in enumerate(self.keyframes) if k.index <= index), default=0)
        while cut > 1 and self.keyframes[1].time_s < self.keyframes[cut].time_s - HOLD_S:
            for taken in self._taken.values():
                taken.difference_update(self.keyframes[0].candidates)
            del self.keyframes[0]
            cut -= 1
        if not self.keyframes:
            return
        oldest = self.keyframes[0].index
        self.tracks = [
            t for t in self.tracks if t.misses <= MAX_MISSES or t.sightings[-1].index >= oldest
        ]
        for track in self.tracks:
            while len(track.sightings) > 3 and track.sightings[2].index < oldest:
                track.leaps.discard(track.sightings.pop(0).index)

    def _position(self, index: int) -> int:
        return bisect_left(self.keyframes, index, key=lambda keyframe: keyframe.index)

    def _starts_track(self, sighting: Sighting) -> bool:
        return (
            sighting.class_id in self._hidden
            and sighting.score >= self._birth_scores[sighting.class_id]
        )

    def _is_sure(self, sighting: Sighting) -> bool:
        """Of one that may start a track."""
        return sighting.score >= self._sure_scores[sighting.class_id]

    def _unclaimed(self, keyframe: Keyframe, *, sure: bool) -> list[Sighting]:
        """Candidates for sure tracks, or for others, without duplicates of those that one has."""
        taken = [c for c in keyframe.candidates if self._is_taken(c, sure=sure)]
        return without_duplicates(self._free(keyframe.candidates, sure=sure), taken)

    def _free(self, candidates: Sequence[Sighting], *, sure: bool) -> list[Sighting]:
        least = self._least[sure]
        return [c for c in candidates if c.score > least and not self._is_taken(c, sure=sure)]

    def _is_taken(self, sighting: Sighting, *, sure: bool) -> bool:
        return sighting in self._taken[True] or (not sure and sighting in self._taken[False])

    def _follow(self, tracks: list[Track], candidates: list[Sighting]) -> None:
        for track, sighting in matched(tracks, candidates):
            track.go_on(sighting)
            self._taken[track.sure].add(sighting)
            if sighting.class_id != track.class_id and self._starts_track(sighting):
                track.also.add(sighting.class_id)

    def _start_track(self, sighting: Sighting, live: list[Track]) -> None:
        """Begin with a sighting; under the number of the doubtful track that leads there, if any."""
        sure = self._is_sure(sighting)
        known = matched([t for t in live if t.misses and not t.sure], [sighting]) if sure else []
        if known:
            number = known[0][0].number
        else:
            self.born += 1
            number = self.born
        track = Track(number, sighting.class_id, [sighting], sure=sure)
        self.tracks.append(track)
        self._taken[sure].add(sighting)
        for keyframe in self.keyframes[-2 : -2 - MAX_LOOK_BACK : -1]:
            if keyframe.scene != self.keyframes[-1].scene:
                return
            earlier = earlier_sighting(track, self._free(keyframe.candidates, sure=sure))
            if earlier is None:
                return
            track.sightings.insert(0, earlier)
            self._taken[sure].add(earlier)
