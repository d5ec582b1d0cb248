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
    """

    name: str
    busy_s: float = 0.0
    wait_in_s: float = 0.0
    wait_out_s: float = 0.0
    frames: int = 0
