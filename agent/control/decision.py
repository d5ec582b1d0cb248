"""Decision: what becomes of a command that came: it is done, or answered, or dropped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from agent.control.messages import ErrorCode
    from models.strict_model import StrictModel

DropReason = Literal["retained", "too_large", "invalid", "no_id", "duplicate"]
"""`invalid`: no JSON; `duplicate`: of one that is not finished, whose answer will do for both."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """A command that is to be done.

    Attributes:
        args_json: the arguments, with defaults, keys in order: equal ones are equal texts.
        digest: SHA-256 over the op and `args_json`, hexadecimal. When it was sent and how long it
            may wait is not in it: who asks again under the same id means the same.
        deadline_ms: it must begin before; on the clock of `Admission`, since the machine's boot.
    """

    id: str
    op: str
    args: StrictModel
    args_json: str
    digest: str
    deadline_ms: int


@dataclass(frozen=True, slots=True)
class Answer:
    """A command that is answered at once.

    Attributes:
        result_json: the `Result` to publish.
        code: of its error; None where it was done before.
        stored: it is the result of an earlier delivery. What is not stored isn't to be stored
            either: it would be judged the same again, or stand in the way of the id's rightful use.
    """

    id: str
    result_json: str
    code: ErrorCode | None
    stored: bool


@dataclass(frozen=True, slots=True)
class Drop:
    """A message that gets no answer, and is counted."""

    reason: DropReason
