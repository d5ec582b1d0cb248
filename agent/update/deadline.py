"""Deadline: a point in time that outlives the process, and the boot of the machine."""

from __future__ import annotations

from typing import Protocol

from models.strict_model import StrictModel


class Clock(Protocol):
    """The machine's; see `agent.control.clock.EventClock`."""

    @property
    def machine_boot(self) -> str:
        """Names this boot of the machine."""
        ...

    def monotonic(self) -> float:
        """Seconds since then."""
        ...

    def now(self) -> float | None:
        """Unix time, seconds; None while nobody should believe it."""
        ...


class Deadline(StrictModel):
    """When something ends.

    Attributes:
        lasts_s: seconds from when it was set.
        boot: the machine's boot in which it was set.
        boot_s: when it is, in seconds since then, which nobody can set.
        unix_s: when it is for another boot; None: nobody knew the time.
    """

    lasts_s: float
    boot: str
    boot_s: float
    unix_s: float | None

    @classmethod
    def after(cls, lasts_s: float, clock: Clock) -> Deadline:
        """So many seconds from now."""
        now = clock.now()
        unix_s = None if now is None else now + lasts_s
        return cls(
            lasts_s=lasts_s,
            boot=clock.machine_boot,
            boot_s=clock.monotonic() + lasts_s,
            unix_s=unix_s,
        )

    def left_s(self, clock: Clock) -> float:
        """Seconds until then, 0 to `lasts_s`; all of them where no clock can tell."""
        now = clock.now()
        if clock.machine_boot == self.boot:
            left_s = self.boot_s - clock.monotonic()
        elif now is None or self.unix_s is None:
            left_s = self.lasts_s
        else:
            left_s = self.unix_s - now
        return min(self.lasts_s, max(0.0, left_s))
