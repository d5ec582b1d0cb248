"""Orders: what becomes of each command, from its arrival until the broker has its result.

A command is acknowledged after it was written down, and run after that; its result is published
after it was written down, and kept until the broker has it. So it is run once and answered,
whenever the process is killed: what a start finds unfinished is done by evidence, or `interrupted`.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from agent.control.decision import Admitted, Answer
from agent.control.messages import Result
from agent.control.ops import OPS
from agent.control.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pydantic import JsonValue

    from agent.control.admission import Admission
    from agent.control.commands import Workers
    from agent.control.controlled import Controlled
    from agent.control.delivery import Received
    from agent.control.inbox import Inbox
    from agent.control.messages import EventKind, Scalar
    from models.strict_model import StrictModel

    Own = Mapping[str, Callable[[StrictModel], Mapping[str, JsonValue]]]

_log = logging.getLogger(__name__)


class Orders:
    """The commands of a device, on the thread of its control plane.

    Args:
        own: those that the control plane does itself, at once.
        publish: sends the result of an id, in JSON, if there is a connection, and calls what is to
            be done once the broker has answered for it.
        acknowledge: tells the broker that a message need not come again.
        tell: notes an event.
    """

    def __init__(
        self,
        admission: Admission,
        inbox: Inbox,
        workers: Workers,
        own: Own,
        publish: Callable[[str, str, Callable[[], None]], None],
        acknowledge: Callable[[object | None], None],
        tell: Callable[[EventKind, Mapping[str, Scalar]], None],
    ) -> None:
        self.admission = admission
        self._inbox, self._workers, self._own = inbox, workers, own
        self._publish, self._acknowledge, self._tell = publish, acknowledge, tell
        self._next: list[Callable[[], None]] = []

    @property
    def pending(self) -> bool:
        """Whether something has to be written down before it goes on."""
        return bool(self._next)

    def committed(self) -> None:
        """What was noted is written down: go on."""
        steps, self._next = self._next, []
        for step in steps:
            step()

    def take_up(self, controlled: Controlled) -> None:
        """Answer what the last run left unfinished."""
        for entry in self._inbox.unfinished():
            args = OPS[entry.op].args.model_validate_json(entry.args_json)
            answer = controlled.was_done(entry.op, args)
            if answer is not None:
                result = Result(id=entry.id, op=entry.op, state="done", result=dict(answer))
            else:
                why = Refusal("interrupted", "the agent was started anew meanwhile")
                result = _refused(entry.id, entry.op, why)
            self._inbox.finish(entry.id, result.model_dump_json())

    def received(self, op: str, message: Received) -> str | None:
        """A command came; why it gets no answer, if so."""
        decided = self.admission.admit(op, message, self._inbox.look_up)
        if isinstance(decided, Admitted):
            self._admitted(decided, message)
            return None
        if isinstance(decided, Answer):
            if decided.code == "expired":
                self._tell("command_expired", {"id": decided.id, "op": op})
            self._answer(decided.id, decided.result_json, message)
            return None
        self._acknowledge(message.receipt)
        return decided.reason

    def publish_undelivered(self) -> None:
        """Publish, at a new connection, the results that no broker has answered for."""
        self._next.clear()  # which are some of these
        for entry in self._inbox.undelivered():
            if entry.result_json is not None:
                self._publish_kept(entry.id, entry.result_json)

    def finished(self, result: Result) -> None:
        """A worker is done with a command, or has begun what only the next start can finish."""
        text = result.model_dump_json()
        if result.state == "accepted":
            self._publish(result.id, text, lambda: None)
            return
        self._inbox.finish(result.id, text)
        if result.error is not None and result.error.code == "expired":
            self._tell("command_expired", {"id": result.id, "op": result.op})
        self._next.append(lambda: self._publish_kept(result.id, text))

    def _admitted(self, order: Admitted, message: Received) -> None:
        try:
            self._inbox.add(order.id, order.op, order.digest, order.args_json)
        except Refusal as refusal:  # it can't be written down, and so might be done twice
            self._answer(order.id, _refused(order.id, order.op, refusal).model_dump_json(), message)
            return
        self._acknowledge(message.receipt)
        self._begin(order)

    def _begin(self, order: Admitted) -> None:
        if order.op not in self._own:
            self._workers.take(order)
            return
        try:
            answer = dict(self._own[order.op](order.args))
            result = Result(id=order.id, op=order.op, state="done", result=answer)
        except Refusal as refusal:
            result = _refused(order.id, order.op, refusal)
        self.finished(result)

    def _answer(self, command_id: str, text: str, message: Received) -> None:
        """Answer what is not kept here: the broker keeps it, until it has the answer."""
        self._publish(command_id, text, lambda: self._acknowledge(message.receipt))

    def _publish_kept(self, command_id: str, text: str) -> None:
        self._publish(command_id, text, lambda: self._inbox.delivered(command_id))


def _refused(command_id: str, op: str, refusal: Refusal) -> Result:
    return Result(id=command_id, op=op, state="failed", error=refusal.to_error())
