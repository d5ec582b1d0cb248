"""Server: the web server that a repository's files lie on, asked by HTTP and believed in nothing.

Only a worker's process imports this: `httpx` takes 0.15 s and 19 MB.
"""

from __future__ import annotations

import ssl
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx

from agent.release import VERSION
from agent.update.ports import RefusedError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from typing_extensions import Self

_MOST_REDIRECTS = 3
_LATER = {408, 425, 429}
"""Codes of RFC 9110 and 6585 by which a server asks to be asked again; all of 5xx, too."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a server may take; chosen, not measured.

    Attributes:
        connect_s: until it is there.
        stall_s: without a byte.
    """

    connect_s: float = 15.0
    stall_s: float = 30.0


PATIENCE = Patience()


class Server:
    """One server; a context, in which its connections are kept.

    The operating system's certificates are what is believed, and `SSL_CERT_FILE`; `HTTPS_PROXY` is
    used where it is set.

    Args:
        base: of all files, `https://HOST/PATH/`; `http://` is not worse for what is verified, but
            whoever is on the way sees what is fetched and can withhold it.

    Raises:
        UnavailableError: it is no such address.
    """

    def __init__(self, base: str, patience: Patience = PATIENCE) -> None:
        try:
            self._base = httpx.URL(base if base.endswith("/") else f"{base}/")
        except httpx.InvalidURL as error:
            raise UnavailableError(f"update.repository is no address ({error})") from error
        if self._base.scheme not in {"https", "http"} or not self._base.host:
            raise UnavailableError("update.repository should begin with https:// and a host")
        is_secure = self._base.scheme == "https"
        believed = ssl.create_default_context() if is_secure else _nobody()
        self._client = httpx.Client(
            verify=believed,
            timeout=httpx.Timeout(patience.stall_s, connect=patience.connect_s),
            headers={"User-Agent": f"sfumato/{VERSION}", "Accept-Encoding": "identity"},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    @property
    def name(self) -> str:
        """For messages: without what may be secret in an address."""
        return self._base.host

    def url(self, path: str) -> str:
        """Of a file; every part of `path` is a name."""
        return str(self._base.join(path))

    @contextmanager
    def get(self, url: str, headers: Mapping[str, str] | None = None) -> Iterator[httpx.Response]:
        """What it answers, body unread: 2xx, or 4xx that says that there is no such thing.

        Raises:
            UnavailableError: it can't be reached, or asks to be asked later; also while the body is
                read within this context.
            RefusedError: it sends one to another server, or around in circles.
        """
        try:
            response = self._followed(httpx.URL(url), dict(headers or {}))
            try:
                if response.status_code >= 500 or response.status_code in _LATER:
                    raise UnavailableError(f"{self.name} answers {said(response)}")
                yield response
            finally:
                response.close()
        except httpx.TransportError as error:
            raise UnavailableError(f"{self.name}: {_why(error)}") from error

    def _followed(self, url: httpx.URL, headers: dict[str, str]) -> httpx.Response:
        """Its answer, where redirects of its own lead."""
        for _ in range(_MOST_REDIRECTS + 1):
            request = self._client.build_request("GET", url, headers=headers)
            response = self._client.send(request, stream=True)
            if response.next_request is None:
                return response
            response.close()
            there = response.next_request.url
            if (there.scheme, there.host, there.port) != (url.scheme, url.host, url.port):
                raise RefusedError(
                    f"{self.name} redirects to {there.scheme}://{there.host}, another server; "
                    "update.repository should name the one that has the files"
                )
            url = there
        raise RefusedError(f"{self.name} redirects more than {_MOST_REDIRECTS} times")


def _nobody() -> ssl.SSLContext:
    """Believes no certificate: reading the system's takes 30 ms, and there is none to come."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def said(response: httpx.Response) -> str:
    """The first line of an answer."""
    return f"{response.status_code} {response.reason_phrase[:60]}".strip()


def _why(error: httpx.TransportError) -> str:
    """What went wrong on the way, in a few words."""
    if isinstance(error, httpx.ConnectTimeout):
        return "can't be reached in time"
    if isinstance(error, httpx.TimeoutException):
        return "stopped sending"
    kind = "can't be reached" if isinstance(error, httpx.ConnectError) else "broke off"
    return f"{kind} ({str(error)[:120] or type(error).__name__})"
