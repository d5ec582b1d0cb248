"""Live: every device of a fleet as it is now, and one connection for all that is said to it.

There is one at any time, for a broker may give one name one connection.
"""

from __future__ import annotations

import random
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, final

from pydantic import ValidationError

from agent.backoff import Backoff
from agent.control.delivery import Message, Received
from agent.control.messages import GroupModelDesired, Tele
from agent.control.topics import CONN, GROUP_MODEL_DESIRED, TELE, place_of
from agent.errors import InputError
from agent.fleet.client import Connected, Disconnected, Published
from agent.fleet.inventory import BELOW, DeviceState, inventory
from agent.fleet.live_line import LiveLine

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType

    from agent.fleet.client import Client, Happening

LONGEST_S = 30.0
"""The most that passes before a broker that is away is tried again. Chosen, not measured."""
_TURN_S = 0.2
_MOST_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Fleet:
    """At one moment.

    Attributes:
        away: why nothing newer is known; empty: there is a connection.
        devices: by name, in order.
        tele: what those that are online told last, in numbers.
        offers: which model a share of a group's devices shall run, by group.
    """

    away: str = ""
    devices: Mapping[str, DeviceState] = field(default_factory=dict)
    tele: Mapping[str, Tele] = field(default_factory=dict)
    offers: Mapping[str, GroupModelDesired] = field(default_factory=dict)


@final
class LiveFleet:
    """Listens on a thread of its own, as a context; to be asked from any.

    All that is retained is read before it listens, for a broker may throw away what does not fit
    into its queue for a client, and is read again after a connection was lost.

    Args:
        client_of: makes one that is to be entered, by its subscriptions.
        more: what else to subscribe to, for its lines.
    """

    def __init__(
        self,
        client_of: Callable[[Sequence[tuple[str, int]]], Client],
        root: str,
        more: Sequence[tuple[str, int]] = (),
    ) -> None:
        self._client_of, self._root = client_of, root
        # Of these, `+` holds `tele`, too.
        self._filters = [*((f"{root}/+/{below}", 0) for below in BELOW), *more]
        self._filters.append((GROUP_MODEL_DESIRED.filter_of(root), 0))
        self._client: Client | None = None
        self._fleet = Fleet()
        self._devices: dict[str, DeviceState] = {}  # each is replaced, never changed
        self._tele: dict[str, Tele] = {}
        self._offers: dict[str, GroupModelDesired] = {}
        self._lines: set[LiveLine] = set()
        self._lock = threading.Lock()
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run, name="fleet", daemon=True)

    def __enter__(self) -> LiveFleet:
        """Be connected, and know all that is retained.

        Raises:
            InputError: the broker can't be reached.
        """
        self._open()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ends.set()
        self._thread.join()
        self._close("it was ended")

    def now(self) -> Fleet:
        """How it is."""
        with self._lock:
            devices = {name: self._devices[name] for name in sorted(self._devices)}
            return replace(
                self._fleet, devices=devices, tele=dict(self._tele), offers=dict(self._offers)
            )

    @property
    def away(self) -> str:
        """Why there is no connection; empty: there is."""
        return self._fleet.away

    def line(self, *prefixes: str) -> LiveLine:
        """A context that hears what comes with topics that begin so, from its begin on."""
        return LiveLine(self, prefixes)

    def send(self, line: LiveLine, message: Message, token: object) -> None:
        """Publish for a line; it is lost while there is no connection."""
        client = self._client
        if client is not None:
            client.publish(message, (line, token))

    def add(self, line: LiveLine) -> None:
        """Let a line hear."""
        with self._lock:
            self._lines.add(line)

    def remove(self, line: LiveLine) -> None:
        """Let a line hear no more."""
        with self._lock:
            self._lines.discard(line)

    def _run(self) -> None:
        backoff, opened_s = Backoff(random.Random(), LONGEST_S), time.monotonic()  # noqa: S311
        while not self._ends.is_set():
            client = self._client
            reason = self._listen(client) if client is not None else None
            if reason is not None:
                self._close(reason)
                self._ends.wait(backoff.next_s(time.monotonic() - opened_s))
            elif client is None:
                try:
                    self._open()
                    opened_s = time.monotonic()
                except InputError as error:
                    self._close(str(error))
                    self._ends.wait(backoff.next_s(0.0))

    def _open(self) -> None:
        found = {device.name: device for device in inventory(self._client_of, self._root)}
        with self._lock:
            self._devices = found
            self._offers.clear()
        client = self._client_of(self._filters)
        client.__enter__()
        try:
            client.connect()
        except InputError:
            client.__exit__(None, None, None)
            raise
        self._client = client
        with self._lock:
            self._fleet = Fleet()
        self._hand_on(Connected())

    def _close(self, reason: str) -> None:
        with self._lock:
            self._fleet = Fleet(away=reason)
            self._tele.clear()
        if self._client is not None:
            self._client.__exit__(None, None, None)
            self._client = None
            self._hand_on(Disconnected(reason))

    def _listen(self, client: Client) -> str | None:
        """Take in what happens within a moment; why the connection is gone, if it is."""
        first = client.next(_TURN_S)
        for happening in [first, *client.waiting(_MOST_AT_ONCE)] if first is not None else ():
            if isinstance(happening, Disconnected):
                return happening.reason or "the connection was lost"
            if isinstance(happening, Received):
                self._received(happening)
            self._hand_on(happening)
        return None

    def _hand_on(self, happening: Happening) -> None:
        if isinstance(happening, Published):
            if isinstance(happening.token, tuple):
                line, token = happening.token
                line.put(Published(token, happening.code))
            return
        topic = happening.topic if isinstance(happening, Received) else None
        with self._lock:
            lines = [line for line in self._lines if topic is None or line.hears(topic)]
        for line in lines:
            line.put(happening)

    def _received(self, received: Received) -> None:
        place = place_of(received.topic, self._root)
        if place is None or (
            not received.payload and place.topic not in (CONN, GROUP_MODEL_DESIRED)
        ):
            return
        with self._lock:
            if place.topic is GROUP_MODEL_DESIRED:
                self._offer(place.value, received.payload)
            elif place.topic is TELE:
                self._count(place.device, received.payload)
            elif not received.payload:  # somebody removed it
                self._devices.pop(place.device, None)
                self._tele.pop(place.device, None)
            else:
                known = self._devices.get(place.device) or DeviceState(place.device)
                device = replace(known, unread=set(known.unread))
                device.take(place.topic, received.payload)
                if device.conn is not None or device.unread:
                    self._devices[place.device] = device
                if device.presence != "online":
                    self._tele.pop(place.device, None)

    def _offer(self, group: str, payload: bytes) -> None:
        self._offers.pop(group, None)
        with suppress(ValidationError):  # taken back, or of a newer version
            self._offers[group] = GroupModelDesired.model_validate_json(payload)

    def _count(self, device: str, payload: bytes) -> None:
        if device in self._devices and self._devices[device].presence == "online":
            with suppress(ValidationError):
                self._tele[device] = Tele.model_validate_json(payload)
