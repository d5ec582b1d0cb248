"""ChoiceCache: which file of a bundle suited this machine, so that it is not tried at every start.

It holds what was chosen, and no trust: what runs are the bytes of the verified bundle. Whatever is
wrong with the file, the networks are tried anew.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any, get_args

from models.kept_entries import KeptEntries
from models.manifest import Role, RuntimeName
from models.runtime.candidate import MOST_LETTERS, Candidacy, Choice, Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

CHOICES = "network-choices.json"
"""The file's name, in whichever folder."""

_FORMAT = 2
"""Of the file, and of the trial: raised where another trial could choose otherwise."""

_MOST_CHOICES = 16
"""Of the file; the oldest gives way. Chosen, not measured: more bundles than a device has."""

_MOST_BYTES = 1 << 18
"""Of the file: several times what is written."""


def key_of(digest: str, threads: int, runtimes: Sequence[str], cpu: str, version: str) -> str:
    """Names the circumstances of a choice: another key where any of it differs.

    Args:
        digest: of the bundle, and so of its files, sizes and golden frames.
        threads: of a run.
        runtimes: each with its version, or with what this machine lacks of it.
        cpu: the processor and its instructions.
        version: of ours.
    """
    parts = [_FORMAT, digest, threads, [*runtimes], cpu, version]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


class ChoiceCache:
    """A file that need not be there, nor whole, nor in a place that can be written.

    Args:
        path: of it; its folder is made.
    """

    def __init__(self, path: Path) -> None:
        self._entries = KeptEntries(path, "choices", _FORMAT, _MOST_CHOICES, _MOST_BYTES)

    def get(self, key: str) -> Choice | None:
        """What was chosen under the same circumstances, if anybody knows."""
        with suppress(KeyError, TypeError, ValueError):
            return _choice(self._entries.read()[key])
        return None

    def put(self, key: str, choice: Choice) -> None:
        """Keep a choice, if that can be done."""
        self._entries.put(key, [[e.role, e.outcome, e.said, e.runtime] for e in choice])


def _choice(said: Any) -> Choice:
    """What stands in the file, if it is what was written.

    Raises:
        TypeError, ValueError: it is not.
    """
    found = tuple(Candidacy(*each) for each in said)
    for each in found:
        known = each.role in (None, *get_args(Role)), each.outcome in get_args(Outcome)
        if not all(known) or each.runtime not in (None, *get_args(RuntimeName)):
            raise ValueError("an unknown word")
        if not isinstance(each.said, str) or len(each.said) > MOST_LETTERS:
            raise ValueError("no reason")
    chosen = [each for each in found if each.outcome == "chosen"]
    if len(chosen) != 1 or not (chosen[0].role and chosen[0].runtime):
        raise ValueError("not one that was chosen")
    return found
