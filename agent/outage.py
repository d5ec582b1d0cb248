"""Outage: what is said about a stream or a broker that is away, often enough and no more often."""

from __future__ import annotations

SILENCE_S = 600.0
"""How long one reason is said once. Chosen: ten minutes, for an absent camera must not fill a log."""


class Outage:
    """Counts failures, and says which of them are worth a line."""

    def __init__(self) -> None:
        self._said_s: dict[str, float] = {}
        self._unsaid = 0
        self._began_s: float | None = None
        self._said = False

    def failed(self, reason: str, now_s: float) -> str | None:
        """What to say of a failure: the first, each new reason, and one in ten minutes."""
        if self._began_s is None:
            self._began_s = now_s
        self._said_s = {why: at for why, at in self._said_s.items() if now_s - at < SILENCE_S}
        if reason in self._said_s:
            self._unsaid += 1
            return None
        self._said_s[reason], self._said = now_s, True
        more, self._unsaid = self._unsaid, 0
        down = f", down for {now_s - self._began_s:.0f} s" if now_s > self._began_s else ""
        return reason + down + (f"; failed {more} more times since the last line" if more else "")

    def over(self, now_s: float) -> str | None:
        """What to say once it runs again; None where nothing was said of its failure.

        Reasons that were said lately stay said: a stream that comes and goes is not news each time.
        """
        began_s, self._began_s = self._began_s, None
        said, self._said = self._said, False
        return (
            f"runs again, after {now_s - began_s:.0f} s" if said and began_s is not None else None
        )
