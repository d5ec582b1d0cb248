"""ACL: who may say what, in the words of mosquitto's `acl_file`; made of the table of topics.

A device is who its certificate says (`%u`), never who it claims to be (`%c`, its client id).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from agent.control.ops import Role
from agent.control.topics import CONN, ROOT, TOPICS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_ROLES: tuple[Role, ...] = get_args(Role)

PEOPLE: dict[str, Role] = {role: role for role in _ROLES}
"""Names of certificates that are nobody's device."""

_HEADER = """\
# Who may say what to whom. Made of agent/control/topics.py by agent/control/acl.py.
# %u is the name in a certificate. A client that subscribes to what it may not read is not told so:
# nothing is delivered to it.
#
# Never give a device's certificate the name of one of the people below.
"""
_DEVICES = """
# Devices. The last two are everybody's: a group's model, and the birth of a Home Assistant.
"""
_SECTION = """
# {role}. Another one who may do so has a copy of this section; two connections of one
# name put each other out.
user {name}
"""


def text(root: str = ROOT, people: Mapping[str, Role] = PEOPLE) -> str:
    """The file.

    Args:
        people: what each may do, by the name in the certificate.
    """
    lines = [_HEADER, _DEVICES]
    lines += [f"pattern {may} {topic}\n" for may, topic in _of_device(root)]
    for name, role in people.items():
        lines.append(_SECTION.format(role=role.capitalize(), name=name))
        lines += [f"topic {may} {topic}\n" for may, topic in _of_person(root, role)]
    return "".join(lines)


def _of_device(root: str) -> Iterator[tuple[str, str]]:
    for topic in TOPICS:
        if topic.direction == "up":
            # It hears its own `conn`, for that shows a twin.
            yield "readwrite" if topic is CONN else "write", topic.filter_of(root, "%u")
    yield "write", "homeassistant/device/%u/config"
    for topic in TOPICS:
        if topic.direction == "down":
            yield "read", topic.filter_of(root, "%u")
    yield "read", "homeassistant/status"


def _of_person(root: str, role: Role) -> Iterator[tuple[str, str]]:
    """Each may what those before it may; and reads the intent that it may write, to compare it."""
    roles = _ROLES[: _ROLES.index(role) + 1]
    for topic in TOPICS:
        if topic.role in roles:
            down = "readwrite" if topic.retained else "write"
            yield "read" if topic.direction == "up" else down, topic.filter_of(root)
