"""Drop-in: what lets the service, in its sandbox, open the devices that are there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.doctor.device_nodes import DeviceNode

DROP_IN = Path("/etc/systemd/system/sfumato-agent.service.d/10-devices.conf")
"""Where the unit's has its place."""

_ALLOW = "DeviceAllow="


def drop_in(nodes: Iterable[DeviceNode]) -> str:
    """Its text; the unit closes all other devices but the harmless ones (DevicePolicy=closed)."""
    lines = "".join(f"{_ALLOW}{node.name} rw\n" for node in nodes)
    return f"# install.sh and `sfumato doctor --write-drop-in` write this anew.\n[Service]\n{lines}"


def allowed(text: str) -> frozenset[str]:
    """Names of the devices that a drop-in lets the service open."""
    return frozenset(
        line.removeprefix(_ALLOW).split()[0]
        for line in text.splitlines()
        if line.startswith(_ALLOW) and line != _ALLOW
    )
