"""Controlled: what a control plane asks of the agent that it speaks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import JsonValue

    from agent.control.messages import (
        ConfigDesired,
        ConfigReported,
        ControlTele,
        Info,
        ModelDesired,
        ModelReported,
        Streams,
        Tele,
    )
    from models.strict_model import StrictModel


class Controlled(Protocol):
    """An agent, or one that is simulated.

    What tells something is quick and may be called from any thread. What does something is called
    on a worker's thread, one at a time for each op, and may take as long as the op's time-out. What
    takes longer is answered `timeout` and left behind; the op's next command then runs beside it.
    """

    def info(self) -> Info:
        """What it is."""
        ...

    def streams(self) -> Streams:
        """How its streams are."""
        ...

    def config_reported(self) -> ConfigReported:
        """Which configuration it runs by."""
        ...

    def model_reported(self) -> ModelReported:
        """Which model it runs."""
        ...

    def tele(self, control: ControlTele, boot_id: str) -> Tele:
        """How it is, in numbers."""
        ...

    def do(self, op: str, args: StrictModel) -> Mapping[str, JsonValue] | None:
        """Do what a command asks for, but `refresh` and `replay`; what to answer.

        None: it is only accepted by now, and `was_done` says after the next start what came of it.

        Raises:
            Refusal: it can't be done.
        """
        ...

    def was_done(self, op: str, args: StrictModel) -> Mapping[str, JsonValue] | None:
        """What to answer to a command that a start of the agent interrupted; None: it was not done."""
        ...

    def want_model(self, group: str | None, desired: ModelDesired | None) -> None:
        """Run another model; `model_reported` says what comes of it.

        Args:
            group: that is told so; None: this device alone.
            desired: None: it was taken back, or is not meant for this device of the group.
        """
        ...

    def apply(self, desired: ConfigDesired) -> None:
        """Run by another configuration, if it is valid; `config_reported` says what came of it."""
        ...
