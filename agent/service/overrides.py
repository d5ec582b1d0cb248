"""Overrides: which streams an operator paused, and until when; over whatever the configuration says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agent.control.messages import Override

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

MAX_STRAYS = 64
"""Pauses of streams that the configuration doesn't have which are kept. Chosen, not measured: what
comes back after a mistake in a file shall still be paused, and the list has an end."""


@dataclass(frozen=True, slots=True)
class Overrides:
    """Pure: who changes them gets others.

    Attributes:
        paused: Unix time at which a stream resumes by itself, by its name, the oldest pause first;
            None: it is resumed when somebody says so.
    """

    paused: Mapping[str, float | None] = field(default_factory=dict)

    def pause(self, streams: Collection[str], until: float | None) -> Overrides:
        """With these paused, whatever they were before."""
        others = self.resume(streams).paused
        return Overrides({**others, **dict.fromkeys(streams, until)})

    def resume(self, streams: Collection[str]) -> Overrides:
        """Without pauses of these."""
        return Overrides({name: at for name, at in self.paused.items() if name not in streams})

    def current(self, now: float | None, streams: Collection[str]) -> Overrides:
        """Without what is over, and without the oldest of too many whose stream is gone.

        Args:
            now: Unix time; None where the clock is not to be believed, and nothing is over.
            streams: those that there are.
        """
        lasting = {
            name: at for name, at in self.paused.items() if at is None or now is None or now < at
        }
        strays = [name for name in lasting if name not in streams]
        gone = strays[: max(0, len(strays) - MAX_STRAYS)]
        return Overrides({name: at for name, at in lasting.items() if name not in gone})

    def to_messages(self) -> tuple[Override, ...]:
        """As a device reports them."""
        return tuple(
            Override(stream=name, paused=True, until=at) for name, at in self.paused.items()
        )
