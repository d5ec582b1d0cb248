"""Sayings: what a device tells, in a person's words, and only what is new in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ValidationError

from agent.control.messages import (
    ConfigReported,
    Conn,
    Event,
    Info,
    ModelReported,
    Streams,
    StreamState,
    Tele,
)
from agent.control.topics import (
    CONFIG_REPORTED,
    CONN,
    INFO,
    MODEL_REPORTED,
    STREAMS,
    TELE,
    place_of,
)
from agent.fleet.event_heard import event_filter, event_place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import JsonValue

    from agent.control.delivery import Received

_TOPICS = (CONN, INFO, STREAMS, CONFIG_REPORTED, MODEL_REPORTED, TELE)


def watch_filters(root: str, device: str) -> list[tuple[str, int]]:
    """What to subscribe to, each with its QoS."""
    told = [(topic.of(root, device), topic.qos) for topic in _TOPICS]
    return [*told, (event_filter(root, device), 1)]


class Sayings:
    """Of one device."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._streams: dict[str, StreamState] = {}

    def document(self, received: Received) -> dict[str, JsonValue]:
        """All of a message; `payload` is null where it can't be read."""
        message = self._message(received)
        return {
            "topic": self._below(received.topic),
            "retained": received.retained,
            "payload": message.model_dump(mode="json") if message else None,
        }

    def lines(self, received: Received) -> list[str]:
        """What is new in a message; a line each, with words as the device chose them."""
        message = self._message(received)
        if message is None:
            return [f"{self._below(received.topic)}: can't be read"]
        if isinstance(message, Event):
            said = {name: value for name, value in message.data.items() if value not in {None, ""}}
            data = ", ".join(f"{name} {value}" for name, value in said.items())
            place = event_place(received.topic, self._root)
            return [f"event {message.seq} {place[1] if place else ''}: {data}"]
        return [*self._told(message)]

    def _told(self, message: BaseModel) -> Iterator[str]:
        match message:
            case Conn():
                yield f"{'online' if message.online else 'away'} ({message.reason})"
            case Info():
                model = message.model
                runs = f"{model.name} v{model.version} on {model.runtime}" if model else "no model"
                yield f"agent {message.agent} on {message.hardware}, {runs}"
                if message.certificate_warning:
                    yield f"certificate: {message.certificate_warning}"
            case Streams():
                yield from self._streams_told(message)
            case ConfigReported():
                runs = "runs by" if message.applied else "refused"
                yield f"config: {runs} rev {message.rev}" if message.rev else "config: its own file"
                yield from (f"config: {key}: {said}" for key, said in message.errors.items())
            case ModelReported():
                yield f"model: {message.state} {message.reason}".rstrip()
            case Tele():
                yield _tele(message)

    def _streams_told(self, message: Streams) -> Iterator[str]:
        before, self._streams = self._streams, dict(message.streams)
        for name, stream in message.streams.items():
            if before.get(name) != stream:
                covered = ", covered whole" if stream.covered else ""
                reason = f" ({stream.reason})" if stream.reason else ""
                yield f"stream {name}: {stream.state}{reason}{covered}"
        yield from (f"stream {name}: gone" for name in before if name not in message.streams)

    def _message(self, received: Received) -> BaseModel | None:
        place = place_of(received.topic, self._root)
        model = Event if event_place(received.topic, self._root) else place and place.topic.model
        try:
            return model.model_validate_json(received.payload) if model else None
        except ValidationError:
            return None

    def _below(self, topic: str) -> str:
        """A topic without what all topics of this device begin with."""
        return topic.removeprefix(f"{self._root}/").partition("/")[2]


def _tele(tele: Tele) -> str:
    frames = sum(stream.frames_out for stream in tele.streams.values())
    parts = [
        f"up {tele.uptime_s:.0f} s",
        f"{frames} frames",
        *(f"{name} {celsius:.0f} °C" for name, celsius in tele.celsius.items()),
        *(f"{name} {watts:.1f} W" for name, watts in tele.watts.items()),
        *(f"{name} throttled" for name, is_so in tele.throttled.items() if is_so),
        f"{tele.control.queued} events queued",
        f"{tele.control.dropped} dropped",
    ]
    return ", ".join(parts)
