"""Whether the agent may open the cameras and GPUs that are there, and those that it is told to."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from agent.doctor.device_nodes import device_nodes
from agent.doctor.drop_in import DROP_IN, allowed
from agent.doctor.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from agent.doctor.device_nodes import DeviceNode
    from agent.doctor.machine import Machine
    from agent.doctor.user import User

_READ_AND_WRITE = 6
_GROUP_MAY = 0o060
_MOST_NAMES = 3

WRITE_DROP_IN = (
    "sudo sfumato doctor --write-drop-in && sudo systemctl daemon-reload && "
    "sudo systemctl try-restart sfumato-agent"
)


def look_at_devices(machine: Machine, user: User, cameras: Sequence[str]) -> Finding:
    """Of all nodes together; what is wrong with a camera of the configuration comes first.

    Args:
        cameras: device nodes that a configuration names.
    """
    nodes = device_nodes(machine.root / "dev")
    there = {node.name for node in nodes}
    if lacking := [name for name in cameras if name not in there]:
        said = f"no {_some(lacking)}, which the configuration names"
        return Finding("devices", "missing", said, "ls -l /dev/video* /dev/v4l/by-id", needed=True)
    if not nodes:
        if machine.is_jetson:
            said = "no /dev/nv* at all, as in a container without the GPU"
            return Finding("devices", "missing", said, "docker run --runtime nvidia ...")
        return Finding("devices", "ok", "no camera and no GPU in /dev")
    closed = [node for node in nodes if not user.may(node.status, _READ_AND_WRITE)]
    if closed:
        who = "the service" if user.is_service else "this user"
        said = f"{who} may not open {_some([node.name for node in closed])}"
        needed = any(node.name in cameras for node in closed)
        return Finding("devices", "missing", said, _opening(closed, user), needed=needed)
    if user.is_service:
        known = allowed(machine.text(str(DROP_IN.relative_to("/"))))
        if new := [node.name for node in nodes if node.name not in known]:
            said = f"the service's sandbox is closed to {_some(new)}"
            needed = any(name in cameras for name in new)
            return Finding("devices", "missing", said, WRITE_DROP_IN, needed=needed)
    return Finding("devices", "ok", f"{len(nodes)} nodes of cameras and GPUs, all open")


def _opening(closed: Iterable[DeviceNode], user: User) -> str:
    """The command that opens nodes: a group's, or a rule where no group may open them."""
    rules = [node for node in closed if node.status.st_mode & _GROUP_MAY != _GROUP_MAY]
    if not rules and user.is_service:  # of a group that the unit doesn't add
        names = " ".join(shlex.quote(node.name) for node in closed)
        return f"sudo chgrp video {names}"
    if not rules:
        return "sudo usermod --append --groups video,render $USER   # then log in again"
    lines = "".join(
        f'ENV{{DEVNAME}}=="{node.name}", GROUP="video", MODE="0660"\\n' for node in rules
    )
    return (
        f"printf '{lines}' | sudo tee /etc/udev/rules.d/99-sfumato.rules && "
        "sudo udevadm control --reload && sudo udevadm trigger"
    )


def _some(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
