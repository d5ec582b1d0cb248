"""Latency: how long runs of a network take, one after the other, and how many fit in a second."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

LEAST_RUNS = 10
"""Chosen, not measured: of fewer the 90th percentile is the slowest."""

_WARM_UP_RUNS = 3
"""Not counted: the first allocates, the second finds the clock of a processor still rising. Chosen."""


@dataclass(frozen=True, slots=True)
class Latency:
    """Of runs of one network, milliseconds a run.

    Attributes:
        runs: how many were timed.
        p50_ms: half of them took no longer; likewise 90 and 99 of 100.
    """

    runs: int
    p50_ms: float
    p90_ms: float
    p99_ms: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Latency:
        """Sum up what each run took.

        Raises:
            ValueError: there was none.
        """
        if not seconds:
            raise ValueError("no run was timed")
        p50, p90, p99 = (1000 * np.percentile(seconds, [50, 90, 99])).tolist()
        return cls(len(seconds), p50, p90, p99)


def timed(
    run: Callable[[], float | None],
    budget_s: float,
    *,
    now: Callable[[], float] = time.perf_counter,
) -> tuple[list[float], list[float]]:
    """Seconds that each run took, by the clock and by the device's own events.

    Args:
        run: runs the network to its end; gives the seconds that the device says, None where the
            processor computes and there are no events.
        budget_s: no run begins later, but for the least number of them.

    Returns:
        By the clock, from the array that goes in to the arrays that come out; and by the device,
        the network alone, as often as it said so.
    """
    for _ in range(_WARM_UP_RUNS):
        run()
    wall: list[float] = []
    device: list[float] = []
    began = now()
    while len(wall) < LEAST_RUNS or now() - began < budget_s:
        before = now()
        said = run()
        wall.append(now() - before)
        if said is not None:
            device.append(said)
    return wall, device
