"""Frame: what all pages have in common."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from nicegui import run, ui

from agent.errors import AgentError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from agent.fleet.desk import Desk

LOOK_S = 0.5
"""Between two looks at what is shown. Chosen, not measured."""


@contextmanager
def frame(desk: Desk, title: str) -> Iterator[None]:
    """A page's body, below where one is and whether anything newer can be known."""
    ui.page_title(f"{title} · Sfumato")
    ui.colors(primary="#37474f")
    with ui.header().classes("items-center q-py-sm"):
        ui.label("Sfumato").classes("text-h6 q-mr-md")
        for name, place in (("Devices", "/"), ("Roll-outs", "/rollouts")):
            button = ui.button(name, on_click=lambda place=place: ui.navigate.to(place))
            button.props("flat no-caps color=white")
        ui.space()
        ui.label("signed" if desk.key else "not signed").tooltip("what you tell devices")
    away = ui.label().classes("bg-negative text-white q-pa-sm full-width")

    def look() -> None:
        reason = desk.fleet.away
        away.set_text(f"No connection to the broker, so this may be old: {reason}")
        away.set_visibility(bool(reason))

    look()
    ui.timer(LOOK_S, look)
    with ui.column().classes("full-width"):
        yield


def columns(*names: str) -> list[dict[str, Any]]:
    """Of a table whose rows have those fields."""
    return [
        {"name": each, "label": each, "field": each, "align": "left", "sortable": True}
        for each in names
    ]


def when(ts: float | None) -> str:
    """A Unix time as this machine's clock would show it."""
    try:
        return "" if ts is None else f"{datetime.fromtimestamp(ts).astimezone():%Y-%m-%d %H:%M:%S}"
    except (ValueError, OverflowError, OSError):  # a device may say anything
        return "?"


async def tried(call: Callable[[], Any]) -> Any:
    """What a call on a thread returns; None if it fails, and then it is said why."""
    try:
        return await run.io_bound(call)
    except AgentError as error:
        ui.notify(str(error), type="negative", multi_line=True, close_button=True, timeout=0)
        return None
