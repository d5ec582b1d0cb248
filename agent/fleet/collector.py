"""Collector: writes down every event of a fleet once, and asks for those that did not come.

An event is acknowledged only after it is on the disk, so the broker keeps what a killed collector
had not written. What the broker itself forgot or threw away, the devices send again.
"""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Protocol

from pydantic import ValidationError

from agent.control.delivery import Received
from agent.control.messages import Conn, Result
from agent.control.topics import CONN, RESULT, place_of
from agent.fleet.client import Connected, Disconnected, Published
from agent.fleet.event_heard import event_filter, event_of, event_place
from agent.fleet.gaps import Ask, Gaps
from agent.fleet.order import NOBODY_LISTENS, command_message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import JsonValue

    from agent.fleet.client import Client, Happening
    from agent.fleet.event_files import EventFile, Kept
    from agent.fleet.event_heard import EventHeard
    from agent.fleet.gaps import Lost
    from models.signing import PrivateKey

_MOST_AT_ONCE = 1000
"""Happenings in one transaction. Chosen, not measured: 20 times what is in flight."""
_TURN_S = 0.5
_ASK_TTL_S = 10.0
"""Within which a device answers, or is asked again."""


class Watcher(Protocol):
    """Is told what a person may want to know."""

    def connected(self) -> None:
        """Events come."""
        ...

    def disconnected(self, reason: str) -> None:
        """No events come; it is tried again by itself."""
        ...

    def wrote(self, count: int) -> None:
        """So many new events are on the disk."""
        ...

    def asked(self, ask: Ask) -> None:
        """Events are missing, and were asked for."""
        ...

    def lost(self, lost: Lost) -> None:
        """Events are missing, and the device no longer has them."""
        ...

    def passed_over(self, topic: str) -> None:
        """Something came that is no event, and was thrown away."""
        ...

    def refused(self, device: str, reason: str) -> None:
        """A device does not send missing events again; it is asked later."""
        ...


def collector_filters(
    root: str, devices: Sequence[str] = (), group: str | None = None
) -> list[tuple[str, int]]:
    """What to subscribe to, each with its QoS.

    Args:
        devices: whose events; none: everybody's.
        group: of collectors, each of which gets a part of the events.
    """
    share = f"$share/{group}/" if group else ""
    # Answers are few and small, and one that is lost is asked for again: QoS 0 keeps them out of
    # the queue that the broker has for a collector that is away.
    filters = []
    for device in devices or ("+",):
        filters += [(f"{share}{event_filter(root, device)}", 1)]
        filters += [(CONN.of(root, device), 0), (RESULT.of(root, device, "+"), 0)]
    return filters


class Collector:
    """Of one file, over one client that subscribed as `collector_filters` says.

    Args:
        key: what signs its questions; None: they aren't.
    """

    def __init__(
        self, client: Client, file: EventFile, root: str, key: PrivateKey | None, watcher: Watcher
    ) -> None:
        self._client, self._file, self._root, self._key = client, file, root, key
        self._watcher = watcher
        self._gaps = Gaps()
        self._asks: dict[str, tuple[str, Ask]] = {}  # the last one's command id, by device
        for kept in file.kept():
            self._load(kept)

    def turn(self) -> None:
        """Wait a moment for what happens, write it, acknowledge it, and ask for what is missing.

        Raises:
            OutputError: the file can't be written.
        """
        first = self._client.next(_TURN_S)
        happenings = [first, *self._client.waiting(_MOST_AT_ONCE)] if first is not None else []
        now_s = time.monotonic()
        events: list[EventHeard] = []
        lost: list[Lost] = []
        for happening in happenings:
            if isinstance(happening, Received) and event_place(happening.topic, self._root):
                self._event(happening, events, now_s)
            else:
                self._note(happening, lost, now_s)
        if events or lost:
            self._file.write(events, lost)
        for happening in happenings:
            if isinstance(happening, Received):
                self._client.acknowledge(happening)
        if events:
            self._watcher.wrote(len(events))
        for each in lost:
            self._watcher.lost(each)
        self._ask(now_s)

    def _event(self, received: Received, events: list[EventHeard], now_s: float) -> None:
        heard = event_of(received, self._root)
        if heard is None:
            self._watcher.passed_over(received.topic)
        elif self._gaps.heard(*heard.key, now_s):
            events.append(heard)

    def _note(self, happening: Happening, lost: list[Lost], now_s: float) -> None:
        if isinstance(happening, Connected):
            self._asks.clear()
            self._gaps.nobody_present()
            self._watcher.connected()
        elif isinstance(happening, Disconnected):
            self._watcher.disconnected(happening.reason)
        elif isinstance(happening, Published):
            if happening.code >= NOBODY_LISTENS and isinstance(happening.token, Ask):
                self._gaps.put_off(happening.token, now_s)
        else:
            self._document(happening, lost, now_s)

    def _document(self, received: Received, lost: list[Lost], now_s: float) -> None:
        place = place_of(received.topic, self._root)
        if place is None:
            return
        try:
            if place.topic is CONN:
                conn = Conn.model_validate_json(received.payload)
                self._gaps.present(place.device, online=conn.online, now_s=now_s)
                if conn.epoch is not None and conn.seq is not None:
                    self._gaps.said(place.device, conn.epoch, conn.seq, now_s)
            elif place.topic is RESULT:
                command_id, ask = self._asks.get(place.device, ("", None))
                if ask is not None and command_id == place.value:
                    self._answered(ask, Result.model_validate_json(received.payload), lost, now_s)
        except ValidationError:
            self._watcher.passed_over(received.topic)

    def _answered(self, ask: Ask, result: Result, lost: list[Lost], now_s: float) -> None:
        if result.state == "accepted":
            return
        del self._asks[ask.device]
        if result.state == "done":
            self._gaps.promised(ask, now_s)
        elif result.error is not None and result.error.code == "not_found":
            lost += self._gaps.not_found(ask, now_s)
        else:
            self._gaps.put_off(ask, now_s)
            said = f"{result.error.code}: {result.error.message}" if result.error else "failed"
            self._watcher.refused(ask.device, said)

    def _ask(self, now_s: float) -> None:
        for ask in self._gaps.due(now_s):
            # Another writer of the same file may have got them.
            there = [*self._file.kept_between(ask.device, ask.epoch, ask.first, ask.last)]
            if there:
                for kept in there:
                    self._load(kept)
                self._gaps.withdraw(ask, now_s)
                continue
            command_id = uuid.uuid4().hex
            args: dict[str, JsonValue] = {
                "epoch": ask.epoch,
                "from_seq": ask.first,
                "to_seq": ask.last,
            }
            message = command_message(
                "replay", args, ask.device,
                root=self._root, ttl_s=_ASK_TTL_S, key=self._key, command_id=command_id,
            )  # fmt: skip
            self._asks[ask.device] = command_id, ask
            self._client.publish(message, ask)
            self._watcher.asked(ask)

    def _load(self, kept: Kept) -> None:
        self._gaps.loaded(kept.device, kept.epoch, kept.first, kept.last, lost=kept.lost)
