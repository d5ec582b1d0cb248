"""A roll-out in words, and for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.cli.ctl.text import table, when
from agent.cli.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.fleet.rollout_file import RolloutState

ENDS = ("succeeded", "failed", "timed_out")
"""Of a device, in a tally; all else is on the way."""


def title_of(state: RolloutState) -> str:
    """What goes where."""
    return printable(f"{state.plan.title} to {state.plan.group}")


def counts_of(state: RolloutState) -> str:
    """How many devices were told, and how far they are."""
    tally = state.tally
    parts = [f"{count} {name.replace('_', ' ')}" for name, count in sorted(tally.items()) if count]
    return f"{sum(tally.values())} told: {', '.join(parts)}" if parts else "nobody told yet"


def lines_of(state: RolloutState) -> Iterator[str]:
    """All of it, for a person."""
    reason = f" ({state.reason})" if state.reason else ""
    yield printable(f"{title_of(state)}: {state.state.replace('_', ' ')}{reason}")
    rows = [
        (f"{stage['percent']:g} %", stage["devices"], when(began_ts))
        for stage in _stages(state)
        for began_ts in [stage["began"]]
    ]
    yield table(("STAGE", "DEVICES", "TOLD"), rows)
    yield counts_of(state)
    yield from (printable(f"{device}: {why}") for device, why in sorted(state.failed.items()))
    yield from (f"{device}: timed out" for device in sorted(state.silent))


def document_of(state: RolloutState) -> dict[str, object]:
    """All of it, for programs."""
    plan = state.plan
    return {
        "group": plan.group,
        "bundle": {"name": plan.name, "version": plan.version, "digest": plan.digest},
        "state": state.state,
        "reason": state.reason,
        "rev": state.rev,
        "salt": state.salt,
        "stage": state.stage + 1,
        "stages": _stages(state),
        "devices": len(state.devices),
        "tally": state.tally,
        "failed": state.failed,
        "timed_out": state.silent,
    }


def _stages(state: RolloutState) -> list[dict[str, float | int | None]]:
    """Percent, devices with those of earlier stages, and when it was told."""
    return [
        {
            "percent": percent,
            "devices": len(state.plan.told(state.devices, number, state.salt)),
            "began": state.began[number] if number <= state.stage else None,
        }
        for number, percent in enumerate(state.plan.stages)
    ]
