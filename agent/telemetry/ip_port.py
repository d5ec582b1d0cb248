"""IP address and port: where something of ours listens."""

from __future__ import annotations

import ipaddress

from agent.errors import UsageError


def ip_and_port(address: str, setting: str) -> tuple[str, int]:
    """Host and port; names are refused, since looking them up could send a packet."""
    host, _, port = address.rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    try:
        ip = ipaddress.ip_address(bare)
        number = int(port)
    except ValueError:
        ip, number = None, -1
    if ip is None or (ip.version == 6) != (bare != host) or not 0 <= number <= 65535:
        raise UsageError(
            f"{setting}: {address!r} is no IP address and port; "
            "write it as 127.0.0.1:9464 or [::1]:9464"
        )
    return bare, number
