"""Admission: what becomes of a command that came, before anything is done.

In this order, for what comes first is cheaper or says less to a stranger:
it was not retained; it is not too large; it is JSON and has an id to answer to; the op exists and is
allowed; it is signed where it has to be; it is of this version and exactly as described; it is for
this device and op; it is not one that is known already; it has not waited too long.
Nothing here raises, whatever comes.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Protocol

from pydantic import BaseModel, ConfigDict, ValidationError

from agent.control.decision import Admitted, Answer, Drop
from agent.control.messages import MAX_AHEAD_S, Command, MessageId, Result
from agent.control.refusal import Refusal, invalid
from agent.control.signed import authorised, sealed_body

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from agent.control.delivery import Received
    from agent.control.ops import Op
    from models.signing import PublicKey
    from models.strict_model import StrictModel

MAX_COMMAND_BYTES = 64 * 1024
"""Chosen, not measured: a hundred times the largest that any op takes."""
_MAX_ANSWERED_BYTES = 256 * 1024
"""Beyond it nothing is read, not even for an id to answer to. Chosen, not measured."""


class Clock(Protocol):
    """What time it is on the device."""

    @property
    def believable(self) -> bool:
        """Whether its wall time is anywhere near the truth."""
        ...

    def now(self) -> float | None:
        """Unix time in seconds; None: nobody knows."""
        ...

    def mono_ms(self) -> int:
        """Milliseconds since the machine's boot."""
        ...


class Known(Protocol):
    """A command that was admitted before."""

    @property
    def digest(self) -> str:
        """Of what it asked for."""
        ...

    @property
    def result_json(self) -> str | None:
        """Its `Result`; None: it is not finished."""
        ...


class _Named(BaseModel):
    """The id alone, whatever else is wrong."""

    model_config = ConfigDict(extra="ignore")

    id: MessageId


class _Versioned(BaseModel):
    """The version alone, for in another one everything else may be different."""

    model_config = ConfigDict(extra="ignore", strict=True)

    v: int


class Admission:
    """Decides on commands; it keeps nothing.

    Args:
        device: its own name.
        ops: that there are.
        allowed: names of those that this device takes.
        keys: of operators; where there are some, who isn't a mere viewer has to sign.
    """

    def __init__(
        self,
        device: str,
        ops: Mapping[str, Op],
        allowed: Collection[str],
        keys: Sequence[PublicKey],
        clock: Clock,
    ) -> None:
        self._device, self._ops, self._allowed = device, ops, frozenset(allowed)
        self._keys, self._clock = tuple(keys), clock

    def admit(
        self, op_in_topic: str, received: Received, entry_of: Callable[[str], Known | None]
    ) -> Admitted | Answer | Drop:
        """Decide.

        Args:
            op_in_topic: what stands behind `cmd/`.
            entry_of: the command of this id that was admitted before, if any.
        """
        if received.retained:
            return Drop("retained")
        named = _id_of(received.payload)
        if isinstance(named, Drop):
            return named
        try:
            return self._judged(named, op_in_topic, received, entry_of)
        except Refusal as refusal:
            # an op that nobody knows may have any name
            failed = Result(id=named, op=op_in_topic[:64], state="failed", error=refusal.to_error())
            return Answer(named, failed.model_dump_json(), refusal.code, stored=False)

    def _judged(
        self,
        command_id: str,
        name: str,
        received: Received,
        entry_of: Callable[[str], Known | None],
    ) -> Admitted | Answer | Drop:
        if len(received.payload) > MAX_COMMAND_BYTES:
            raise Refusal("too_large", f"a command has at most {MAX_COMMAND_BYTES} bytes")
        op = self._op(name)
        must_be_signed = bool(self._keys) and op.role != "viewer"
        body = authorised(received.payload, self._keys, needed=must_be_signed)
        command, args = _read(body, op)
        self._check_authority(command, name, must_be_signed)
        args_json = args.model_dump_json()
        digest = hashlib.sha256(f"{name}\n{args_json}".encode()).hexdigest()
        known = entry_of(command_id)
        if known is not None:
            return _again(command_id, digest, known)
        deadline_ms = self._deadline_ms(command, received.expiry_s, must_be_signed)
        return Admitted(command_id, name, args, args_json, digest, deadline_ms)

    def _op(self, name: str) -> Op:
        op = self._ops.get(name)
        if op is None:
            raise Refusal("unknown_op", f"there is none of this name, but {', '.join(self._ops)}")
        if name not in self._allowed:
            raise Refusal("unauthorised", f"this device takes no {name}: control.ops has it not")
        return op

    def _check_authority(self, command: Command, name: str, must_be_signed: bool) -> None:
        bound = command.auth
        if bound is not None and bound.device != self._device:
            raise Refusal("unauthorised", f"it is for the device {bound.device}")
        if bound is not None and bound.op != name:
            raise Refusal("unauthorised", f"it was sent as {name} and is for {bound.op}")
        if must_be_signed and bound is None:
            raise Refusal("unauthorised", "what is signed has to say in auth whom it is for")
        if must_be_signed and command.ts is None:
            raise Refusal("unauthorised", "what is signed has to say in ts when it was sent")

    def _deadline_ms(self, command: Command, expiry_s: int | None, must_be_signed: bool) -> int:
        """Until when it may begin.

        A signature holds for as long as its text says, so that text is judged by a clock or not at
        all. Without one a command is as old as the broker says, from when it came.
        """
        left_s = command.ttl_s if expiry_s is None else min(command.ttl_s, expiry_s)
        now = self._clock.now() if self._clock.believable else None
        if now is None and must_be_signed:
            raise Refusal("precondition_failed", "this device's clock is not set yet", "clock")
        if now is not None and command.ts is not None:
            if command.ts - now > MAX_AHEAD_S:
                raise Refusal(
                    "precondition_failed",
                    "it was sent later than it is here: set this device's clock, or the sender's",
                    "clock",
                )
            left_s = min(left_s, command.ts + command.ttl_s - now)
        if left_s <= 0:
            raise Refusal("expired", "it came too late: see ts and ttl_s")
        return self._clock.mono_ms() + int(left_s * 1000)


def _id_of(payload: bytes) -> str | Drop:
    """Whom to answer, whatever else is wrong."""
    if len(payload) > _MAX_ANSWERED_BYTES:
        return Drop("too_large")
    try:
        return _Named.model_validate_json(payload).id
    except ValidationError as error:
        no_json = error.errors()[0]["type"] == "json_invalid"
    try:
        return _Named.model_validate_json(sealed_body(payload) or "").id
    except ValidationError:
        too_large = len(payload) > MAX_COMMAND_BYTES
        return Drop("too_large" if too_large else "invalid" if no_json else "no_id")


def _read(body: str | bytes, op: Op) -> tuple[Command, StrictModel]:
    try:
        version = _Versioned.model_validate_json(body).v
        if version != 1:
            raise Refusal("unsupported_version", "this device speaks version 1")
        command = Command.model_validate_json(body, strict=True)
    except ValidationError as error:
        raise invalid(error) from None
    try:
        return command, op.args.model_validate(command.args, strict=True)
    except ValidationError as error:
        raise invalid(error, "args") from None


def _again(command_id: str, digest: str, known: Known) -> Answer | Drop:
    """What to say where the id was used before."""
    if known.digest != digest:
        raise Refusal("conflict", "another command had this id: give each its own")
    if known.result_json is None:
        return Drop("duplicate")
    return Answer(command_id, known.result_json, None, stored=True)
