"""Order: one command to several devices, and what became of it at each."""

from __future__ import annotations

import math
import time
import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from pydantic import ValidationError

from agent.control.delivery import Message, Received
from agent.control.messages import Authority, Command, CommandError, Result
from agent.control.ops import OPS
from agent.control.signed import sign
from agent.control.topics import COMMANDS, RESULT, place_of
from agent.fleet.client import Connected, Published

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pydantic import JsonValue

    from agent.fleet.client import Happening, Line
    from models.signing import PrivateKey

MOST_IN_FLIGHT = 16
"""Commands that the broker has not answered yet; mosquitto takes 20."""
NOBODY_LISTENS, REFUSED = 0x10, 0x80
_AGAIN_S = 2.0
"""A broker that was started anew may know of a device that it had forgotten only once that has
connected again. Chosen, not measured."""
_TURN_S = 0.2


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of it at one device.

    Attributes:
        error: why it failed, or why no answer is to be expected.
    """

    device: str
    state: Literal["waiting", "accepted", "done", "failed", "timed_out"] = "waiting"
    result: Mapping[str, JsonValue] | None = None
    error: CommandError | None = None

    @property
    def is_final(self) -> bool:
        """Whether nothing more will become of it."""
        return self.state in ("done", "failed", "timed_out")


class Order:
    """A command under one id; a device that gets it twice does it once and answers twice.

    Args:
        args: as the op takes them.
        ttl_s: within which a device has to begin.
        key: what signs it; None: it isn't.
    """

    def __init__(
        self,
        op: str,
        args: Mapping[str, JsonValue],
        devices: Sequence[str],
        *,
        root: str,
        ttl_s: float,
        key: PrivateKey | None,
    ) -> None:
        self.op, self.id, self._root = op, uuid.uuid4().hex, root
        self.outcomes = {device: Outcome(device) for device in devices}
        self._messages = {
            device: command_message(
                op, args, device, root=root, ttl_s=ttl_s, key=key, command_id=self.id
            )
            for device in devices
        }
        self._ttl_s = ttl_s
        self._began_s: float | None = None
        self._again: dict[str, float] = {}  # when to send once more what nobody listened to
        self._deadlines: dict[str, float] = {}  # of those whose outcome is open, once it began
        self._open = set(devices)
        self._unsent: list[str] = []
        self._in_flight: set[str] = set()

    @property
    def subscription(self) -> tuple[str, int]:
        """Where all answers come."""
        return RESULT.of(self._root, "+", self.id), RESULT.qos

    @property
    def is_over(self) -> bool:
        """Whether every device's outcome is final."""
        return not self._open

    def due(self, now_s: float) -> list[tuple[str, Message]]:
        """What is to be sent now, by device; it counts as sent."""
        for device in [device for device, at_s in self._again.items() if now_s >= at_s]:
            del self._again[device]
            self._unsent.append(device)
        room = MOST_IN_FLIGHT - len(self._in_flight)
        now, self._unsent = self._unsent[:room], self._unsent[room:]
        self._in_flight.update(now)
        left_s = math.ceil(self._ttl_s - (now_s - (self._began_s or now_s)))
        return [(device, replace(self._messages[device], expiry_s=left_s)) for device in now]

    def note(self, happening: Happening, now_s: float) -> Outcome | None:
        """Take in what happened; an outcome that changed by it."""
        if isinstance(happening, Connected):  # answers of meanwhile are lost: ask again
            self._in_flight.clear()
            self._again.clear()
            if self._began_s is None:  # they may begin at the very end, and then take their time
                self._began_s = now_s
                end_s = now_s + self._ttl_s + OPS[self.op].timeout_s
                self._deadlines = dict.fromkeys(self.outcomes, end_s)
            self._unsent = [device for device in self.outcomes if device in self._open]
        elif isinstance(happening, Published) and happening.token in self._in_flight:
            device = str(happening.token)
            self._in_flight.discard(device)
            return self._taken(device, happening.code, now_s)
        elif isinstance(happening, Received):
            return self._answered(happening, now_s)
        return None

    def overdue(self, now_s: float) -> list[Outcome]:
        """Outcomes of devices that gave no answer in time, from now on."""
        late = [
            device
            for device, end_s in self._deadlines.items()
            if now_s >= (end_s if device not in self._again else self._ttl_end_s)
        ]
        return [self._set(replace(self.outcomes[device], state="timed_out")) for device in late]

    @property
    def _ttl_end_s(self) -> float:
        return (self._began_s or 0.0) + self._ttl_s

    def _taken(self, device: str, code: int, now_s: float) -> Outcome | None:
        """The broker has answered."""
        if device not in self._open:
            return None
        if code >= REFUSED:
            return self._set(
                Outcome(device, "failed", error=_error("unauthorised", "the broker refuses it"))
            )
        if code != NOBODY_LISTENS or self.outcomes[device].state != "waiting":
            return None
        self._again[device] = now_s + _AGAIN_S
        if self.outcomes[device].error is not None:
            return None
        said = "nobody listens: there is no such device, or its session at the broker is over"
        return self._set(Outcome(device, error=_error("timeout", said)))

    def _answered(self, received: Received, now_s: float) -> Outcome | None:
        place = place_of(received.topic, self._root)
        if place is None or place.topic is not RESULT or place.value != self.id:
            return None
        if place.device not in self._open:
            return None
        try:
            result = Result.model_validate_json(received.payload)
        except ValidationError:
            said = "its answer can't be read; is it newer than this?"
            return self._set(Outcome(place.device, "failed", error=_error("internal", said)))
        self._again.pop(place.device, None)
        if result.state == "accepted":
            if self.outcomes[place.device].state == "accepted":
                return None
            self._deadlines[place.device] = now_s + OPS[self.op].timeout_s
        return self._set(Outcome(place.device, result.state, result.result, result.error))

    def _set(self, outcome: Outcome) -> Outcome:
        self.outcomes[outcome.device] = outcome
        if outcome.is_final:
            self._open.discard(outcome.device)
            self._deadlines.pop(outcome.device, None)
            self._again.pop(outcome.device, None)
        return outcome


