"""Topics: every topic there is, who writes to it, and what is said there.

ACL files, documentation and tests are generated from this table. A topic lies below the device's
own prefix, `<root>/<device>/`, or below the root itself where it is a group's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from agent.control import messages
from agent.control.ops import OPS, Role

if TYPE_CHECKING:
    from pydantic import BaseModel

ROOT = "sfumato/v1"
"""With the protocol's version; a broker of several owners may have another root."""


@dataclass(frozen=True, slots=True)
class Topic:
    """A row of the table.

    Attributes:
        id: of the protocol's clause, which tests name.
        pattern: below `<root>/<device>/` or, for a group's, `<root>/`; `<...>` is one level.
        direction: up is written by devices, down by people.
        model: of the payload.
        role: who may write it, if it goes down; who may read it, if it goes up.
        may_be_signed: whether the payload may be `Signed`, with the model as its body.
    """

    id: str
    pattern: str
    direction: Literal["up", "down"]
    qos: Literal[0, 1]
    retained: bool
    model: type[BaseModel]
    role: Role
    may_be_signed: bool = False

    @property
    def is_groups(self) -> bool:
        """Whether it lies below the root, for many devices."""
        return self.pattern.startswith("groups/")

    def of(self, root: str, device: str, value: str = "") -> str:
        """The topic of a device, with a value for its last `<...>`."""
        below = re.sub(r"<[a-z]+>", lambda _: value, self.pattern)
        return f"{root}/{below}" if self.is_groups else f"{root}/{device}/{below}"

    def filter_of(self, root: str, device: str = "+") -> str:
        """What to subscribe to; one device's, or everybody's."""
        return self.of(root, device, "+")


CONN = Topic("conn", "conn", "up", 1, True, messages.Conn, "viewer")
INFO = Topic("info", "info", "up", 1, True, messages.Info, "viewer")
STREAMS = Topic("streams", "streams", "up", 1, True, messages.Streams, "viewer")
CONFIG_DESIRED = Topic(
    "config-desired", "config/desired", "down", 1, True, messages.ConfigDesired, "operator",
    may_be_signed=True,
)  # fmt: skip
CONFIG_REPORTED = Topic(
    "config-reported", "config/reported", "up", 1, True, messages.ConfigReported, "viewer"
)
MODEL_DESIRED = Topic(
    "model-desired", "model/desired", "down", 1, True, messages.ModelDesired, "release"
)
MODEL_REPORTED = Topic(
    "model-reported", "model/reported", "up", 1, True, messages.ModelReported, "viewer"
)
COMMANDS = {
    name: Topic(
        f"cmd-{name}", f"cmd/{name}", "down", 1, False, messages.Command, op.role,
        may_be_signed=True,
    )
    for name, op in OPS.items()
}  # fmt: skip
RESULT = Topic("res", "res/<id>", "up", 1, False, messages.Result, "viewer")
TELE = Topic("tele", "tele", "up", 0, False, messages.Tele, "viewer")
EVENTS = {
    kind: Topic(f"evt-{kind}", f"evt/{kind}", "up", 1, False, messages.Event, "viewer")
    for kind in get_args(messages.EventKind)
}
GROUP_MODEL_DESIRED = Topic(
    "group-model-desired", "groups/<group>/model/desired", "down", 1, True,
    messages.GroupModelDesired, "release",
)  # fmt: skip

TOPICS: tuple[Topic, ...] = (
    CONN,
    INFO,
    STREAMS,
    CONFIG_DESIRED,
    CONFIG_REPORTED,
    MODEL_DESIRED,
    MODEL_REPORTED,
    *COMMANDS.values(),
    RESULT,
    TELE,
    *EVENTS.values(),
    GROUP_MODEL_DESIRED,
)


@dataclass(frozen=True, slots=True)
class Place:
    """What a topic's name says: whose it is, which row of the table, and the value in it."""

    device: str
    topic: Topic
    value: str


_ROWS = [
    (
        topic,
        re.compile(
            ("" if topic.is_groups else r"(?P<device>[a-z0-9-]{1,64})/")
            + re.sub(r"<[a-z]+>", r"(?P<value>[A-Za-z0-9_-]{1,64})", topic.pattern)
        ),
    )
    for topic in TOPICS
]


def place_of(name: str, root: str = ROOT) -> Place | None:
    """What a topic's name says; None if it is none of ours."""
    if not name.startswith(f"{root}/"):
        return None
    below = name[len(root) + 1 :]
    for topic, pattern in _ROWS:
        if found := pattern.fullmatch(below):
            parts = found.groupdict()
            return Place(parts.get("device") or "", topic, parts.get("value") or "")
    return None
