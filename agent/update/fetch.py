"""Fetch: have all bytes of an offer on the disk, from a server that may stop, stall or lie.

What lies on the disk is never more than what was signed. A file's address holds its SHA-256, so
its bytes never change: what was there before a kill is gone on from, and nothing about it need be
remembered. If the whole has another SHA-256 after that, it is fetched once more from the start.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import time
from typing import TYPE_CHECKING

from agent.update.ports import RefusedError, UnavailableError
from agent.update.web_server import said
from models.offer import TARGETS
from models.part_file import sync

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import httpx
    from typing_extensions import Self

    from agent.update.web_server import Server
    from models.offer import Offer

_READ_BYTES = 1 << 20
_MOST_RESTARTS = 3
"""Of one fetch: the server knows no ranges, or says that its file has changed. Chosen, not measured."""

_LEAST_S, _LEAST_BYTES_PER_S = 120.0, 4096.0
"""A fetch may take this long, and as much as its size takes at this rate. Chosen, not measured: a
modem of 2400 baud is slower. It ends as what is unavailable, and the next goes on at its byte."""

_CONTENT_RANGE = re.compile(r"bytes (\d{1,15})-\d{1,15}/(\d{1,15}|\*)")


def limit_s(length: int) -> float:
    """Seconds that a fetch of so many bytes may take."""
    return _LEAST_S + length / _LEAST_BYTES_PER_S


def fetch(
    server: Server,
    offer: Offer,
    part: Path,
    progress: Callable[[float], None] = lambda _: None,
    *,
    now: Callable[[], float] = time.monotonic,
) -> None:
    """Have all bytes of an offer in `part`, verified and on the disk; goes on where it stopped.

    Args:
        progress: is told a share, 0 to 1, each time that it is one percent more.
        now: a clock for `limit_s`.

    Raises:
        UnavailableError: the server can't be reached, or stopped sending; `part` stays.
        RefusedError: it sends something else, or there is no room; `part` is gone.
    """
    try:
        with _Download(server, offer, part, progress, now) as download:
            download.run()
        sync(part.parent)
    except RefusedError:
        part.unlink(missing_ok=True)
        raise
    except OSError as error:
        part.unlink(missing_ok=True)
        what = "no room" if error.errno in {errno.ENOSPC, errno.EDQUOT} else "can't be written"
        raise RefusedError(f"{part}: {what} ({error.strerror})") from error


class _Download:
    """A file that grows to what is offered; a context.

    Attributes:
        at: bytes that are there.
    """

    def __init__(
        self,
        server: Server,
        offer: Offer,
        part: Path,
        progress: Callable[[float], None],
        now: Callable[[], float],
    ) -> None:
        self._server, self._offer, self._progress, self._now = server, offer, progress, now
        self._url = server.url(f"{TARGETS}/{offer.sha256}.{offer.custom.path}")
        self._until_s = now() + limit_s(offer.length)
        self._restarts, self._received, self._percent, self._etag = 0, 0, -1, ""
        self._file = os.open(part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        self.at = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)

    def run(self) -> None:
        """Until all of it is there, and is what was signed."""
        self._take_up()
        resumed = self.at > 0
        self._complete()
        if self._is_wrong() and resumed:  # what an earlier run left may be what is wrong
            self._begin_anew()
            self._complete()
        if self._is_wrong():
            raise RefusedError(f"{self._server.name} sends other bytes than those that were signed")
        os.fsync(self._file)

    def _take_up(self) -> None:
        """Go on from what an earlier run left."""
        self._hash = hashlib.sha256()
        if os.fstat(self._file).st_size > self._offer.length:
            os.ftruncate(self._file, 0)
        while data := os.read(self._file, _READ_BYTES):
            self._hash.update(data)
            self.at += len(data)

    def _begin_anew(self) -> None:
        self._restarts += 1
        if self._restarts > _MOST_RESTARTS:
            raise UnavailableError(f"{self._server.name} begins the file anew each time")
        os.ftruncate(self._file, 0)
        os.lseek(self._file, 0, os.SEEK_SET)
        self._hash, self.at = hashlib.sha256(), 0

    def _is_wrong(self) -> bool:
        return self._hash.hexdigest() != self._offer.sha256

    def _complete(self) -> None:
        """Ask for what is missing, as long as something comes."""
        while self.at < self._offer.length:
            before = self._received
            try:
                is_whole = self._ask()
            except UnavailableError:
                if self._received <= before or self._is_late():
                    raise
            else:
                if is_whole and self._received <= before:
                    raise self._lies(f"{self.at} bytes")

    def _ask(self) -> bool:
        """Have the server send what is missing, or begin anew; whether it sent all that it would."""
        headers = {"Range": f"bytes={self.at}-"} if self.at else {}
        if self.at and self._etag:
            headers["If-Range"] = self._etag
        with self._server.get(self._url, headers) as response:
            if not self._is_next(response):
                return False
            for data in response.iter_raw():
                self._take(data)
                if self._is_late():
                    raise UnavailableError(f"{self._server.name} sends too slowly")
        return True

    def _is_next(self, response: httpx.Response) -> bool:
        """Whether what comes is what is missing; else it has to be asked for anew.

        Raises:
            UnavailableError: that was so several times.
            RefusedError: what comes is not the file.
        """
        etag = response.headers.get("ETag", "")
        changed = bool(self.at and self._etag and etag != self._etag)
        if response.status_code == 206:
            self._check_range(response.headers.get("Content-Range", ""))
            if changed:
                self._begin_anew()
        elif response.status_code == 200:
            size = response.headers.get("Content-Length", "").strip()
            if size and size != str(self._offer.length):
                raise self._lies(f"{size[:20]} bytes")
            if self.at:
                self._begin_anew()
        else:
            raise RefusedError(f"{self._server.name} answers {said(response)}")
        self._etag = "" if etag.startswith("W/") else etag  # RFC 9110, 13.1.5: strong ones only
        return not (changed and response.status_code == 206)

    def _check_range(self, said_range: str) -> None:
        found = _CONTENT_RANGE.fullmatch(said_range.strip())
        if found is None or int(found[1]) != self.at:
            raise self._lies("another part than it was asked for")
        if found[2] not in {"*", str(self._offer.length)}:
            raise self._lies(f"a part of {found[2]} bytes")

    def _take(self, data: bytes) -> None:
        """Write what came, as far as it was signed."""
        self._received += len(data)
        if self.at + len(data) > self._offer.length:
            raise self._lies("more bytes")
        view = memoryview(data)
        while view:
            view = view[os.write(self._file, view) :]
        self._hash.update(data)
        self.at += len(data)
        if (percent := 100 * self.at // self._offer.length) > self._percent:
            self._percent = percent
            self._progress(percent / 100)

    def _is_late(self) -> bool:
        return self._now() > self._until_s

    def _lies(self, what: str) -> RefusedError:
        return RefusedError(
            f"{self._server.name} sends {what}; {self._offer.length} bytes were signed"
        )
