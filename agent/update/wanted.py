"""Wanted: which model a device is told to run, by its own topic or by one of its groups."""

from __future__ import annotations

from pydantic import Field

from agent.control.messages import WINDOW_PATTERN
from models.manifest import Sha256  # noqa: TC001 pydantic reads the annotations
from models.strict_model import StrictModel


class Wanted(StrictModel):
    """A bundle, by whom and when it shall run.

    Attributes:
        digest: SHA-256 of the bundle's manifest (`Bundle.digest`), the name of exactly this bundle.
        group: that it is meant for; None: this device alone.
        window: `HH:MM-HH:MM`, UTC, in which it may be switched to; None: at any time.
    """

    rev: int = Field(ge=1)
    name: str
    version: int = Field(ge=1)
    digest: Sha256
    group: str | None = None
    window: str | None = Field(None, pattern=WINDOW_PATTERN)
