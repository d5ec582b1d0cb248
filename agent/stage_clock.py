"""StageClock: how long a stage of a pipeline worked, and how long it waited."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True, eq=False)
class StageClock:
    """Where a stage's time went, seconds.

    One thread at a time writes, others may read.

    Attributes:
        wait_in_s: waiting for something to do.
        wait_out_s: waiting for the next stage to take what was done.
        late: detections of a live stream whose result came after its deadline.
    """

    name: str
    busy_s: float = 0.0
    wait_in_s: float = 0.0
    wait_out_s: float = 0.0
    frames: int = 0
    late: int = 0

    def __add__(self, other: StageClock) -> StageClock:
        """Both together, under this one's name."""
        return StageClock(
            self.name,
            self.busy_s + other.busy_s,
            self.wait_in_s + other.wait_in_s,
            self.wait_out_s + other.wait_out_s,
            self.frames + other.frames,
            self.late + other.late,
        )
