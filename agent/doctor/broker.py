"""Whether the broker of the configuration can be reached, and its keys are kept from others."""

from __future__ import annotations

import shlex
import socket
import stat
from typing import TYPE_CHECKING

from agent.control import failure
from agent.control.tls import context_of
from agent.doctor.finding import Finding
from agent.errors import InputError

if TYPE_CHECKING:
    import ssl
    from pathlib import Path

    from agent.control.broker import Broker

_STEP_S = 10.0
"""For a connection and a handshake, each; as the agent has it."""

_ALERT_S = 0.5
"""With TLS 1.3 a broker judges a certificate after the handshake: how long it may take to hang up.
Chosen, not measured; a slower one is found out by the agent, whose status says so."""


def look_at_broker(broker: Broker, credentials: Path, config: Path) -> Finding:
    """Connect, shake hands, and say nothing: the agent that may be connected stays so.

    Args:
        credentials: the folder that systemd hands to the service.
        config: the file that names the broker.
    """
    at = f"{broker.host}:{broker.port}"
    if fault := _fault(broker):
        command = f"sfumato config show {shlex.quote(str(config))} --origin"
        return Finding("broker", "missing", fault, command, needed=True)
    if (key := broker.tls.key if broker.tls else None) and _is_open(key):
        command = f"sudo chmod 600 {shlex.quote(str(key))}"
        return Finding("broker", "warning", f"others can read the key {key}", command)
    if _is_open(credentials):
        command = f"sudo chmod 700 {shlex.quote(str(credentials))}"
        return Finding("broker", "warning", f"others can look into {credentials}", command)
    how = "with TLS" if broker.tls else "unencrypted, on this machine"
    return Finding("broker", "ok", f"{at} answers, {how}; whom it lets in, it says to the agent")


def _is_open(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))
    except OSError:  # which the connection says
        return False


def _fault(broker: Broker) -> str:
    """Why there is no connection; empty where there is one."""
    try:
        context = context_of(broker.tls, broker.host) if broker.tls else None
        with socket.create_connection((broker.host, broker.port), _STEP_S) as plain:
            if context is None:
                return ""
            with context.wrap_socket(plain) as wrapped:
                return _alert(wrapped)
    except (InputError, OSError) as error:
        return failure.while_connecting(error, broker)


def _alert(wrapped: ssl.SSLSocket) -> str:
    wrapped.settimeout(_ALERT_S)
    try:
        heard = wrapped.recv(1)
    except TimeoutError:
        return ""
    except OSError as error:
        return failure.of_connection(str(error), has_let_in=False)
    return "" if heard else failure.of_connection("it hung up", has_let_in=False)
