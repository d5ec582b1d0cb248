"""MachineNotices: what happens to a device's disk and to its chip, seen by looking again and again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from agent.service.changes import Changes
from agent.service.notice import MAX_LETTERS, Notice

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.telemetry.sensors import Readings
    from agent.telemetry.status import AgentStatus, RecordingsStatus

_ENOUGH = 1.1
"""Free space is enough again at so many times what shall stay free. Chosen, not measured: retention
deletes until there is just as much, and every segment takes of it."""

EARLY_S = 3600.0
"""Recordings that had to go early are told together, this often: where there is no room it is
several a minute."""

_THROTTLE_BURST, _THROTTLE_REFILL_S = 3, 60.0
"""How often a chip that slows down is told of. Chosen, not measured: a warm one does so for seconds
at a time, all day."""


@dataclass(frozen=True, slots=True)
class _Chip:
    """How it runs.

    Attributes:
        slowed_by: names, sorted.
        alarms: since boot.
    """

    slowed_by: tuple[str, ...]
    alarms: int
    power_mode: str | None

    @classmethod
    def of(cls, readings: Readings) -> _Chip:
        slowed_by = tuple(sorted(name for name, slows in readings.throttled.items() if slows))
        return cls(slowed_by, sum(readings.throttle_events.values()), readings.power_mode)


@final
class MachineNotices:
    """Of one device; `now_s` is always of a monotonic clock."""

    def __init__(self) -> None:
        self._is_low, self._low = False, Changes(value=False)
        self._early, self._early_s = 0, -EARLY_S
        self._unwritten: dict[str, Changes[int]] = {}
        self._chip: Changes[_Chip] | None = None

    def disk(self, status: AgentStatus, keep_free: int | None, now_s: float) -> Iterator[Notice]:
        """What happened to it since the last look.

        Args:
            keep_free: bytes that shall stay free on it; None: as many as there are.
        """
        if status.recordings is not None:
            yield from self._room(status.recordings, keep_free or 0, now_s)
        for name, stream in status.streams.items():
            failures = self._unwritten.setdefault(name, Changes(0))
            if changes := failures.look(stream.unwritten, now_s):
                yield Notice("disk", {"what": "unwritten", "stream": name, "changes": changes})
        for name in self._unwritten.keys() - status.streams.keys():
            del self._unwritten[name]

    def chip(self, readings: Readings, now_s: float) -> Iterator[Notice]:
        """Whether it began or ceased to slow itself down, or runs in another power mode."""
        chip = _Chip.of(readings)
        if self._chip is None:  # alarms since boot are no news; that it is slow now is
            known = _Chip((), chip.alarms, chip.power_mode)
            self._chip = Changes(known, _THROTTLE_BURST, _THROTTLE_REFILL_S)
        if changes := self._chip.look(chip, now_s):
            yield Notice(
                "throttle",
                {
                    "throttled": bool(chip.slowed_by),
                    "by": ", ".join(chip.slowed_by)[:MAX_LETTERS],
                    "alarms": chip.alarms,
                    "power_mode": chip.power_mode,
                    "changes": changes,
                },
            )

    def _room(self, recordings: RecordingsStatus, keep_free: int, now_s: float) -> Iterator[Notice]:
        free = recordings.free_bytes
        self._is_low = free < keep_free * (_ENOUGH if self._is_low else 1)
        room = {"free_bytes": free, "keep_free_bytes": keep_free}
        if changes := self._low.look(self._is_low, now_s):
            yield Notice(
                "disk", {"what": "low" if self._is_low else "enough", **room, "changes": changes}
            )
        early = recordings.deleted_early
        if early > self._early and now_s - self._early_s >= EARLY_S:
            count, self._early, self._early_s = early - self._early, early, now_s
            yield Notice("disk", {"what": "deleted_early", "recordings": count, **room})
