"""Stored: an event as it lies in the file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from agent.control.messages import EventKind, Scalar

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_LETTERS = 500
"""Of a text in an event, as `messages.Short` says."""

_DATA = TypeAdapter(dict[str, Scalar])


@dataclass(frozen=True, slots=True)
class Stored:
    """An event in the file.

    Attributes:
        boot_id: names the start of the agent in which it happened.
        machine_boot: names the boot of the machine in which it happened.
        mono_ms: milliseconds since that boot.
    """

    epoch: str
    seq: int
    kind: EventKind
    boot_id: str
    machine_boot: str
    mono_ms: int
    data: dict[str, Scalar]

    @property
    def id(self) -> str:
        """Names it for ever."""
        return f"{self.epoch}-{self.seq}"


def json_of(data: Mapping[str, Scalar]) -> bytes:
    """As a message takes it: texts are shortened, and without what UTF-8 can't say.

    Raises:
        ValueError: a value that no message can hold, such as NaN.
    """
    fitting = {
        key: value.encode(errors="replace").decode()[:MOST_LETTERS]
        if isinstance(value, str)
        else value
        for key, value in data.items()
    }
    return _DATA.dump_json(_DATA.validate_python(fitting))


def data_of(raw: bytes) -> dict[str, Scalar]:
    """What `json_of` has written."""
    return _DATA.validate_json(raw)
