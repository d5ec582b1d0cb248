"""Admission: who may come in, from where, with what, and how much they may say."""

from __future__ import annotations

import hmac
import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from agent.errors import UsageError
from agent.live.wire import POLICY, WireError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_TOKEN_CHARACTERS = 16
"""The shortest token: nobody guesses 95 bits over a network. Chosen."""
_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
_PORT = re.compile(r"(:\d{1,5})?")


@dataclass(frozen=True, slots=True)
class Limits:
    """What clients may take; all of it by the design of live display, where nothing else is said.

    Attributes:
        connections: web sockets in all.
        sockets: TCP connections in all, handshakes and pages included; 300 half-open ones did a
            client beside them no harm.
        handshake_s: seconds until a request must be complete.
        hello_s: seconds from then on until the hello must be.
        idle_s: a client that isn't heard of for so long, not even by the answer to a ping, is let
            go; with what a close takes it is less than 15 s.
        pictures_per_s: of a camera.
        texts_per_s: of any client. Chosen: somebody who drags a position bar.
        frames_per_s: of the protocol, of any client, pings and parts of messages included. Chosen:
            several times the pictures, the texts and the answers to pings.
    """

    connections: int = 64
    sockets: int = 512
    handshake_s: float = 5.0
    hello_s: float = 2.0
    idle_s: float = 13.0
    pictures_per_s: float = 60.0
    texts_per_s: float = 20.0
    frames_per_s: float = 500.0


@final
class Pace:
    """How much comes in a second, from one client: a bucket of tokens, two seconds deep.

    Args:
        per_s: so many may come.
        what: in words.
        now: seconds of a clock that only rises.
    """

    _TOLERANCE = 1.05  # a camera's clock is not ours

    def __init__(self, per_s: float, what: str, now: Callable[[], float]) -> None:
        self._per_s, self._what, self._now = per_s, what, now
        self._full = self._left = 2 * per_s
        self._at = now()

    def count(self) -> None:
        """One more has come.

        Raises:
            WireError: it is too much.
        """
        now = self._now()
        self._left += (now - self._at) * self._per_s * self._TOLERANCE
        self._left, self._at = min(self._left, self._full) - 1, now
        if self._left < 0:
            raise WireError(POLICY, f"more than {self._per_s:g} {self._what} a second", "limit")


@final
class Admission:
    """Who may come in.

    That `Origin` is the same as `Host` proves nothing by itself: a name that an attacker points
    at this machine is both. So `Host` has to be in a list, and `Origin` the same as `Host`.

    Args:
        listen: the IP address that is listened on.
        names: hosts by which clients may call this machine, beside that address, and localhost
            where they come from here.
        token: what a client must say first; needed where others than this machine's come in.
        is_private: whether connections are encrypted.

    Raises:
        UsageError: anybody could come in, or a name is none.
    """

    def __init__(
        self, listen: str, names: Iterable[str] = (), token: str | None = None, *, is_private: bool
    ) -> None:
        self._is_private = is_private
        self._token = None if token is None else token.encode()
        self._names = {name.lower() for name in names}
        for name in sorted(self._names):
            if not _NAME.fullmatch(name) and not _is_address(name):
                raise UsageError(f"{name!r} is no name of a host: write it without scheme and port")
        if token is None and not ipaddress.ip_address(listen).is_loopback:
            raise UsageError(
                f"others than this machine can reach {listen}: a token is needed, "
                "in a file that --token-file names"
            )
        if token is not None and not _TOKEN_CHARACTERS <= len(token) <= 256:
            raise UsageError(f"a token has {_TOKEN_CHARACTERS} to 256 characters")

    def knows_host(self, host: str, local: str) -> bool:
        """Whether a request's `Host` is this machine's.

        Args:
            host: the header, with or without port.
            local: the IP address at which the request arrived.
        """
        name = _name_of(host)
        if name is None:
            return False
        here = _address(local)
        return (
            name in self._names
            or (name == "localhost" and here is not None and here.is_loopback)
            or (here is not None and _address(name) == here)
        )

    def knows_origin(self, origin: str | None, host: str) -> bool:
        """Whether a page may open a web socket: one that this server gave, by the same name."""
        scheme, _, rest = (origin or "").partition("://")
        return scheme in ("http", "https") and rest.lower() == host.lower() != ""

    def knows_token(self, token: str | None) -> bool:
        """Whether a client said what it must; takes as long whatever it said."""
        if self._token is None:
            return True
        said = (token or "").encode("utf-8", "surrogatepass")
        return hmac.compare_digest(said, self._token)

    def may_ask(self, peer: str, authorization: str | None) -> bool:
        """Whether a request may see metrics: from this machine, or with the token as its bearer."""
        address = _address(peer)
        if self._token is None or (address is not None and address.is_loopback):
            return True
        scheme, _, token = (authorization or "").partition(" ")
        return scheme.lower() == "bearer" and self.knows_token(token)

    def may_be_camera(self, peer: str) -> bool:
        """Whether pictures may come from this IP address: never in the clear over a network."""
        address = _address(peer)
        return self._is_private or (address is not None and address.is_loopback)


def _name_of(host: str) -> str | None:
    """The name in a `Host` header, in lower case; None where it is none."""
    host = host.lower()
    if host.startswith("["):
        name, bracket, port = host[1:].partition("]")
        return name if bracket and _PORT.fullmatch(port) else None
    name, colon, port = host.partition(":")
    return name if _NAME.fullmatch(name) and _PORT.fullmatch(colon + port) else None


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if address.version == 6 else None
    return mapped or address


def _is_address(text: str) -> bool:
    return _address(text) is not None
