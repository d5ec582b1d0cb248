"""Orders: what becomes of each command, from its arrival until the broker has its result.

A command is acknowledged after it was written down, and run after that; its result is published
after it was written down, and kept until the broker has it. So it is run once and answered,
whenever the process is killed: what a start finds unfinished is done by evidence, or `interrupted`.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from agent.control.admission import Admitted, Answer
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
        publish: sends the result of an id, in JSON, if there is a connection.
        acknowledge: tells the broker that a message need not come again.
        tell: notes an event.
    """

    def __init__(
        self,
        admission: Admission,
        inbox: Inbox,
        workers: Workers,
        own: Own,
        publish: Callable[[str, str], None],
        acknowledge: Callable[[object | None], None],
        tell: Callable[[EventKind, Mapping[str, Scalar]], None],
    ) -> None:
        self.admission = admission
        self._inbox, self._workers, self._own = inbox, workers, own
        self._publish, self._acknowledge, self._tell = publish, acknowledge, tell
        self._next: list[Callable[[], None]] = []
        self._unanswered: dict[str, list[object | None]] = {}

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
        if isinstance(decided, Answer):  # nothing of it is kept here, so the broker shall keep it
            self._unanswered.setdefault(decided.id, []).append(message.receipt)
            if decided.code == "expired":
                self._tell("command_expired", {"id": decided.id, "op": op})
            self._publish(decided.id, decided.result_json)
            return None
        self._acknowledge(message.receipt)
        return decided.reason

    def delivered(self, command_id: str) -> None:
        """The broker has answered for a result."""
        self._inbox.delivered(command_id)
        for receipt in self._unanswered.pop(command_id, ()):
            self._acknowledge(receipt)

    def disconnected(self) -> None:
        """What the broker still keeps will come again."""
        self._unanswered.clear()

    def finished(self, result: Result) -> None:
        """A worker is done with a command, or has begun what only the next start can finish."""
        text = result.model_dump_json()
        if result.state != "accepted":
            self._inbox.finish(result.id, text)
        if result.error is not None and result.error.code == "expired":
            self._tell("command_expired", {"id": result.id, "op": result.op})
        self._next.append(lambda: self._publish(result.id, text))

    def _admitted(self, order: Admitted, message: Received) -> None:
        try:
            self._inbox.add(order.id, order.op, order.digest, order.args_json)
        except Refusal as refusal:  # it can't be written down, and so might be done twice
            self._unanswered.setdefault(order.id, []).append(message.receipt)
            self._publish(order.id, _refused(order.id, order.op, refusal).model_dump_json())
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


def _refused(command_id: str, op: str, refusal: Refusal) -> Result:
    return Result(id=command_id, op=op, state="failed", error=refusal.to_error())