def command_message(
    op: str,
    args: Mapping[str, JsonValue],
    device: str,
    *,
    root: str,
    ttl_s: float,
    key: PrivateKey | None,
    command_id: str,
) -> Message:
    """A command as it is published to one device."""
    command = Command(
        v=1,
        id=command_id,
        args=dict(args),
        ts=time.time(),
        ttl_s=ttl_s,
        auth=Authority(device=device, op=op) if key else None,
    )
    body = command.model_dump_json(exclude_none=True)
    if key is not None:
        body = sign(body, key).model_dump_json()
    return Message(COMMANDS[op].of(root, device), body.encode(), expiry_s=math.ceil(ttl_s))


def give(client: Line, order: Order, changed: Callable[[Outcome], None]) -> None:
    """See an order through, on a client that subscribed to its answers.

    Args:
        changed: is told each outcome that is new.

    Raises:
        InputError: the broker can't be reached at first; later it is tried for until time is over.
    """
    client.connect()
    order.note(Connected(), time.monotonic())
    look_s = 0.0
    while not order.is_over:
        for device, message in order.due(time.monotonic()):
            client.publish(message, device)
        happening = client.next(_TURN_S)
        if happening is not None and (outcome := order.note(happening, time.monotonic())):
            changed(outcome)
        if (now_s := time.monotonic()) >= look_s:
            look_s = now_s + _TURN_S
            for outcome in order.overdue(now_s):
                changed(outcome)


def _error(code: Literal["unauthorised", "timeout", "internal"], message: str) -> CommandError:
    return CommandError(code=code, message=message, retryable=code == "timeout")
