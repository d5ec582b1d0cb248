"""Broker: where a control plane connects to, and as whom."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Tls:
    """What a connection is encrypted with.

    Attributes:
        ca: certificates that the broker's must descend from; None: those that the system trusts.
        cert: of this side, in PEM, with those between it and the CA; None: it shows none.
        key: that belongs to it.
    """

    ca: Path | None
    cert: Path | None = None
    key: Path | None = None


@dataclass(frozen=True, slots=True)
class Broker:
    """Where to connect to.

    Attributes:
        tls: None: not encrypted, which is for this machine's own broker only.
        session_expiry_s: how long the broker keeps what a device that is away has not got yet.
        jitter_s: the first connection comes after a random part of this.
    """

    host: str
    port: int
    version: Literal["5", "3.1.1"] = "5"
    tls: Tls | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    session_expiry_s: int = 604800
    jitter_s: float = 10.0


def is_loopback(host: str) -> bool:
    """Whether a host's name or address is this machine itself, so that nobody can listen in."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
