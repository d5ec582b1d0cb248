"""Inventory: what every device of a fleet last told of itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pydantic import ValidationError

from agent.control.messages import Conn, Info, ModelDesired, ModelReported, Streams
from agent.control.topics import (
    CONFIG_DESIRED,
    CONFIG_REPORTED,
    CONN,
    INFO,
    MODEL_DESIRED,
    MODEL_REPORTED,
    STREAMS,
    place_of,
)
from agent.fleet.drift import Drift, read_desired, read_reported

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pydantic import JsonValue

    from agent.control.messages import ConfigReported
    from agent.control.topics import Topic
    from agent.fleet.client import Client
    from agent.fleet.drift import Desired

DEVICES_AT_ONCE = 140
"""Each has seven documents at most here, and mosquitto room for 1,000."""
BELOW = ("+", "config/+", "model/+")
"""Filters below a device's own prefix, of all that it tells and is told here."""
_UPDATE = {"rev", "group", "digest", "state", "progress", "reason"}


@dataclass(slots=True)
class DeviceState:
    """A device; None: it did not say.

    Attributes:
        unread: topics whose documents are not as they should be.
    """

    name: str
    conn: Conn | None = None
    info: Info | None = None
    streams: Streams | None = None
    model_desired: ModelDesired | None = None
    model_reported: ModelReported | None = None
    desired: Desired | None = None
    reported: ConfigReported | None = None
    unread: set[str] = field(default_factory=set)

    @property
    def presence(self) -> str:
        """`online`, `twin`, `clean` or `lost`; `unknown` if it did not say."""
        if self.conn is None:
            return "unknown"
        return "online" if self.conn.reason == "start" and self.conn.online else self.conn.reason

    @property
    def running(self) -> tuple[int, int]:
        """Streams that run, and all."""
        streams = self.streams.streams.values() if self.streams else ()
        return sum(each.state == "running" for each in streams), len(streams)

    @property
    def drift(self) -> str:
        """How its configuration differs from what it should be; empty: not at all."""
        if self.desired is None:
            return ""
        has, should_have = self.reported.rev if self.reported else 0, self.desired.config.rev
        if self.reported is None or has != should_have:
            return f"has {has}, should have {should_have}"
        return "" if self.reported.applied else f"refused {should_have}"

    @property
    def configuration(self) -> Drift:
        """Its configuration, as it shall be and as it says that it is."""
        return Drift(self.desired, self.reported, self.info.signed if self.info else None)

    @property
    def last_seen(self) -> float | None:
        """The newest Unix time in what it told; an online one tells it every minute."""
        times = [self.conn.ts if self.conn else None]
        times += [each.since for each in self.streams.streams.values()] if self.streams else []
        return max((ts for ts in times if ts is not None), default=None)

    def to_json(self) -> dict[str, JsonValue]:
        """All of it."""
        running, total = self.running
        return {
            "device": self.name,
            "presence": self.presence,
            "last_seen": self.last_seen,
            "version": self.info.agent if self.info else None,
            "model": model_of(self.info),
            "groups": list(self.info.groups) if self.info else [],
            "streams": {"running": running, "total": total},
            "config": {
                "desired_rev": self.desired.config.rev if self.desired else None,
                "reported_rev": self.reported.rev if self.reported else None,
                "applied": self.reported.applied if self.reported else None,
                "drift": self.drift,
            },
            "update": self.model_reported.model_dump(mode="json", include=_UPDATE)
            if self.model_reported
            else None,
            "unread": [*sorted(self.unread)],
        }

    def take(self, topic: Topic, payload: bytes) -> None:
        """Note a document of its; one that can't be read is `unread`, and what was known stays."""
        self.unread.discard(topic.pattern)
        try:
            self._take(topic, payload)
        except ValidationError:
            self.unread.add(topic.pattern)

    def _take(self, topic: Topic, payload: bytes) -> None:
        if topic is CONN:
            self.conn = Conn.model_validate_json(payload)
        elif topic is INFO:
            self.info = Info.model_validate_json(payload)
        elif topic is STREAMS:
            self.streams = Streams.model_validate_json(payload)
        elif topic is MODEL_REPORTED:
            self.model_reported = ModelReported.model_validate_json(payload)
        elif topic is MODEL_DESIRED:
            self.model_desired = ModelDesired.model_validate_json(payload)
        elif topic is CONFIG_DESIRED:
            self.desired = read_desired(payload)
        elif topic is CONFIG_REPORTED:
            self.reported = read_reported(payload)


def inventory(
    client_of: Callable[[Sequence[tuple[str, int]]], Client], root: str
) -> list[DeviceState]:
    """Every device that ever told that it is there, by name.

    Who they are is asked first, and of some at a time what else they told: mosquitto throws away
    what does not fit into its queue for a client, 1,000 messages by default.

    Args:
        client_of: makes one that is to be entered, by its subscriptions.

    Raises:
        InputError: the broker can't be reached, or has more than can be told.
    """
    devices: dict[str, DeviceState] = {}
    _ask(client_of([(CONN.filter_of(root), 0)]), root, devices)
    names = sorted(devices)
    for at in range(0, len(names), DEVICES_AT_ONCE):
        some = names[at : at + DEVICES_AT_ONCE]
        filters = [(f"{root}/{name}/{below}", 0) for name in some for below in BELOW]
        _ask(client_of(filters), root, devices)
    return [devices[name] for name in names]


def model_of(info: Info | None) -> str | None:
    """Name and version of the model that a device runs."""
    return f"{info.model.name} v{info.model.version}" if info and info.model else None


def _ask(client: Client, root: str, devices: dict[str, DeviceState]) -> None:
    with client:
        client.connect()
        for received in client.retained():
            place = place_of(received.topic, root)
            if place is None or not received.payload:
                continue
            device = devices.setdefault(place.device, DeviceState(place.device))
            device.take(place.topic, received.payload)
