"""Failure: why there is no connection, in one line that says what to do."""

from __future__ import annotations

import socket
import ssl
import time
from typing import TYPE_CHECKING

from agent.errors import InputError

if TYPE_CHECKING:
    from agent.control.broker import Broker

CLOCK = "clock"
"""The first word, where this device's clock is before the beginning of the broker's certificate."""

LEFT = "stopped"
"""All of it, where this side ended the connection."""

_NOT_YET_VALID, _EXPIRED = 9, 10
_OTHER_NAME, _OTHER_ADDRESS = 62, 64
"""OpenSSL's X509_V_ERR_…"""

_BY_BROKER = {
    "Unsupported protocol version": "set version to the one it speaks",
    "Bad user name or password": "check username and password",
    "Not authorized": "check that it knows this device's name, password and certificate",
    "Client identifier not valid": "check the device's name",
}
_ALERTS = {
    "CERTIFICATE_REQUIRED": "it wants a certificate: set cert and key",
    "CERTIFICATE_EXPIRED": "this device's certificate has expired, or is not yet valid: renew it",
    "CERTIFICATE_REVOKED": "this device's certificate was revoked: ask for another one",
    "UNKNOWN_CA": "this device's certificate is of a CA that it does not know: check cert",
    "BAD_CERTIFICATE": "this device's certificate is not valid: check cert",
    "PROTOCOL_VERSION": "it speaks none of TLS 1.2 and 1.3",
}


def while_connecting(error: Exception, broker: Broker) -> str:
    """Why a connection could not be made."""
    at = f"{broker.host}:{broker.port}"
    if isinstance(error, InputError):
        return str(error)
    if isinstance(error, socket.gaierror):
        return f"{broker.host} has no address: {error.strerror or error}; check host and DNS"
    if isinstance(error, ssl.SSLCertVerificationError):
        return _of_certificate(error, broker.host)
    if isinstance(error, TimeoutError):
        return f"{at}: {error}; check the network"
    if isinstance(error, ConnectionRefusedError):
        return f"nobody listens at {at}; check host and port"
    if isinstance(error, ssl.SSLError):
        return f"{at}: no TLS: {error}; check port"
    return f"{at}: {error}"


def by_broker(answer: str) -> str:
    """Why the broker does not let this device in.

    Args:
        answer: the name of its reason code.
    """
    hint = _BY_BROKER.get(answer)
    return f"the broker refuses the connection: {answer}" + (f"; {hint}" if hint else "")


def of_connection(said: str, has_let_in: bool) -> str:
    """Why a connection is gone.

    With TLS 1.3 a broker looks at a certificate only after the handshake. Where it refuses one, it
    says so and hangs up; who is about to speak then may hear only the latter.

    Args:
        said: what was read from its socket instead of a message, or the name of a reason code.
        has_let_in: whether the broker has answered, or asks for no certificate.
    """
    for alert, hint in _ALERTS.items():
        if f"ALERT_{alert}" in said.upper().replace(" ", "_"):
            return f"the broker refuses the connection: {hint}"
    if not has_let_in:
        return f"the broker hung up, and may not accept cert; its log says why: {said}"
    return f"the connection broke: {said}"


def _of_certificate(error: ssl.SSLCertVerificationError, host: str) -> str:
    code = error.verify_code
    if code == _NOT_YET_VALID:
        today = time.strftime("%Y-%m-%d", time.gmtime())
        return f"{CLOCK}: the broker's certificate is not valid yet, and it is {today} here; set it"
    if code == _EXPIRED:
        return "the broker's certificate has expired, or this device's clock is ahead; renew it"
    if code in {_OTHER_NAME, _OTHER_ADDRESS}:
        return f"the broker's certificate is not for {host}; check host"
    said = error.verify_message
    return f"the broker's certificate is not of a CA that is known here: {said}; check ca"
