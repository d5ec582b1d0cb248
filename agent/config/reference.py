"""Reference: a secret's place in a text, as `${credential:NAME}` or `${env:NAME}`."""

from __future__ import annotations

import re

REFERENCE = re.compile(
    r"\$\{(?:credential:(?P<credential>[A-Za-z0-9_-][A-Za-z0-9._-]{0,254})"
    r"|env:(?P<env>[A-Za-z_][A-Za-z0-9_]{0,254}))\}"
)
"""A credential's name is that of a file, in one folder and not hidden."""


def check_references(template: str) -> None:
    """See that every `${` begins a reference.

    Raises:
        ValueError: one doesn't.
    """
    if "${" in REFERENCE.sub("", template):
        raise ValueError("${ begins a secret: ${credential:NAME} or ${env:NAME}, nothing else")


def masked(template: str) -> str:
    """The template with *** for every secret."""
    return REFERENCE.sub("***", template)
