"""Terms: what a control plane goes by, as the device's configuration says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.control.broker import Broker
    from models.signing import PublicKey


@dataclass(frozen=True, slots=True)
class Terms:
    """What a control plane goes by.

    Attributes:
        root: of all topics, as in `sfumato/v1`.
        operators: keys, one of which must have signed what operators send; none: nothing is signed.
        ops: commands that are obeyed.
        tele_interval_s: from one `tele` to the next.
        groups: that the device belongs to.
        takes_models: whether it lets itself be told which model to run.
        home_assistant: whether Home Assistant is told what the device is.
        outbox_bytes: of events that no broker has acknowledged yet.
    """

    device: str
    broker: Broker
    root: str
    operators: tuple[PublicKey, ...]
    ops: frozenset[str]
    tele_interval_s: float
    home_assistant: bool
    outbox_bytes: int
    groups: tuple[str, ...] = ()
    takes_models: bool = False
