"""Digest of a configuration: two that say the same have the same one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.digest import json_sha256

if TYPE_CHECKING:
    from agent.config.tree import AgentConfig


def digest(config: AgentConfig) -> str:
    """Of a configuration in full, 64 hex digits; secrets count as they are referred to."""
    return json_sha256(config.model_dump(mode="json"))
