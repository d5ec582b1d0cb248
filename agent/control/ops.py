"""Ops: the commands that there are, what each takes, and who may give it.

There is none that shows raw video, weakens what is hidden, changes keys or sends video elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from agent.control.messages import MAX_SEQ, MessageId, Name
from models.strict_model import StrictModel

Role = Literal["viewer", "operator", "release"]
"""Who may give an order; each may what those before it may."""

MAX_SNAPSHOT_PX = 640
MAX_LOG_LINES = 500


class Nothing(StrictModel):
    """No arguments."""


class SnapshotArgs(StrictModel):
    """Which stream's picture."""

    stream: Name
    width: int = Field(MAX_SNAPSHOT_PX, ge=64, le=MAX_SNAPSHOT_PX, description="pixels, at most")


class LogsArgs(StrictModel):
    """Which lines of the log."""

    lines: int = Field(100, ge=1, le=MAX_LOG_LINES, description="the last ones, at most")
    since: float | None = Field(None, description="Unix time; only later ones")


class PauseArgs(StrictModel):
    """Which streams to pause."""

    stream: Name | None = Field(None, description="null: all that there are")
    until_s: float | None = Field(
        None, gt=0, description="Unix time at which it resumes by itself; null: when it is told to"
    )


class ResumeArgs(StrictModel):
    """Which streams to resume."""

    stream: Name | None = Field(None, description="null: all")


class RestartArgs(StrictModel):
    """What to begin anew."""

    stream: Name | None = Field(None, description="null: the whole agent")


class ReplayArgs(StrictModel):
    """Which events to send again."""

    epoch: MessageId
    from_seq: int = Field(ge=1, le=MAX_SEQ)
    to_seq: int = Field(ge=1, le=MAX_SEQ)


class RollbackArgs(StrictModel):
    """Which model to go back to."""

    to: Literal["previous"] = "previous"


@dataclass(frozen=True, slots=True)
class Op:
    """A command.

    Attributes:
        args: what it takes.
        role: who may give it.
        timeout_s: after which it counts as failed. Chosen, not measured: far above what it takes.
        help: what it does and answers.
    """

    args: type[StrictModel]
    role: Role
    timeout_s: float
    help: str


OPS: dict[str, Op] = {
    "ping": Op(Nothing, "viewer", 10, "versions, clock and uptime"),
    "refresh": Op(Nothing, "viewer", 10, "publishes everything retained again"),
    "snapshot": Op(SnapshotArgs, "viewer", 20, "a redacted picture as JPEG, with its age"),
    "logs": Op(LogsArgs, "operator", 20, "the last lines of the log, without secrets"),
    "pause": Op(PauseArgs, "operator", 20, "closes a stream's source until it is resumed"),
    "resume": Op(ResumeArgs, "operator", 20, "opens a paused stream's source again"),
    "restart": Op(RestartArgs, "operator", 600, "begins a stream anew, or the whole agent"),
    "self_test": Op(Nothing, "operator", 300, "runs the model on its golden frames"),
    "replay": Op(ReplayArgs, "operator", 20, "sends events again that nobody heard"),
    "rollback": Op(RollbackArgs, "release", 300, "goes back to the model before"),
}
