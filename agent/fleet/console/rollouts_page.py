"""RolloutsPage: what groups are offered, and how far their devices are."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from nicegui import ui

from agent.fleet.console.frame import LOOK_S, frame, tried

if TYPE_CHECKING:
    from agent.fleet.desk import Desk
    from agent.fleet.live import Fleet
    from agent.fleet.rollout_file import RolloutState

_COLOURS = {
    "committed": "positive",
    "active": "light-green",
    "failed": "negative",
    "rolled_back": "negative",
    "superseded": "grey",
}
"""Of states that a device comes to; what is on the way is blue."""


def rollouts_page(desk: Desk) -> None:
    """Draw it, for one browser."""
    with frame(desk, "Roll-outs"):
        shown: list[object] = []
        body = ui.column().classes("full-width")

        def look() -> None:
            now = desk.fleet.now()
            plans = {group: desk.rollout(group) for group in sorted(now.offers)}
            if shown == [now, plans]:
                return
            shown[:] = now, plans
            body.clear()
            with body:
                for group, plan in plans.items():
                    _rollout(desk, now, group, plan)
                if not plans:
                    ui.label("No group is offered a model: sfumato ctl rollout start GROUP BUNDLE")

        look()
        ui.timer(LOOK_S, look)


def _rollout(desk: Desk, fleet: Fleet, group: str, plan: RolloutState | None) -> None:
    offer = fleet.offers[group]
    members = [each for each in fleet.devices.values() if each.info and group in each.info.groups]
    states = Counter(
        str(each.model_reported.state)
        for each in members
        if each.model_reported and each.model_reported.digest == offer.digest
    )
    with ui.card().classes("full-width"):
        with ui.row().classes("items-center full-width"):
            ui.label(f"{group}: {offer.name} v{offer.version}").classes("text-h6")
            ui.label(f"offered to {offer.percent:g} % of {len(members)} devices")
            ui.space()
            if plan is not None:
                _steer(desk, group, plan)
        with ui.row().classes("full-width no-wrap bg-grey-3").style("gap: 0"):
            for state, count in sorted(states.items()):
                bar = ui.element("div").classes(f"bg-{_COLOURS.get(state, 'blue')}")
                bar.style(f"height: 1.2rem; width: {100 * count / len(members):.3g}%").tooltip(
                    f"{count} {state}"
                )
        said = [f"{count} {state.replace('_', ' ')}" for state, count in sorted(states.items())]
        ui.label(", ".join([*said, f"{len(members) - states.total()} not told, or silent"]))
        for device, why in sorted(plan.failed.items()) if plan is not None else ():
            ui.label(f"{device}: {why}").classes("text-negative")


def _steer(desk: Desk, group: str, plan: RolloutState) -> None:
    reason = f" ({plan.reason})" if plan.reason else ""
    stage = f"stage {plan.stage + 1} of {len(plan.plan.stages)}: " if not plan.is_over else ""
    ui.label(f"{stage}{plan.state.replace('_', ' ')}{reason}")
    if not plan.is_over:
        for wish in ("pause", "abort") if plan.state == "running" else ("abort",):
            button = ui.button(
                wish, on_click=lambda wish=wish: tried(lambda: desk.wish(group, wish))
            )
            button.props("flat dense no-caps")
