"""YAML files that an operator writes, read as a device reads its own: `no` and `12:30` are words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def read_yaml(path: Path) -> dict[str, object]:
    """The `key: value` lines of a YAML or JSON file.

    Raises:
        UsageError: it can't be read, or holds something else.
    """
    from agent.config.document import read_document
    from agent.config.expansion import plain

    found = plain(read_document(path))
    return found if isinstance(found, dict) else {}  # which no document is


def to_yaml(value: object) -> str:
    """A value as YAML, one key a line, in the order in which they stand."""
    import yaml

    return str(yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=10_000))
