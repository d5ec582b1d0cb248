"""Runtimes: what the agent will ask for its network here, and what it found out about a bundle.

Asked in a child: TensorRT and the GPU are opened as the agent opens them, and nothing is built.
"""

from __future__ import annotations

import os
from pathlib import Path

from models.bundle import Bundle
from models.runtime.backends import device_backends
from models.runtime.choice_cache import CHOICES, ChoiceCache
from models.runtime.choose import remembered_choice
from models.runtime.cuda.machine import machine_gpu
from models.signing import load_public

_NOWHERE = Path(os.devnull)
"""Below what is no folder nothing is kept."""


def reasons() -> list[tuple[str, str | None]]:
    """Each runtime by its name, the preferred one first, and why it can't run anything here."""
    return [(backend.name, backend.why_not()) for backend in device_backends()]


def gpu() -> tuple[str, str, str]:
    """The GPU as the agent sees it: its name, its compute capability, its driver's CUDA.

    Raises:
        InferenceError: there is none that can be used.
    """
    known = machine_gpu(_NOWHERE).identity
    return known.name, known.compute_capability, known.driver


def remembered(
    bundle: str, trust: list[str], allow_unsigned: bool, state: str
) -> list[tuple[str, bool]] | None:
    """A line of each candidate, and whether something is wrong with it; None: it was never tried.

    Args:
        state: the folder where the agent keeps what outlives it.

    Raises:
        ModelError: the bundle may not run.
    """
    keys = [load_public(Path(path)) for path in trust]
    opened = Bundle.reopen(Path(bundle), keys, allow_unsigned=allow_unsigned)
    cache = ChoiceCache(Path(state) / CHOICES)
    choice = remembered_choice(opened, backends=device_backends(), cache=cache)
    if choice is None:
        return None
    return [
        (f"{each.line}{' (chosen)' * (each.outcome == 'chosen')}", each.is_faulty)
        for each in choice
    ]
