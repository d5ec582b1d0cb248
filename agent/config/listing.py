"""Listing: a configuration as YAML, in full, as `load` reads it again."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from agent.config.reference import masked

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from agent.config.origin import Origin
    from agent.config.tree import AgentConfig

_PLAIN = re.compile(
    r"[A-Za-z/][A-Za-z0-9_./-]*(?:://[A-Za-z0-9_./:@*-]*[A-Za-z0-9_/])?|[0-9]+[kKMGT]?i?B"
)
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
"""What some reader of YAML takes for something else than a text."""

_REMARK_COLUMN = 48
"""Where remarks begin. Chosen: behind all but long URLs and paths."""


def listing(config: AgentConfig, origins: Mapping[str, Origin] | None = None) -> str:
    """A configuration, with *** for every secret.

    Args:
        config: what is shown.
        origins: where each value came from, by its dotted path; None where nobody asks.
    """
    return "".join(f"{line}\n" for line in _lines(config.model_dump(mode="json"), origins or {}))


def inline(value: Any) -> str:
    """A value in one line."""
    if isinstance(value, list):
        return f"[{', '.join(map(inline, value))}]"
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    escaped = not str(value).isprintable()  # a folder's name that is no UTF-8
    return json.dumps(value, ensure_ascii=escaped)


def _lines(
    section: Mapping[str, Any], origins: Mapping[str, Origin], path: tuple[str, ...] = ()
) -> Iterator[str]:
    for name, value in section.items():
        where = (*path, name)
        head = f"{'  ' * len(path)}{inline(name)}:"
        if isinstance(value, dict):
            yield head
            yield from _lines(value, origins, where)
            continue
        line = f"{head} {inline(masked(value) if name == 'url' else value)}"
        origin = origins.get(".".join(where))
        yield f"{line:<{_REMARK_COLUMN}}  # {origin}" if origin else line
