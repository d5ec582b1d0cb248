"""PictureDurations: how long each picture is shown."""

from __future__ import annotations


class PictureDurations:
    """Until the next one comes; the last, as long as its source says.

    All in ticks of one clock.

    Attributes:
        newest: the time of the last picture so far.
    """

    def __init__(self, usual: int) -> None:
        self._usual = max(1, usual)
        self._of: dict[int, int] = {}
        self.newest: int | None = None

    def add(self, pts: int, claimed: int) -> None:
        """The next picture in order, shown for `claimed` ticks; 0 or less where nobody knows."""
        if self.newest is not None:
            self._of[self.newest] = pts - self.newest
        self.newest = pts
        self._of[pts] = claimed if claimed > 0 else self._usual

    def take(self, pts: int) -> int:
        """How long the picture at `pts` is shown; once only."""
        return self._of.pop(pts, self._usual)
