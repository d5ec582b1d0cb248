"""TLS: what a connection to a broker is encrypted with."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from agent.errors import InputError

if TYPE_CHECKING:
    import socket

    from agent.control.broker import Tls


class _NamedContext(ssl.SSLContext):
    """Expects the certificate of `host`, whichever of its addresses was connected to.

    Shakes hands at once: paho would leave a socket open whose handshake fails.
    """

    host: str

    def wrap_socket(
        self,
        sock: socket.socket,
        server_side: bool = False,
        do_handshake_on_connect: bool = True,
        suppress_ragged_eofs: bool = True,
        server_hostname: str | bytes | None = None,  # noqa: ARG002 an address
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLSocket:
        wrapped = super().wrap_socket(
            sock, server_side, do_handshake_on_connect, suppress_ragged_eofs, self.host, session
        )
        try:
            wrapped.do_handshake()
        except BaseException:
            wrapped.close()
            raise
        return wrapped


def context_of(tls: Tls, host: str) -> ssl.SSLContext:
    """What to connect to `host` with, its files read anew: a certificate may have been renewed.

    Raises:
        InputError: a file can't be read, or isn't what it should be.
    """
    context = _NamedContext(ssl.PROTOCOL_TLS_CLIENT)  # which checks certificate and name
    context.host = host
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if tls.ca is None:
        context.load_default_certs()
    else:
        try:
            context.load_verify_locations(tls.ca)
        except OSError as error:
            raise InputError(f"can't read certificates of {tls.ca} (ca): {error}") from error
    if tls.cert is not None:
        try:
            context.load_cert_chain(
                tls.cert, tls.key, password=""
            )  # else it would ask the terminal
        except OSError as error:
            raise InputError(f"can't use {tls.cert} with {tls.key} (cert, key): {error}") from error
    return context
