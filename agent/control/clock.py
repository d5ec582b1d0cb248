"""EventClock: when an event happened, also where that was known only later."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.wall_clock import WallClock

EARLIEST_S = 1767225600.0
"""2026-01-01, Unix time: Sfumato is younger than that, so a clock that says less was never set."""


class EventClock:
    """Tells the time of events by the time since boot, and what that was is worked out when asked.

    So an event from before the clock was set gets its right time, if the same boot of the machine
    ever knew it. A machine that nobody synchronises is believed as well, as long as its clock says
    no less than a floor: when Sfumato was first made, when the active bundle was, and the newest
    time that a better clock has ever vouched for here. A time that nobody vouched for raises no
    floor: one clock set to the wrong year would make all later ones incredible.

    Args:
        wall: the machine's clock.
    """

    def __init__(self, wall: WallClock) -> None:
        self._wall = wall
        self._floor_s = EARLIEST_S
        self._offsets_s: dict[str, float] = {}

    def not_before(self, time_s: float) -> None:
        """It is later than this Unix time, whatever the clock says."""
        self._floor_s = max(self._floor_s, time_s)

    @property
    def synced(self) -> bool:
        """Whether the machine's clock follows a better one by now."""
        return self._wall.synced

    @property
    def believable(self) -> bool:
        """Whether the machine's clock may be right."""
        return self._wall.now() >= self._floor_s or self.synced

    def now(self) -> float | None:
        """Unix time, seconds; None while nobody should believe it."""
        return self._wall.now() if self.believable else None

    def monotonic(self) -> float:
        """Seconds since the machine's boot."""
        return self._wall.monotonic()

    def mono_ms(self) -> int:
        """Milliseconds since the machine's boot."""
        return round(self._wall.monotonic() * 1000)

    @property
    def machine_boot(self) -> str:
        """Names this boot of the machine."""
        return self._wall.boot_id

    @property
    def booted_s(self) -> float | None:
        """When this boot was, Unix time: by the clock as it is, else as it was last believed."""
        if self.believable:
            self._offsets_s[self.machine_boot] = self._wall.now() - self._wall.monotonic()
        return self._offsets_s.get(self.machine_boot)

    def remember(self, machine_boot: str, booted_s: float) -> None:
        """When a boot was, as far as is known from earlier."""
        self._offsets_s[machine_boot] = booted_s

    def ts_of(self, mono_ms: int, machine_boot: str) -> float | None:
        """Unix time, to the millisecond, of something of a boot; None if nobody ever knew."""
        now_s = self.booted_s  # looked at first: it may be of this very boot
        of_it = now_s if machine_boot == self.machine_boot else self._offsets_s.get(machine_boot)
        return None if of_it is None else round(of_it + mono_ms / 1000, 3)
