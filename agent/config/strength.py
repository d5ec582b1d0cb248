"""Strength: how much an effect takes away, so that a floor can be kept."""

from __future__ import annotations

from agent.redact.effect import Effect

_STRENGTH = {"blur": 0, "pixelate": 0, "auto": 1, "solid": 2}
"""blur and pixelate leave the same number of cells. `auto` is solid for what can be read and for
what is small, and blur for the rest: nowhere weaker than blur, and not everywhere as strict as
solid, so it lies between."""


def is_weaker(effect: str, than: str) -> bool:
    """Whether an effect leaves more of what it hides than another one, both as `Hiding` has them."""
    return _STRENGTH[Effect.parse(effect).kind] < _STRENGTH[Effect.parse(than).kind]
