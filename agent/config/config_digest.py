"""Digest of a configuration: two that say the same have the same one."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import JsonValue

    from agent.config.tree import AgentConfig


def digest(config: AgentConfig) -> str:
    """Of a configuration in full, 64 hex digits; secrets count as they are referred to."""
    return digest_of(config.model_dump(mode="json"))


def digest_of(value: JsonValue) -> str:
    """SHA-256 of a value in JSON, with sorted keys and no blanks, 64 hex digits."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
