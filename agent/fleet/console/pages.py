"""Pages: all devices, one, and all roll-outs."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from nicegui import ui

from agent.fleet.console.device_page import device_page
from agent.fleet.console.frame import LOOK_S, columns, frame, when
from agent.fleet.console.rollouts_page import rollouts_page
from agent.fleet.inventory import model_of

if TYPE_CHECKING:
    from agent.fleet.desk import Desk
    from agent.fleet.inventory import DeviceState

ROWS = 50
"""On a page of the table: a browser draws these, however many there are."""
_PRESENCE = """<q-td :props="props"><q-badge :label="props.value"
  :color="{online: 'positive', clean: 'grey'}[props.value] ?? 'negative'" /></q-td>"""
_DRIFT = """<q-td :props="props">
  <q-badge v-if="props.value" color="warning" text-color="black" :label="props.value" /></q-td>"""


def add_pages(desk: Desk) -> None:
    """Register them."""
    ui.page("/")(lambda: _devices(desk))
    ui.page("/rollouts")(lambda: rollouts_page(desk))

    @ui.page("/device/{name}")
    def one(name: str) -> None:
        device_page(desk, name)


def _devices(desk: Desk) -> None:
    with frame(desk, "Devices"):
        with ui.row().classes("items-center full-width"):
            counts = ui.label()
            ui.space()
            words = ui.input("Find").props("clearable dense")
        table = ui.table(
            columns=columns(
                "device", "presence", "seen", "version", "model", "update", "streams", "drift"
            ),
            rows=[],
            row_key="device",
            pagination=ROWS,
        ).classes("full-width cursor-pointer")
        table.bind_filter_from(words, "value")
        table.add_slot("body-cell-presence", _PRESENCE)
        table.add_slot("body-cell-drift", _DRIFT)
        table.on(
            "rowClick", lambda event: ui.navigate.to(f"/device/{event.args[1]['device']}"),
            [[], ["device"], None],
        )  # fmt: skip

        def look() -> None:
            devices = [*desk.fleet.now().devices.values()]
            rows = [_row(device) for device in devices]
            if rows != table.rows:
                table.rows = rows
            found = Counter(device.presence for device in devices)
            drifts = sum(bool(device.drift) for device in devices)
            parts = [f"{count} {presence}" for presence, count in sorted(found.items())]
            counts.set_text(f"{len(devices)} devices: {', '.join([*parts, f'{drifts} drift'])}")

        look()
        ui.timer(LOOK_S, look)


def _row(device: DeviceState) -> dict[str, str]:
    running, total = device.running
    return {
        "device": device.name,
        "presence": device.presence,
        "seen": when(device.last_seen),
        "version": device.info.agent if device.info else "",
        "model": model_of(device.info) or "",
        "update": device.model_reported.state if device.model_reported else "",
        "streams": f"{running}/{total}",
        "drift": device.drift,
    }
