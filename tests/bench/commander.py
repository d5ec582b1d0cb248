"""Commander: an operator who stays connected, gives commands and times the answers."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, final

from agent.control.delivery import Message
from agent.control.session import Session
from agent.control.topics import COMMANDS, ROOT
from tests.bench import subjects

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from agent.control.broker import Broker as Address
    from agent.control.delivery import Received

# Modules there name each other, as pytest's path has them.
sys.path.append(str(subjects.ROOT / "tests" / "world"))
from broker import Broker

__all__ = ["Broker", "Commander"]

PATIENCE_S = 120.0
"""For whatever is waited for. Chosen, not measured: many times what it takes."""
_TTL_S = 300.0


@final
class Commander:
    """Connected while its context lasts.

    Args:
        name: its client id.
        filters: what it subscribes to, with the QoS.

    Attributes:
        heard: how many messages came, by topic; answers are not among them.
        failed: answers that were not `done`.
    """

    def __init__(self, address: Address, name: str, filters: Sequence[tuple[str, int]]) -> None:
        self._session = Session(address, name, self, subscriptions=filters)
        self._changed = threading.Condition()
        self._sent_s: dict[str, float] = {}
        self._answered_s: dict[str, float] = {}
        self.heard: Counter[str] = Counter()
        self.failed: list[bytes] = []

    def __enter__(self) -> Commander:
        self._session.start()
        self.until(lambda: self._session.connected, "a connection")
        return self

    def __exit__(self, *_: object) -> None:
        self._session.stop(None, 10)

    def order(
        self,
        device: str,
        op: str,
        args: dict[str, object] | None = None,
        *,
        due_s: float | None = None,
        sent_ts: float | None = None,
    ) -> str:
        """Give a command; its id.

        Args:
            due_s: when it should have been given (`time.monotonic`), if it is late.
            sent_ts: when it says that it was sent, if not now.
        """
        command_id = f"c{len(self._sent_s)}"
        ts = time.time() if sent_ts is None else sent_ts
        body = {"v": 1, "id": command_id, "args": args or {}, "ts": ts, "ttl_s": _TTL_S}
        self._sent_s[command_id] = due_s or time.monotonic()
        message = Message(COMMANDS[op].of(ROOT, device), json.dumps(body).encode())
        if not self._session.publish(message, command_id):
            raise SystemExit(f"the broker is gone: {self._session.reason}")
        return command_id

    @property
    def count(self) -> int:
        """Of commands so far."""
        return len(self._sent_s)

    def round_trips_s(self, ids: Iterable[str]) -> list[float]:
        """Seconds from each of these commands to its answer, once all are there."""
        ids = list(ids)
        self.until(lambda: self._answered_s.keys() >= set(ids), f"{len(ids)} answers")
        return [self._answered_s[each] - self._sent_s[each] for each in ids]

    def until(self, come: Callable[[], bool], what: str) -> None:
        """Wait for what only comes by messages."""
        with self._changed:
            if not self._changed.wait_for(come, PATIENCE_S):
                raise SystemExit(f"not {what} within {PATIENCE_S:g} s; {self._session.reason}")

    def connected(self) -> None:
        """See `Listener`."""
        with self._changed:
            self._changed.notify_all()

    def disconnected(self, reason: str) -> None:
        """See `Listener`."""

    def received(self, message: Received) -> None:
        """See `Listener`."""
        now_s = time.monotonic()
        if message.receipt is not None:
            self._session.acknowledge(message.receipt)
        _, is_answer, command_id = message.topic.partition("/res/")
        with self._changed:
            if not is_answer:
                self.heard[message.topic] += 1
            else:
                self._answered_s.setdefault(command_id, now_s)
                if json.loads(message.payload)["state"] != "done":
                    self.failed.append(message.payload)
            self._changed.notify_all()

    def published(self, token: object, code: int) -> None:
        """See `Listener`."""
