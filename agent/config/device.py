"""Device: what it is called, as folders, metrics and topics can have it."""

from __future__ import annotations

import re
import socket
from typing import Annotated, get_args

from pydantic import AfterValidator, WithJsonSchema

from agent.control.ops import Role

_MOST_LETTERS = 64
_PATTERN = rf"[a-z0-9-]{{1,{_MOST_LETTERS}}}"
_RESERVED = ("groups", *get_args(Role))
"""What stands in the place of a device where several are meant, and who a broker knows besides."""


def fit_name(text: str) -> str:
    """A name as it is.

    Raises:
        ValueError: it is not made of a to z, 0 to 9 and -, or too long.
    """
    if not re.fullmatch(_PATTERN, text):
        raise ValueError(f"should be made of a-z, 0-9 and -, at most {_MOST_LETTERS} of them")
    return text


def _fit_device(text: str) -> str:
    if text in _RESERVED:
        raise ValueError("is reserved; give the device another name")
    return fit_name(text)


def device_name(host: str | None = None) -> str:
    """The host's name, made fit: `Gate 7.local` becomes `gate-7-local`."""
    name = socket.gethostname() if host is None else host
    fit = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:_MOST_LETTERS].rstrip("-")
    return fit if fit not in ("", *_RESERVED) else "sfumato"


_SCHEMA = WithJsonSchema({"type": "string", "pattern": f"^{_PATTERN}$"})

StreamName = Annotated[str, AfterValidator(fit_name), _SCHEMA]
"""A folder's name, and a label of metrics."""

GroupName = Annotated[str, AfterValidator(fit_name), _SCHEMA]
"""Of many devices: a level of a topic."""

DeviceName = Annotated[str, AfterValidator(_fit_device), _SCHEMA]
