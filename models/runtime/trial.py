"""Trial: how long networks take beside each other on this machine, from a few turns of each."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MOST_S = 2.0
"""No turn begins that would end later, but for the least number of them."""

LEAST_TURNS, MOST_TURNS = 3, 8

WINS_BY = 1.05
"""A file has to be this much faster than FP32 to be run in its place: below it, what it costs in
accuracy buys nothing that anyone would see."""


def least_times(
    runs: Sequence[Callable[[], object]],
    *,
    cost: Callable[[], float] = time.thread_time,
    now: Callable[[], float] = time.monotonic,
) -> list[float]:
    """The least seconds that each took, taken in turns: whatever else happens strikes all alike.

    The thread's own CPU time is what is compared. On a device every detection runs on the thread
    of its worker, and as many workers as there are cores keep all of them busy, so that a frame's
    price is CPU time; and a trial on a machine that is busy with other things (an encoder, a second
    run that begins now) gives what it gives on a quiet one, where wall time would not. Measured with
    20 to 30 other processes waiting for two cores: six trials of YOLOv8n-seg's uint8 file at 320 px
    gave 2.07 to 2.14 times FP32's speed, four at 640 px 2.13 to 2.21.

    Args:
        runs: each is one run of a network that has run before.
        cost: a clock of what is compared.
        now: a clock of the time that passes.
    """
    least, began, turns = [math.inf] * len(runs), now(), 0
    while turns < LEAST_TURNS or (
        turns < MOST_TURNS and (now() - began) * (turns + 1) / turns <= MOST_S
    ):
        for i, run in enumerate(runs):
            before = cost()
            run()
            least[i] = min(least[i], cost() - before)
        turns += 1
    return least
