"""Split: which clips are held out for validation."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection


def held_out(clips: Collection[str], share: float) -> frozenset[str]:
    """The clips, by digest, that are held out: a share of them, and at least one of two.

    A clip is in one part as a whole, because neighbouring frames are nearly the same and would
    tell a network the answers. Which clips it is depends on their digests alone, not on their
    names or order, so that a copy is split alike.
    """
    if not share or len(clips) < 2:
        return frozenset()
    count = min(max(1, round(share * len(clips))), len(clips) - 1)
    return frozenset(sorted(clips)[:count])
