"""Inventory: what every device of a fleet last told of itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pydantic import ValidationError

from agent.control.messages import Conn, Info, Streams
from agent.control.topics import CONFIG_DESIRED, CONFIG_REPORTED, CONN, INFO, STREAMS, place_of
from agent.fleet.drift import read_desired, read_reported

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pydantic import JsonValue

    from agent.control.topics import Topic
    from agent.fleet.client import Client

DEVICES_AT_ONCE = 200
"""Each has five documents at most here, and mosquitto room for 1,000."""


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
    desired_rev: int | None = None
    reported_rev: int | None = None
    applied: bool | None = None
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
        if self.desired_rev is None:
            return ""
        if self.reported_rev != self.desired_rev:
            return f"has {self.reported_rev or 0}, should have {self.desired_rev}"
        return "" if self.applied else f"refused {self.desired_rev}"

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
                "desired_rev": self.desired_rev,
                "reported_rev": self.reported_rev,
                "applied": self.applied,
                "drift": self.drift,
            },
            "unread": [*sorted(self.unread)],
        }


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
        filters = [(f"{root}/{name}/{below}", 0) for name in some for below in ("+", "config/+")]
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
            try:
                _take(device, place.topic, received.payload)
            except ValidationError:
                device.unread.add(place.topic.pattern)


def _take(device: DeviceState, topic: Topic, payload: bytes) -> None:
    if topic is CONN:
        device.conn = Conn.model_validate_json(payload)
    elif topic is INFO:
        device.info = Info.model_validate_json(payload)
    elif topic is STREAMS:
        device.streams = Streams.model_validate_json(payload)
    elif topic is CONFIG_DESIRED:
        device.desired_rev = read_desired(payload).config.rev
    elif topic is CONFIG_REPORTED:
        reported = read_reported(payload)
        device.reported_rev, device.applied = reported.rev, reported.applied
