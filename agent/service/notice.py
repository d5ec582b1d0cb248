"""Notice: something that happened, as an event tells it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from agent.control.messages import EventKind, Scalar
    from agent.telemetry.status import AgentStatus, ModelStatus

MAX_LETTERS = 500
"""Of a text in an event, by its model."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What becomes an event once it has an id, a number and a time."""

    kind: EventKind
    data: Mapping[str, Scalar]


def boot_notice(status: AgentStatus, before: str | None) -> Notice:
    """The agent began.

    Args:
        before: why the one before it ended, if anybody knows (`agent.service.last_run`).
    """
    return Notice(
        "boot",
        {
            "version": status.version,
            "before": before,
            "model": status.model.name,
            "model_version": status.model.version,
        },
    )


def model_notice(model: ModelStatus) -> Notice:
    """Another model runs."""
    return Notice(
        "model",
        {
            "name": model.name,
            "version": model.version,
            "digest": model.sha256,
            "precision": model.precision,
            "runtime": model.runtime,
        },
    )


def config_notice(rev: int, origin: str, keys: Sequence[str]) -> Notice:
    """The agent runs by another configuration.

    Args:
        rev: of the remote part; 0 where there is none.
        origin: what changed it: file, remote or override.
        keys: that changed; cut short where they are too many.
    """
    return Notice("config", {"rev": rev, "origin": origin, "keys": ", ".join(keys)[:MAX_LETTERS]})
