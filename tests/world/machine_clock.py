"""MachineClock: the clock of a machine that is booted, set and synchronised when a test says so."""

from __future__ import annotations

from agent.wall_clock import WallClock


class MachineClock:
    """Time that passes when it is told to.

    Args:
        at_s: Unix time at boot, as the machine believes it.

    Attributes:
        wall_s: Unix time as the machine believes it; may be set.
        uptime_s: seconds since boot.
        synced: whether the kernel says that a better clock is followed.
    """

    def __init__(self, at_s: float, *, synced: bool = True, boot_id: str = "1" * 8) -> None:
        self.wall_s, self.uptime_s, self.synced, self._boot_id = at_s, 0.0, synced, boot_id

    def turn(self, by_s: float) -> None:
        """Time passes."""
        self.wall_s += by_s
        self.uptime_s += by_s

    def clock(self) -> WallClock:
        """What a process of this boot asks for the time."""
        return WallClock(
            lambda: self.wall_s, lambda: self.uptime_s, lambda: self.synced, self._boot_id
        )
