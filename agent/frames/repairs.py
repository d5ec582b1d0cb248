"""Repairs: what was amiss with the times that a source gave."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Repairs:
    """How often a source's own word could not be taken.

    Attributes:
        pictures: without a time of their own that could be used; they follow those before.
        sound: packets of sound, likewise.
        sound_lost: packets of sound that no output would take.
        jumps: of the clock that all streams share, closed: recordings were joined.
    """

    pictures: int = 0
    sound: int = 0
    sound_lost: int = 0
    jumps: int = 0

    def __add__(self, other: Repairs) -> Repairs:
        """Of both together."""
        return Repairs(
            self.pictures + other.pictures,
            self.sound + other.sound,
            self.sound_lost + other.sound_lost,
            self.jumps + other.jumps,
        )
