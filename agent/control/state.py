"""State: the documents that a broker retains of a device, and which of them have changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.control import discovery
from agent.control.delivery import Message
from agent.control.topics import CONFIG_REPORTED, INFO, MODEL_REPORTED, STREAMS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.control.controlled import Controlled
    from agent.control.terms import Terms


class State:
    """Remembers what was published on this connection.

    All of it is published at each connection: a broker that was killed may have forgotten it, and
    says nothing of that.
    """

    def __init__(self, terms: Terms, controlled: Controlled) -> None:
        self.terms, self._controlled = terms, controlled
        self._published: dict[str, bytes] = {}

    def forget(self, topic: str | None = None) -> None:
        """Have what stands at a topic published again; None: all of it."""
        if topic is None:
            self._published.clear()
        else:
            self._published.pop(topic, None)

    def changed(self) -> Iterator[Message]:
        """What a broker doesn't know yet."""
        for topic, payload in self._documents():
            if self._published.get(topic) != payload:
                self._published[topic] = payload
                yield Message(topic, payload, qos=1, retain=True)

    def _documents(self) -> Iterator[tuple[str, bytes]]:
        terms, controlled = self.terms, self._controlled
        model = controlled.model_reported()  # before info, which names what runs: never ahead of it
        info, streams = controlled.info(), controlled.streams()
        for topic, document in (
            (INFO, info),
            (STREAMS, streams),
            (CONFIG_REPORTED, controlled.config_reported()),
            (MODEL_REPORTED, model),
        ):
            yield topic.of(terms.root, terms.device), document.model_dump_json().encode()
        if terms.home_assistant:
            yield (
                discovery.topic(terms.device),
                discovery.document(
                    terms.root, terms.device, info, streams, buttons=not terms.operators
                ),
            )
