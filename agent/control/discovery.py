"""Discovery: how Home Assistant learns what a device has, one document for all of it.

Its templates are Jinja, which Home Assistant fills in; they read the messages that everybody reads.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from agent.control.delivery import Message
from agent.control.topics import COMMANDS, CONN, INFO, MODEL_REPORTED, STREAMS, TELE

if TYPE_CHECKING:
    from agent.control.messages import Info, Streams

BIRTH = "homeassistant/status"
"""Where Home Assistant says that it has started, and wants to be told again."""

_TTL_S = 60
"""Of a button's press, in which it may begin. Chosen, not measured: a press that took longer to
arrive surprises whoever gave up waiting."""
_FRESH_ID = "ha-{{ (now().timestamp() * 1000) | int }}-{{ range(100000) | random }}"
"""Home Assistant's sandbox makes no longer ranges."""

_UNDER_WAY = "value_json.state in ('fetching', 'staged', 'testing')"
_RUNS = "(value_json.active or {})"
_NAMES = f"[value_json.name, {_RUNS}.get('name')] | reject('none') | first | default('none')"
_MODEL = (
    f"{{{{ {{'title': {_NAMES}, "
    f"'installed_version': {_RUNS}.get('version', 0) | string, "
    f"'latest_version': (value_json.version if {_UNDER_WAY} else {_RUNS}.get('version', 0)) | string, "
    f"'in_progress': {_UNDER_WAY}, "
    f"'update_percentage': (100 * value_json.progress) | round if {_UNDER_WAY} else none}} | tojson }}}}"
)
"""What the entity is told, as JSON. A model that failed or was taken back is no newer one."""


def topic(device: str) -> str:
    """Where a device's document stands."""
    return f"homeassistant/device/{device}/config"


def document(root: str, device: str, info: Info, streams: Streams, buttons: bool) -> bytes:
    """What Home Assistant shall show, to be published retained.

    Args:
        buttons: to pause and to resume, for those who need no signature: it can't make one.
    """
    parts: dict[str, dict[str, Any]] = {
        "version": {
            "platform": "sensor",
            "name": "Version",
            "state_topic": INFO.of(root, device),
            "value_template": "{{ value_json.agent }}",
            "entity_category": "diagnostic",
        },
        "model": {
            "platform": "update",  # who rolls out says what is installed, and so there is no button
            "name": "Model",
            "state_topic": MODEL_REPORTED.of(root, device),
            "value_template": _MODEL,
            "entity_category": "diagnostic",
        },
        "temperature": {
            "platform": "sensor",
            "name": "Temperature",
            "state_topic": TELE.of(root, device),
            "value_template": "{{ value_json.celsius.values() | max | default(none) }}",
            "device_class": "temperature",
            "unit_of_measurement": "°C",
            "entity_category": "diagnostic",
        },
    }
    pressed = [op for op in ("pause", "resume") if buttons and op in info.ops]
    for stream in streams.streams:
        parts |= _of_stream(STREAMS.of(root, device), stream)
        parts |= {f"{stream}_{op}": _button(root, device, stream, op) for op in pressed}
    said = {
        "device": {
            "identifiers": [f"sfumato_{device}"],
            "name": device,
            "manufacturer": "Sfumato",
            "model": info.hardware,
            "sw_version": info.agent,
        },
        "origin": {"name": "Sfumato", "sw_version": info.agent},
        "availability": [
            {
                "topic": CONN.of(root, device),
                "value_template": "{{ 'online' if value_json.online else 'offline' }}",
            }
        ],
        "qos": 1,
        "components": {
            name: {"unique_id": f"sfumato_{device}_{name}", **part} for name, part in parts.items()
        },
    }
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()


def removal(device: str) -> Message:
    """What makes Home Assistant forget a device."""
    return Message(topic(device), b"", retain=True)


def _of_stream(state_topic: str, stream: str) -> dict[str, dict[str, Any]]:
    # a stream that is gone has no value, which is no error
    said = f"value_json.streams.get('{stream}', {{}})"
    troubled = "('stalled', 'reconnecting', 'failed')"
    return {
        f"{stream}_{name}": {
            "platform": platform,
            "name": f"{stream} {name}",
            "state_topic": state_topic,
            "value_template": f"{{{{ {template} }}}}",
            **more,
        }
        for name, platform, template, more in (
            ("state", "sensor", f"{said}.get('state')", {}),
            ("rate", "sensor", f"{said}.get('rate')", {"unit_of_measurement": "fps"}),
            ("covered", "binary_sensor", f"'ON' if {said}.get('covered') else 'OFF'", {}),
            (
                "problem",
                "binary_sensor",
                f"'ON' if {said}.get('state') in {troubled} else 'OFF'",
                {"device_class": "problem"},
            ),
        )
    }


def _button(root: str, device: str, stream: str, op: str) -> dict[str, Any]:
    command = (
        f'{{"v":1,"id":"{_FRESH_ID}","args":{{"stream":"{stream}"}},'
        f'"ts":{{{{ now().timestamp() }}}},"ttl_s":{_TTL_S}}}'
    )
    return {
        "platform": "button",
        "name": f"{stream} {op}",
        "command_topic": COMMANDS[op].of(root, device),
        "command_template": command,
    }
