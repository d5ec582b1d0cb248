"""SeqRanges: which numbers of a sequence are there, kept as ranges."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class SeqRanges:
    """A set of whole numbers; one that has few holes takes little memory, however long it is."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []  # inclusive

    def __contains__(self, number: int) -> bool:
        at = bisect_right(self._starts, number) - 1
        return at >= 0 and number <= self._ends[at]

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """First and last of each range, rising; no two of them touch."""
        return zip(self._starts, self._ends, strict=True)

    def __bool__(self) -> bool:
        return bool(self._starts)

    @property
    def first(self) -> int:
        """The smallest; there has to be one."""
        return self._starts[0]

    @property
    def last(self) -> int:
        """The largest; there has to be one."""
        return self._ends[-1]

    def add(self, first: int, last: int) -> None:
        """Add all from `first` to `last`, whichever of them are there."""
        if self._ends and first == self._ends[-1] + 1:  # as nearly all are
            self._ends[-1] = last
            return
        low = bisect_left(self._ends, first - 1)  # what touches, or lies within
        high = bisect_right(self._starts, last + 1)
        if low < high:
            first, last = min(first, self._starts[low]), max(last, self._ends[high - 1])
        self._starts[low:high], self._ends[low:high] = [first], [last]

    def missing(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """Ranges between `first` and `last` that are not there, rising."""
        at = bisect_left(self._ends, first)
        for start, end in zip(self._starts[at:], self._ends[at:], strict=True):
            if start > last:
                break
            if first < start:
                yield first, start - 1
            first = end + 1
        if first <= last:
            yield first, last
