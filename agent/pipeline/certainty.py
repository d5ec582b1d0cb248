"""Certainty: when a frame's cover can't change any more, and which fault covers it whole.

Pure: it knows keyframes by index and scene, and neither clock nor detector. The rule:

1. with look-ahead a frame leaves once `LOOK_AHEAD` keyframes behind it are settled, or its scene
   has ended and every keyframe of it is settled; without, it leaves at once;
2. a keyframe is vouched for by its own result; a frame between two keyframes needs both to be
   good and of its scene (without look-ahead: the one before). Else it is covered whole.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass

from agent.track.tracker import MAX_LOOK_BACK

LOOK_AHEAD = MAX_LOOK_BACK + 1
"""Keyframes after a frame that can still change its cover: it waits for 2 N frames, no more."""

NO_KEYFRAME = "no keyframe"


@dataclass(frozen=True, slots=True)
class Settled:
    """A keyframe whose result was taken in.

    Attributes:
        scene: counts cuts.
        fault: why there is no result, or None where there is.
    """

    index: int
    scene: int
    fault: str | None = None


class Certainty:
    """Keyframes that were settled, by rising index, and what follows from them."""

    def __init__(self, *, look_ahead: bool) -> None:
        self._look_ahead = look_ahead
        self._settled: list[Settled] = []

    def __len__(self) -> int:
        return len(self._settled)

    @property
    def last(self) -> Settled | None:
        """The newest keyframe that was settled."""
        return self._settled[-1] if self._settled else None

    @property
    def first_index(self) -> int:
        """The oldest keyframe that is still known."""
        return self._settled[0].index

    def settle(self, keyframe: Settled) -> None:
        """Take in a keyframe; they come by rising index."""
        self._settled.append(keyframe)

    def may_leave(self, index: int, scene: int, newest_scene: int, open_scene: int | None) -> bool:
        """Whether nothing that is still to come can change the cover of a frame.

        Args:
            index: the frame's.
            scene: the frame's.
            newest_scene: the scene of the newest frame that was taken in.
            open_scene: the scene of the earliest keyframe that is not settled, if there is one.
        """
        if not self._look_ahead:
            return True
        if scene < newest_scene and (open_scene is None or open_scene > scene):
            return True
        return len(self._settled) - self._behind(index) >= LOOK_AHEAD

    def fault(self, index: int, scene: int) -> str | None:
        """Why the keyframes around a frame can't vouch for it; None where they do."""
        after = bisect_left(self._settled, index, key=lambda each: each.index)
        if after < len(self._settled) and self._settled[after].index == index:
            return self._settled[after].fault
        if after == 0:
            return NO_KEYFRAME
        before = self._settled[after - 1]
        if before.fault or before.scene != scene:
            return before.fault or NO_KEYFRAME
        if not self._look_ahead:
            return None
        if after == len(self._settled) or self._settled[after].scene != scene:
            return NO_KEYFRAME
        return self._settled[after].fault

    def forget(self, index: int) -> bool:
        """Drop what no frame behind `index` can need; whether anything was dropped."""
        superfluous = self._behind(index) - LOOK_AHEAD
        if superfluous <= 0:
            return False
        del self._settled[:superfluous]
        return True

    def _behind(self, index: int) -> int:
        """How many keyframes lie at or before a frame."""
        return bisect_right(self._settled, index, key=lambda each: each.index)
