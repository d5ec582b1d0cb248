"""Whether a source is there at all: a cheap look before one is opened."""

from __future__ import annotations

import socket
from pathlib import Path
from urllib.parse import urlsplit

_TIMEOUT_S = 1.0
_PORTS = {"rtsp": 554, "rtsps": 322}


def is_there(url: str) -> bool:
    """Whether a camera's port answers, or a device or a file can be seen; within a second.

    A name that has to be looked up takes as long as the resolver does.
    """
    try:
        parts = urlsplit(url)
        if parts.scheme not in _PORTS:
            return Path(url).exists()
        address = parts.hostname or "", parts.port or _PORTS[parts.scheme]
        with socket.create_connection(address, _TIMEOUT_S):
            return True
    except (OSError, ValueError):
        return False
