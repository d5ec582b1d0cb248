"""PageFiles: the page and what it loads, read once; and what a browser is told to keep it from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from agent.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; worker-src 'self'; connect-src 'self'; media-src 'self' blob:; "
        "img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
"""Of every answer. `connect-src 'self'` covers the web socket: browsers take ws: and wss: of the same
host and port as the page's for that. `blob:` is what MediaSource plays."""


@dataclass(frozen=True, slots=True)
class PageFile:
    """A file as it is sent."""

    kind: str
    content: bytes


@final
class PageFiles:
    """The files of one folder, by their path in an address.

    Raises:
        InputError: the folder has no index.html.
    """

    def __init__(self, folder: Path) -> None:
        self._files = (
            {
                f"/{path.name}": PageFile(_TYPES[path.suffix], path.read_bytes())
                for path in folder.iterdir()
                if path.suffix in _TYPES
            }
            if folder.is_dir()
            else {}
        )
        if "/index.html" not in self._files:
            raise InputError(f"there is no page in {folder}: this installation lacks its files")
        self._files["/"] = self._files["/index.html"]

    def at(self, path: str) -> PageFile | None:
        """What an address's path names; None for whatever else."""
        return self._files.get(path)
