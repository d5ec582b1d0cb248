"""Desk: what an operator can do with one device, over one connection, as `ctl` does it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from agent.control.topics import RESULT
from agent.errors import AbortedError, InputError, UnansweredError, UsageError
from agent.fleet.drift import check_applied, check_signed, desired_of, put_desired
from agent.fleet.event_heard import event_filter
from agent.fleet.order import Order, give
from agent.fleet.rollout_file import is_driven, put_wish, read_rollout, rollout_path

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import JsonValue

    from agent.fleet.live import LiveFleet
    from agent.fleet.live_line import LiveLine
    from agent.fleet.rollout_file import RolloutState, Wish
    from models.signing import PrivateKey

_BASE64 = re.compile(r"[A-Za-z0-9+/]+=*")
TTL_S = 30.0
"""In which a device has to begin what it is told. Chosen, not measured, as that of `ctl cmd`."""


def filters(root: str) -> list[tuple[str, int]]:
    """What its fleet has to subscribe to, beside what every one does."""
    return [(RESULT.filter_of(root), 0), (event_filter(root), 0)]


@final
@dataclass(frozen=True, slots=True)
class Desk:
    """At one broker. Its methods wait for a device; they are for threads.

    Attributes:
        key: what signs; None: nothing is signed.
        schema: JSON Schema of the sections of a configuration that can be set from afar.
    """

    fleet: LiveFleet
    root: str
    key: PrivateKey | None
    schema: Mapping[str, JsonValue]

    def line(self, device: str) -> LiveLine:
        """What hears a device alone."""
        return self.fleet.line(f"{self.root}/{device}/")

    def command(self, op: str, device: str, **args: JsonValue) -> Mapping[str, JsonValue]:
        """Have a device do something; what it answers.

        Raises:
            InputError: there is no connection.
            AbortedError: it refused, or failed.
            UnansweredError: no answer in time.
        """
        order = Order(op, args, [device], root=self.root, ttl_s=TTL_S, key=self.key)
        with self.line(device) as line:
            give(line, order, lambda _: None)
        outcome = order.outcomes[device]
        if outcome.error is not None:
            raise AbortedError(f"{outcome.error.code}: {outcome.error.message}")
        if outcome.state != "done":
            raise UnansweredError(f"no answer within {TTL_S:g} s; it may do it all the same")
        return outcome.result or {}

    def snapshot(self, device: str, stream: str) -> tuple[str, float]:
        """A redacted picture as a `data:` address, and its age in seconds.

        Raises:
            AgentError: as `command`.
        """
        answer = self.command("snapshot", device, stream=stream)
        jpeg, age_s = answer.get("jpeg"), answer.get("age_s")
        if not (
            isinstance(jpeg, str) and _BASE64.fullmatch(jpeg) and isinstance(age_s, int | float)
        ):
            raise AbortedError("sent no picture that can be read")
        return f"data:image/jpeg;base64,{jpeg}", age_s

    def rollout(self, group: str) -> RolloutState | None:
        """How far a group's roll-out is that was begun here; None: none was."""
        try:
            return read_rollout(rollout_path(group))
        except InputError:
            return None

    def wish(self, group: str, wish: Wish) -> None:
        """Have the program that drives a group's roll-out pause it, or stop it for good.

        Raises:
            UsageError: no program does.
            OutputError: it can't be told.
        """
        if not is_driven(path := rollout_path(group)):
            raise UsageError(f"no program drives it now: sfumato ctl rollout {wish} {group}")
        put_wish(path, wish)

    def sections(self, device: str) -> dict[str, JsonValue]:
        """Of its configuration, what was set from afar."""
        found = self.fleet.now().devices.get(device)
        return found.desired.sections if found is not None and found.desired else {}

    def configure(self, device: str, sections: Mapping[str, object]) -> str:
        """Have a device run by other sections; what it says.

        Raises:
            UsageError: it is not known, or can't take it.
            AgentError: as `command`.
        """
        found = self.fleet.now().devices.get(device)
        if found is None:
            raise UsageError(f"{device} has never told the broker anything")
        drift, signed = found.configuration, self.key is not None
        check_signed(drift, device, signed=signed)
        config = desired_of(sections, device, drift.next_rev, signed=signed)
        with self.line(device) as line:
            line.connect()
            reported = put_desired(
                line, config, device, root=self.root, key=self.key, timeout_s=TTL_S
            )
        check_applied(reported, device, config.rev)
        later = f"; at its next start: {', '.join(reported.needs_restart)}"
        return f"{device} runs by rev {reported.rev}{later if reported.needs_restart else ''}"
