"""EventHeard: an event as it came, with whose it is and of which kind."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import ValidationError

from agent.control import topics
from agent.control.messages import DEVICE_PATTERN, Event

if TYPE_CHECKING:
    from agent.control.delivery import Received

_PLACE = re.compile(rf"({DEVICE_PATTERN.strip('^$')})/evt/([A-Za-z0-9_-]{{1,64}})")
_MAX_COUNT = 2**53
"""What JSON's readers can tell apart, and far more than any device counts to."""


@dataclass(frozen=True, slots=True)
class EventHeard:
    """An event; three of its values name it for ever: device, epoch, seq."""

    device: str
    kind: str
    event: Event

    @property
    def key(self) -> tuple[str, str, int]:
        """What tells it from all others."""
        return self.device, self.event.epoch, self.event.seq

    def to_line(self) -> str:
        """JSON, on one line, with nothing that a terminal would obey."""
        fields = {"device": self.device, "kind": self.kind, **self.event.model_dump(mode="json")}
        return json.dumps(fields, separators=(",", ":"))


def event_filter(root: str, device: str = "+") -> str:
    """What to subscribe to for all events, also of kinds that a newer device has."""
    return topics.EVENTS["boot"].of(root, device).removesuffix("boot") + "+"


def event_place(topic: str, root: str) -> tuple[str, str] | None:
    """Whose events come by a topic and of which kind; None: it is none of events."""
    if not topic.startswith(f"{root}/"):
        return None
    found = _PLACE.fullmatch(topic, len(root) + 1)
    return (found[1], found[2]) if found else None


def event_of(received: Received, root: str) -> EventHeard | None:
    """The event that came; None if it is not as events are."""
    place = event_place(received.topic, root)
    if place is None:
        return None
    try:
        event = Event.model_validate_json(received.payload)
    except ValidationError:
        return None
    if event.seq > _MAX_COUNT or abs(event.mono_ms) > _MAX_COUNT:
        return None
    return EventHeard(*place, event)
