"""Drift: the configuration that a device shall have, beside the one that it reports."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import JsonValue, ValidationError

from agent.control.delivery import Message, Received
from agent.control.messages import MAX_REV, ConfigDesired, ConfigReported, Info
from agent.control.signed import sealed_body, sign
from agent.control.topics import CONFIG_DESIRED, CONFIG_REPORTED, INFO, place_of
from agent.errors import AbortedError, UnansweredError, UsageError
from agent.fleet.client import Connected, Published
from agent.fleet.order import REFUSED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.fleet.client import Client, Happening, Line
    from models.signing import PrivateKey

SECTIONS = ("streams", "telemetry", "update")
"""Of a configuration, that can be set from afar."""
_TURN_S = 0.5


@dataclass(frozen=True, slots=True)
class Desired:
    """What a device was told; `signed`: whether a signature is on it, which is not looked at here."""

    config: ConfigDesired
    signed: bool

    @property
    def sections(self) -> dict[str, JsonValue]:
        """What it says."""
        return self.config.model_dump(mode="json", include=set(SECTIONS), exclude_none=True)


def read_desired(payload: bytes) -> Desired:
    """What stands in `config/desired`.

    Raises:
        ValidationError: it is no such thing.
    """
    body = sealed_body(payload)
    return Desired(ConfigDesired.model_validate_json(body or payload), body is not None)


def read_reported(payload: bytes) -> ConfigReported:
    """What stands in `config/reported`.

    Raises:
        ValidationError: it is no such thing.
    """
    return ConfigReported.model_validate_json(payload)


@dataclass(slots=True)
class Drift:
    """A device's configuration, as it shall be and as it says that it is; None: nothing was said.

    Attributes:
        wants_signed: whether it takes only what an operator's key signed; else it takes nothing signed.
    """

    desired: Desired | None = None
    reported: ConfigReported | None = None
    wants_signed: bool | None = None

    @property
    def next_rev(self) -> int:
        """The number of the next desired configuration."""
        revs = (
            self.desired.config.rev if self.desired else 0,
            self.reported.rev if self.reported else 0,
        )
        return max(revs) + 1


def drift_filters(root: str, device: str) -> list[tuple[str, int]]:
    """What to subscribe to, each with its QoS."""
    return [(topic.of(root, device), 0) for topic in (CONFIG_DESIRED, CONFIG_REPORTED, INFO)]


def drift(client: Client, root: str) -> Drift:
    """What the broker has of a device's configuration; the client has to be connected.

    Raises:
        AbortedError: what is there can't be read.
    """
    found = Drift()
    for received in client.retained():
        place = place_of(received.topic, root)
        if place is None or not received.payload:
            continue
        try:
            if place.topic is CONFIG_DESIRED:
                found.desired = read_desired(received.payload)
            elif place.topic is CONFIG_REPORTED:
                found.reported = read_reported(received.payload)
            elif place.topic is INFO:
                with suppress(
                    ValidationError
                ):  # of another version: then the device says no itself
                    found.wants_signed = Info.model_validate_json(received.payload).signed
        except ValidationError as error:
            raise AbortedError(
                f"{received.topic}: can't be read; was it written by something newer?"
            ) from error
    return found


def check_signed(found: Drift, device: str, *, signed: bool) -> None:
    """Refuse what a device would not even answer.

    Raises:
        UsageError: it is signed, and the device knows no operators; or the other way round.
    """
    if found.wants_signed and not signed:
        raise UsageError(
            f"{device} takes only what an operator has signed; name the key with --sign"
        )
    if signed and found.wants_signed is False:
        raise UsageError(f"{device} knows no operators' keys (control.operators); leave --sign out")


def desired_of(
    sections: Mapping[str, object], device: str, rev: int, *, signed: bool
) -> ConfigDesired:
    """A configuration out of what a file holds.

    Raises:
        UsageError: it holds something else than sections that can be set from afar.
        AbortedError: the device has a `rev` that none is above.
    """
    if not sections:
        raise UsageError(f"should hold sections to set: {', '.join(SECTIONS)}")
    if strange := next((name for name in sections if name not in SECTIONS), None):
        raise UsageError(
            f"{strange}: can't be set from afar; sections that can: {', '.join(SECTIONS)}"
        )
    if wrong := next((name for name, each in sections.items() if not isinstance(each, dict)), None):
        raise UsageError(f"{wrong}: should be a section of `key: value` lines")
    if rev > MAX_REV:
        raise AbortedError(
            f"{device}: has the highest rev that there is; whoever set it has to be found, and at the "
            "device remote.json and remote.copy.json deleted, in the agent's state folder"
        )
    return ConfigDesired(v=1, rev=rev, device=device if signed else None, **sections)


def put_desired(
    client: Line,
    config: ConfigDesired,
    device: str,
    *,
    root: str,
    key: PrivateKey | None,
    timeout_s: float,
) -> ConfigReported:
    """Tell a device, on a client that subscribed as `drift_filters` says; what it reports of it.

    Raises:
        AbortedError: the broker does not let anybody like that write it.
        UnansweredError: no report in time.
    """
    body = config.model_dump_json(exclude_none=True)
    if key is not None:
        body = sign(body, key).model_dump_json()
    message = Message(CONFIG_DESIRED.of(root, device), body.encode(), retain=True)
    client.publish(message, config)
    deadline_s, published = time.monotonic() + timeout_s, False
    while (left_s := deadline_s - time.monotonic()) > 0:
        happening = client.next(min(left_s, _TURN_S))
        if isinstance(happening, Connected) and not published:
            client.publish(message, config)  # it was lost with the connection, or its answer was
        elif isinstance(happening, Published) and happening.token is config:
            if happening.code >= REFUSED:
                raise AbortedError(f"{device}: the broker lets you write no configuration")
            published = True
        elif (reported := _report(happening, root)) and reported.rev >= config.rev:
            return reported
    if not published:
        raise UnansweredError(f"{device}: the broker did not take rev {config.rev} in time")
    raise UnansweredError(
        f"{device}: no report of rev {config.rev} within {timeout_s:g} s; it stands at the broker, "
        "and the device takes it once it is there"
    )


def _report(happening: Happening | None, root: str) -> ConfigReported | None:
    if not isinstance(happening, Received):
        return None
    place = place_of(happening.topic, root)
    if place is None or place.topic is not CONFIG_REPORTED:
        return None
    try:
        return read_reported(happening.payload)
    except ValidationError:
        return None


def check_applied(reported: ConfigReported, device: str, rev: int) -> None:
    """See to it that a device runs by what it was told.

    Raises:
        AbortedError: it does not; a line for each thing that is wrong.
    """
    if reported.rev > rev:
        raise AbortedError(f"{device}: somebody else set rev {reported.rev} meanwhile; look at it")
    if not reported.applied:
        lines = [f"{device}: {key}: {said}" for key, said in reported.errors.items()]
        raise AbortedError("\n".join([*lines, f"{device}: refused rev {rev}, and runs as before"]))


def plain_desired(found: Drift) -> Mapping[str, JsonValue]:
    """What the device shall report."""
    rev = found.desired.config.rev if found.desired else 0
    return {"rev": rev, "applied": True, "errors": {}}


def plain_reported(found: Drift) -> Mapping[str, JsonValue]:
    """What it reports, as far as it can be compared."""
    if found.reported is None:
        return {}
    return found.reported.model_dump(mode="json", include={"rev", "applied", "errors"})
