"""YAML files that an operator writes, read as a device reads its own: `no` and `12:30` are words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def read_yaml(path: Path) -> object:
    """What a YAML or JSON file holds.

    Raises:
        UsageError: it can't be read, or is no YAML.
    """
    from agent.config.document import read_document
    from agent.config.expansion import plain

    return plain(read_document(path))


def to_yaml(value: object) -> str:
    """A value as YAML, one key a line, in the order in which they stand."""
    import yaml

    return str(yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=10_000))
