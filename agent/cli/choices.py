"""Choices: where commands remember which of a bundle's files suits this machine, and what they say."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from agent.cli.printable import printable

if TYPE_CHECKING:
    from models.runtime.choice_cache import ChoiceCache
    from models.runtime.choose import Chosen


def user_choices() -> ChoiceCache | None:
    """In the folder for what a program may lose (XDG Base Directory Specification 0.8).

    None where a person has no home: everything is tried anew.
    """
    from models.runtime.choice_cache import ChoiceCache

    named = os.environ.get("XDG_CACHE_HOME", "")
    try:
        # What is not absolute is to be ignored, says the specification.
        folder = Path(named) if os.path.isabs(named) else Path.home() / ".cache"  # noqa: PTH117
    except RuntimeError:
        return None
    return ChoiceCache(folder / "sfumato" / "network-choices.json")


def warn_of_faulty_files(chosen: Chosen) -> None:
    """Say what is wrong with files of a bundle that runs by another one."""
    for each in chosen.candidates:
        if each.is_faulty:
            print(
                f"sfumato: warning: {printable(each.line)}; {chosen.precision} runs instead",
                file=sys.stderr,
            )
