"""ChoiceCache: which file of a bundle suited this machine, so that it is not tried at every start.

It holds what was chosen, and no trust: what runs are the bytes of the verified bundle. Whatever is
wrong with the file, the networks are tried anew.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any, get_args

from models.manifest import Role
from models.runtime.candidate import MOST_LETTERS, Candidacy, Choice, Outcome
from models.whole_file import whole_file

if TYPE_CHECKING:
    from pathlib import Path

_FORMAT = 1
"""Of the file, and of the trial: raised where another trial could choose otherwise."""

_MOST_CHOICES = 16
"""Of the file; the oldest gives way. Chosen, not measured: more bundles than a device has."""

_MOST_BYTES = 1 << 18
"""Of the file: several times what is written."""


def key_of(digest: str, threads: int, runtime: str, cpu: str, version: str) -> str:
    """Names the circumstances of a choice: another key where any of it differs.

    Args:
        digest: of the bundle, and so of its files, sizes and golden frames.
        threads: of a run.
        runtime: version of what ran the files.
        cpu: the processor and its instructions.
        version: of ours.
    """
    parts = [_FORMAT, digest, threads, runtime, cpu, version]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


class ChoiceCache:
    """A file that need not be there, nor whole, nor in a place that can be written.

    Args:
        path: of it; its folder is made.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def get(self, key: str) -> Choice | None:
        """What was chosen under the same circumstances, if anybody knows."""
        with suppress(KeyError, TypeError, ValueError):
            return _choice(self._read()[key])
        return None

    def put(self, key: str, choice: Choice) -> None:
        """Keep a choice, if that can be done."""
        kept = [(old, said) for old, said in self._read().items() if old != key]
        new = (key, [[each.role, each.outcome, each.said] for each in choice])
        document = {"v": _FORMAT, "choices": dict([*kept, new][-_MOST_CHOICES:])}
        with suppress(OSError):
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with whole_file(self._path) as file:
                file.write(json.dumps(document, indent=1).encode())

    def _read(self) -> dict[str, Any]:
        """What was chosen by key, unchecked."""
        try:
            with self._path.open("rb") as file:
                document = json.loads(file.read(_MOST_BYTES))
        except (OSError, ValueError, RecursionError):  # ValueError: it is no JSON, or no text
            return {}
        known = isinstance(document, dict) and document.get("v") == _FORMAT
        choices = document.get("choices") if known else None
        return choices if isinstance(choices, dict) else {}


def _choice(said: Any) -> Choice:
    """What stands in the file, if it is what was written.

    Raises:
        TypeError, ValueError: it is not.
    """
    found = tuple(Candidacy(*each) for each in said)
    for each in found:
        if each.role not in get_args(Role) or each.outcome not in get_args(Outcome):
            raise ValueError("an unknown word")
        if not isinstance(each.said, str) or len(each.said) > MOST_LETTERS:
            raise ValueError("no reason")
    if [each.outcome for each in found].count("chosen") != 1:
        raise ValueError("not one that was chosen")
    return found
