"""DevicePage: one device, what it tells as it tells it, and what it can be told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from nicegui import ui

from agent.control.delivery import Received
from agent.fleet.console.frame import LOOK_S, columns, frame, tried, when
from agent.fleet.inventory import model_of
from agent.fleet.sayings import Sayings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.fleet.desk import Desk
    from agent.fleet.inventory import DeviceState

LINES = 200
"""Of what it told, that stay on the page."""
_BUTTONS = """<q-td :props="props">
  <q-btn v-for="(icon, op) in {snapshot: 'photo_camera', pause: 'pause', resume: 'play_arrow'}"
    flat dense round color="primary" :icon="icon" :title="op"
    @click="$parent.$emit('op', {op: op, stream: props.row.stream})" /></q-td>"""


def device_page(desk: Desk, name: str) -> None:
    """Draw it, for one browser."""
    with frame(desk, name):
        ui.label(name).classes("text-h5")
        said = ui.label()
        with ui.row().classes("full-width no-wrap items-start"):
            with ui.column().classes("col"):
                streams = _streams(desk, name)
                ui.label("What it tells").classes("text-subtitle1")
                log = ui.log(max_lines=LINES).classes("full-width").style("height: 14rem")
            with ui.column().classes("col"):
                _configuration(desk, name)
    line = desk.line(name)
    line.__enter__()
    ui.context.client.on_delete(lambda: line.__exit__(None, None, None))
    sayings = Sayings(desk.root)

    def look() -> None:
        device = desk.fleet.now().devices.get(name)
        said.set_text(_described(device) if device else "It has never told the broker anything.")
        rows = _stream_rows(device) if device else []
        if rows != streams.rows:
            streams.rows = rows
        for happening in line.waiting():
            if isinstance(happening, Received):
                for each in sayings.lines(happening):
                    log.push(each)

    look()
    ui.timer(LOOK_S, look)


def _described(device: DeviceState) -> str:
    info, update = device.info, device.model_reported
    parts = [f"{device.presence}, seen {when(device.last_seen) or 'never'}"]
    if info is not None:
        parts += [f"Sfumato {info.agent} on {info.hardware}", model_of(info) or "no model"]
        parts += [f"in {', '.join(info.groups)}"] * bool(info.groups)
        parts += [f"certificate: {info.certificate_warning}"] * bool(info.certificate_warning)
    if update is not None:
        parts.append(f"update {update.state} {update.reason}".rstrip())
    parts += [f"configuration: {device.drift}"] * bool(device.drift)
    parts += [f"can't be read: {', '.join(sorted(device.unread))}"] * bool(device.unread)
    return "; ".join(parts)


def _stream_rows(device: DeviceState) -> list[dict[str, str]]:
    found = device.streams.streams if device.streams else {}
    return [
        {
            "stream": name,
            "state": stream.state + (", covered whole" if stream.covered else ""),
            "reason": stream.reason,
            "since": when(stream.since),
            "size": " x ".join(map(str, stream.size or ())),
        }
        for name, stream in found.items()
    ]


def _streams(desk: Desk, device: str) -> ui.table:
    table = ui.table(
        columns=columns("stream", "state", "reason", "since", "size", "op"),
        rows=[],
        row_key="stream",
    ).classes("full-width")
    table.props("dense").add_slot("body-cell-op", _BUTTONS)
    picture = ui.image().style("max-width: 26rem")
    picture.set_visibility(False)
    age = ui.label()

    async def do(event: Any) -> None:
        op, stream = event.args["op"], event.args["stream"]
        if op == "snapshot":
            if found := await tried(lambda: desk.snapshot(device, stream)):
                picture.set_source(found[0])
                picture.set_visibility(True)
                age.set_text(f"{stream}, redacted, {found[1]:.1f} s old when it was sent")
        elif await tried(lambda: desk.command(op, device, stream=stream)) is not None:
            ui.notify(f"{stream}: {op}d", type="positive")

    table.on("op", do)
    return table


def _configuration(desk: Desk, device: str) -> None:
    ui.label("Configuration that is set from afar").classes("text-subtitle1")
    ui.label("Each section is whole; one that is not here is as in the device's own file.")
    properties = {"content": {"json": desk.sections(device)}, "mode": "text"}
    editor = ui.json_editor(properties, schema=dict(desk.schema))
    editor.classes("full-width").style("height: 22rem")
    outcome = ui.label()

    async def put() -> None:
        if (sections := await _edited(editor)) is None:
            return
        button.disable()
        if done := await tried(lambda: desk.configure(device, sections)):
            outcome.set_text(done)
        button.enable()

    button = ui.button("Set", on_click=put).props("no-caps")


async def _edited(editor: ui.json_editor) -> Mapping[str, object] | None:
    """What stands in the editor; None if it is no configuration, and then it is said why."""
    if wrong := await editor.run_editor_method("validate"):
        faults = wrong.get("validationErrors") or [{"path": (), "message": "this is no JSON"}]
        fault = max(faults, key=lambda each: len(each["path"]))  # not "no text", but what it holds
        where, said = ".".join(map(str, fault["path"])), fault["message"]
        ui.notify(
            f"{where}: {said}" if where else said, type="negative", close_button=True, timeout=0
        )
        return None
    content = await editor.run_editor_method("get")
    found = content["json"] if "json" in content else json.loads(content["text"] or "{}")
    return found if isinstance(found, dict) else {}
