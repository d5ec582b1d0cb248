"""Choices: what commands remember of bundles on this machine, and what they say of them."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from agent.cli.printable import printable

if TYPE_CHECKING:
    from models.runtime.choice_cache import ChoiceCache
    from models.runtime.choose import Chosen


def user_cache() -> Path | None:
    """The folder for what a program may lose (XDG Base Directory Specification 0.8).

    None where a person has no home: everything is tried, and built, anew.
    """
    named = os.environ.get("XDG_CACHE_HOME", "")
    try:
        # What is not absolute is to be ignored, says the specification.
        folder = Path(named) if os.path.isabs(named) else Path.home() / ".cache"  # noqa: PTH117
    except RuntimeError:
        return None
    return folder / "sfumato"


def user_choices() -> ChoiceCache | None:
    """Which of a bundle's files suits this machine, as far as it was found out."""
    from models.runtime.choice_cache import CHOICES, ChoiceCache

    folder = user_cache()
    return None if folder is None else ChoiceCache(folder / CHOICES)


def user_engines() -> Path | None:
    """Where engines are kept that were built for this machine."""
    from models.runtime.tensorrt_backend import ENGINES

    folder = user_cache()
    return None if folder is None else folder / ENGINES


def user_trials() -> Path | None:
    """The file that remembers which decoders and encoders in hardware passed their trials."""
    from agent.video.verdicts import VERDICTS

    folder = user_cache()
    return None if folder is None else folder / VERDICTS


def warn_of_faulty_files(chosen: Chosen) -> None:
    """Say what is wrong with files of a bundle that runs by another one."""
    for each in chosen.candidates:
        if each.is_faulty:
            print(
                f"sfumato: warning: {printable(each.line)}; "
                f"{chosen.precision} on {chosen.runtime} runs instead",
                file=sys.stderr,
            )
