"""Compatibility: whether a bundle was made for a newer Sfumato than this one.

A newer Sfumato may add fields that this one refuses, so it is told from two fields alone, whatever
stands beside them.
"""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from models.errors import BundleError

SCHEMA: Literal[1] = 1
"""The kind of manifest that this version reads and writes."""

VERSION_PATTERN = r"^\d{1,4}\.\d{1,4}\.\d{1,4}$"
"""What `min_agent` looks like, in this schema and in those to come."""


class _Stamp(BaseModel):
    """The two fields, whatever they hold."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    schema_: Any = Field(SCHEMA, alias="schema")
    min_agent: Any = None


def check_min_agent(min_agent: str | None) -> None:
    """Refuse what needs a newer Sfumato.

    Args:
        min_agent: the oldest version that can run a bundle, such as 1.2.0; None for any.

    Raises:
        BundleError: this one is older, or has no version because it was never installed.
    """
    if min_agent is None:
        return
    ours = own_version()
    if ours is None or _numbers(ours) < _numbers(min_agent):
        raise BundleError(
            f"the bundle needs Sfumato {min_agent} or newer; "
            f"this is {ours or 'not an installed version'}"
        )


def check_not_newer(manifest: bytes) -> None:
    """Refuse a manifest that was written for a newer Sfumato; nothing else of it is looked at.

    Raises:
        BundleError: it names a version or a schema that is newer than ours.
    """
    try:
        stamp = _Stamp.model_validate_json(manifest)
    except ValidationError:  # no JSON object: whoever reads all of it says so
        return
    if isinstance(stamp.min_agent, str) and re.fullmatch(VERSION_PATTERN, stamp.min_agent):
        check_min_agent(stamp.min_agent)
    if type(stamp.schema_) is int and stamp.schema_ > SCHEMA:
        raise BundleError(
            "the bundle needs a newer Sfumato: "
            f"its manifest has a schema above {SCHEMA}, the newest that this version reads"
        )


def own_version() -> str | None:
    """Of Sfumato; None where it was never installed."""
    # 0.01 s to import, and few bundles ask.
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415

    try:
        return version("sfumato")
    except PackageNotFoundError:
        return None


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", text)[:3])
