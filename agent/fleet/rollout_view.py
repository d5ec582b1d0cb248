"""What a broker has of a roll-out: the document of a group, and what its devices report."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from pydantic import ValidationError

from agent.control.messages import GroupModelDesired, ModelReported
from agent.control.topics import GROUP_MODEL_DESIRED, MODEL_REPORTED, place_of
from agent.errors import AbortedError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agent.control.delivery import Received
    from agent.fleet.client import Client

    ClientOf = Callable[[Sequence[tuple[str, int]]], Client]

_AT_ONCE = 500
"""Devices whose reports are asked for together; mosquitto has room for 1,000 documents."""


def look(
    client_of: ClientOf, root: str, group: str, devices: Sequence[str]
) -> tuple[GroupModelDesired | None, dict[str, ModelReported]]:
    """What stands at the broker for a group, and what devices report; unreadable reports are none.

    Raises:
        InputError: the broker can't be reached.
        AbortedError: the group's document can't be read.
    """
    standing: GroupModelDesired | None = None
    reports: dict[str, ModelReported] = {}
    topic = GROUP_MODEL_DESIRED.of(root, "", group)
    for at in range(0, max(1, len(devices)), _AT_ONCE):
        some = devices[at : at + _AT_ONCE]
        filters = [(topic, 0), *((MODEL_REPORTED.of(root, device), 0) for device in some)]
        with client_of(filters) as client:
            client.connect()
            for received in client.retained():
                place = place_of(received.topic, root)
                if place is not None and place.topic is GROUP_MODEL_DESIRED:
                    standing = document_of(received)
                elif place is not None:
                    with suppress(ValidationError):
                        reported = ModelReported.model_validate_json(received.payload)
                        reports[place.device] = reported
    return standing, reports


def document_of(received: Received) -> GroupModelDesired | None:
    """What a group is told; None: nothing."""
    if not received.payload:
        return None
    try:
        return GroupModelDesired.model_validate_json(received.payload)
    except ValidationError as error:
        raise AbortedError(
            f"{received.topic}: can't be read; was it written by something newer?"
        ) from error
