"""Salts: which devices come first, so that each stage is as large as it should be.

Devices are selected by a hash (`agent.control.selection`), which of 20 devices often takes none at
5 %. Who they are is known here, so salts are tried until it takes as many as it should.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.control.selection import share_of
from agent.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from agent.fleet.rollout_plan import RolloutPlan

MOST_HASHES = 1_000_000
"""That are tried: 3 s on one core. For 500 devices in stages of 1, 5 and 25 % one salt in 1,500 is
right; in larger fleets the nearest one is nearer, in proportion."""
_MOST_HASHES_FOR_PRESENCE = 100_000
"""That are tried for one whose early stages are there, once one is right. Chosen, not measured."""


def choose_salt(
    plan: RolloutPlan,
    devices: Sequence[str],
    away: Collection[str],
    name: str,
    most_hashes: int = MOST_HASHES,
) -> str:
    """The salt by which every stage has its number, or comes nearest to it.

    Of those, one is preferred whose stages, but the last, don't fail for devices that are away:
    a stage of one device that nobody can reach would end a roll-out.

    Args:
        away: devices that are not there now.
        name: of the roll-out; another one's salts have nothing to do with its.

    Raises:
        UsageError: no salt was found by which the first stage has anybody.
    """
    wanted = plan.wanted(len(devices))
    best: tuple[float, int, str] | None = None
    for number in range(max(1, most_hashes // len(devices))):
        salt = f"{name}-{number}"
        shares = {device: share_of(device, salt) for device in devices}
        stages = [
            [device for device, share in shares.items() if share < percent / 100]
            for percent in plan.stages
        ]
        if not stages[0]:
            continue
        off = max(abs(len(told) - n) / n for told, n in zip(stages, wanted, strict=True))
        stuck = sum(
            100 * sum(device not in away for device in told) < plan.success * len(told)
            for told in stages[:-1]
        )
        best = min(best or (off, stuck, salt), (off, stuck, salt))
        is_late = number * len(devices) >= _MOST_HASHES_FOR_PRESENCE
        if best[0] == 0 and (best[1] == 0 or is_late):
            break
    if best is None:
        raise UsageError(
            f"--to: the first stage, {plan.stages[0]:g} %, would be for none of {len(devices)} "
            "devices; begin with more"
        )
    return best[2]
