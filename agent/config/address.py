"""Address: the parts of a source's URL that matter to secrets, and which URLs are read."""

from __future__ import annotations

import ipaddress
import re
import socket
from urllib.parse import unquote, urlsplit

from agent.config.reference import REFERENCE, check_references

SCHEMES = {"rtsp": 554, "rtsps": 322}
"""With their usual ports."""

_USER_INFO = re.compile(r"(?<=://)[^/?#]*(?=@)")
"""Up to the last @ before the path: a password may hold an @ that nobody encoded."""

_URL = re.compile(r"://\S+")

_IN_QUERY = re.compile(r"(?i)(?:pass(?:word|wd)?|pwd|token)=([^&?#/]*)")
"""Cameras that take it in the path or in the query."""

_REFERRED = "\0"
"""In the place of a reference, where it is asked what stands there literally: no file has it."""

_FITTING = "1"
"""Likewise, where it is asked whether the rest is an address: good as a host and as a port."""

_WHERE = (
    "a password doesn't stand in the file: put it into a credential of the service and write "
    "${credential:NAME} in its place, or ${env:NAME} for one in the environment"
)


def user_info(url: str) -> re.Match[str] | None:
    """What stands between `//` and `@`."""
    return _USER_INFO.search(url)


def password(url: str) -> str | None:
    """The password in a URL's user-info, as it stands there; None where there is none."""
    found = user_info(url)
    return (found[0].partition(":")[2] or None) if found else None


def camera(url: str) -> tuple[str | int, ...]:
    """What URLs of one picture share, whoever asks for it and however it is written; first its host.

    A camera may have names that can't be told from its URL: another address, another path.
    """
    try:
        parts = urlsplit(url)
        if not parts.hostname or parts.scheme not in SCHEMES:
            return (url,)
        port = parts.port or SCHEMES[parts.scheme]
    except ValueError:  # secrets stand in the place of host or port
        return (url,)
    return _one_name(parts.hostname), port, unquote(parts.path).rstrip("/"), unquote(parts.query)


def _one_name(host: str) -> str:
    """A host's name, or its address in the one of many ways to write it."""
    try:
        return socket.inet_ntoa(socket.inet_aton(host))  # 10.5 and 0x0a000005 are 10.0.0.5
    except OSError:
        pass
    try:
        address = ipaddress.IPv6Address(host)
    except ValueError:
        return host.rstrip(".")
    return str(address.ipv4_mapped or address)


def without_passwords(text: str) -> str:
    """A text whose URLs show no user-info and no password that can be told as one."""
    return _URL.sub(lambda found: _masked(found[0]), text)


def _masked(url: str) -> str:
    url = _USER_INFO.sub("***", url)
    return _IN_QUERY.sub(lambda found: found[0][: found.start(1) - found.start()] + "***", url)


def has_password(url: str) -> bool:
    """Whether one stands in it that is no reference to where it is kept."""
    marked = REFERENCE.sub(_REFERRED, url)
    literal = [password(marked), *(found[1] for found in _IN_QUERY.finditer(marked))]
    return any(part and _REFERRED not in part for part in literal)


def checked_template(url: str) -> str:
    """A source's URL as the file has it.

    Raises:
        ValueError: a password stands in it, or something else that no source reads. The message
            doesn't show it.
    """
    check_references(url)
    if has_password(url):
        raise ValueError(_WHERE)
    if not url.startswith("${"):
        check_address(REFERENCE.sub(_FITTING, url))
    return url


def check_address(url: str) -> None:
    """See that a URL can be opened, as far as its text tells.

    Raises:
        ValueError: another scheme than RTSP's, no host, no such port, or signs that may be a part
            of a password. The message doesn't show the URL.
    """
    scheme, found, _ = url.partition("://")
    if not found:
        return
    if scheme.lower() not in SCHEMES:
        raise ValueError("should be rtsp://, rtsps://, a device such as /dev/video0, or a file")
    try:
        parts = urlsplit(url)
        known = parts.port != 0 and parts.hostname
    except ValueError:
        known = False
    if not known or "@" in parts.path + parts.query + parts.fragment:  # a / in a password
        raise ValueError(
            "should be rtsp://USER:PASSWORD@HOST:PORT/PATH; write / ? # and @ elsewhere as %2F %3F "
            "%23 and %40"
        )
