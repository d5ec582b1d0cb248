"""Fetch published weights: a stopped download goes on, and the SHA-256 must be the published one.

Names and addresses: `configs/rtmdet/metafile.yml` of mmdetection 3.3.0.
"""

from __future__ import annotations

import http.client
import re
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

from distill.errors import InputError, UsageError
from distill.files import sha256_of, writing
from models.part_file import sync

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Progress = Callable[[int, int | None], None]

PUBLISHED = {
    "tiny": "rtmdet-ins_tiny_8xb32-300e_coco_20221130_151727-ec670f7e.pth",
    "s": "rtmdet-ins_s_8xb32-300e_coco_20221121_212604-fdc5d7ec.pth",
    "m": "rtmdet-ins_m_8xb32-300e_coco_20221123_001039-6eba602e.pth",
    "l": "rtmdet-ins_l_8xb32-300e_coco_20221124_103237-78d1d652.pth",
    "x": "rtmdet-ins_x_8xb16-300e_coco_20221124_111313-33d4595b.pth",
}
"""File names by size; each ends in the first eight digits of the file's sha256."""

BASE = "https://download.openmmlab.com/mmdetection/v3.0/rtmdet"

_MAX_BYTES = 1 << 30
"""The largest, x, has 411 MB."""

_CHUNK_BYTES = 1 << 18
_TIMEOUT_S = 30.0
_PAUSES_S = (1.0, 2.0, 4.0)
"""Waits before another attempt; an attempt that brought something starts them anew."""

_TRANSIENT = {408, 425, 429, 500, 502, 503, 504}
_PARTIAL_CONTENT = 206
_RANGE_NOT_SATISFIABLE = 416
_CONTENT_RANGE = re.compile(r"^bytes (\d+)-\d+/(\d+|\*)$")


class _AttemptError(Exception):
    """One attempt failed; another may not, if `again`."""

    def __init__(self, reason: object, *, again: bool = True) -> None:
        super().__init__(reason)
        self.again = again


def address(size: str, base: str = BASE) -> str:
    """Where the published weights of a size lie.

    Raises:
        UsageError: `base` is no address on the web.
    """
    if not base.startswith(("https://", "http://")):
        raise UsageError(f"'{base}' is no address; it starts with https:// or http://")
    name = PUBLISHED[size]
    folder = name.rsplit("_", 2)[0]  # the name without date, time and digest
    return f"{base.rstrip('/')}/{folder}/{name}"


def fetch(
    size: str,
    folder: Path,
    *,
    base: str = BASE,
    progress: Progress = lambda _there, _whole: None,
    sleep: Callable[[float], None] = time.sleep,
) -> Path:
    """Have the published weights of a size in `folder`, and fetch only what is not there yet.

    Args:
        size: tiny, s, m, l or x.
        folder: where they go; what came of earlier attempts lies there as `NAME.part`.
        base: the address under which the folders of the sizes lie.
        progress: told how many bytes are there, and of how many if the server says it.
        sleep: waits for so many seconds.

    Raises:
        InputError: they can't be had; the message says what to download by hand.
        OutputError: they can't be written.
        UsageError: `base` is no address.
    """
    url, path = address(size, base), folder / PUBLISHED[size]
    part = path.with_name(path.name + ".part")
    with writing(path):
        folder.mkdir(parents=True, exist_ok=True)
        if path.exists() and _is_published(path, path.name):
            return path
        try:
            _attempts(url, part, progress, sleep)
        except _AttemptError as error:
            raise InputError(
                f"can't fetch the weights ({error}); download {url} by hand and put it at {path}"
            ) from error
        if not _is_published(part, path.name):
            part.unlink()
            raise InputError(
                f"what {url} gave is not the published file (another sha256) and was deleted; "
                f"try again, or download it elsewhere and put it at {path}"
            )
        sync(part)
        part.replace(path)
        sync(folder)
    return path


def _is_published(path: Path, name: str) -> bool:
    digest = name.removesuffix(".pth").rpartition("-")[2]
    return sha256_of(path).startswith(digest)


def _attempts(url: str, part: Path, progress: Progress, sleep: Callable[[float], None]) -> None:
    """Try until `part` is whole, the pauses are used up, or the server says that it is no use."""
    pauses = iter(_PAUSES_S)
    while True:
        before = _length(part)
        try:
            _attempt(url, part, progress)
        except _AttemptError as error:
            if _length(part) > before:
                pauses = iter(_PAUSES_S)
            pause = next(pauses, None)
            if pause is None or not error.again:
                raise
            sleep(pause)
        else:
            return


def _attempt(url: str, part: Path, progress: Progress) -> None:
    """Fetch what is missing of `part`."""
    there = _length(part)
    headers = {"Range": f"bytes={there}-"} if there else {}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 `address` saw the scheme
    try:
        response = urllib.request.urlopen(request, timeout=_TIMEOUT_S)  # noqa: S310
    except urllib.error.HTTPError as error:
        error.close()
        if error.code != _RANGE_NOT_SATISFIABLE or not there:
            again = error.code in _TRANSIENT
            said = f"the server answers {error.code} {error.reason}"
            raise _AttemptError(said, again=again) from error
        if error.headers.get("Content-Range") == f"bytes */{there}":
            return  # it is whole already
        part.unlink()
        raise _AttemptError("what was there of it is of no use") from error
    except (OSError, http.client.HTTPException) as error:
        raise _AttemptError(_reason(error)) from error
    with response:
        start, whole = _extent(response, there)
        with part.open("ab") as file:
            file.truncate(start)
            for chunk in _chunks(response):
                file.write(chunk)
                start += len(chunk)
                if start > _MAX_BYTES:
                    raise _AttemptError(f"it is over {_MAX_BYTES >> 20} MiB", again=False)
                progress(start, whole)
    if whole is not None and start < whole:
        raise _AttemptError(f"the connection broke off after {start} of {whole} bytes")


def _extent(response: http.client.HTTPResponse, there: int) -> tuple[int, int | None]:
    """The byte that an answer starts at, and how many the whole file has."""
    if response.status == _PARTIAL_CONTENT:
        found = _CONTENT_RANGE.match(response.headers.get("Content-Range", ""))
        if not found or int(found[1]) != there:
            raise _AttemptError("the server gives another part than the one asked for", again=False)
        return there, None if found[2] == "*" else int(found[2])
    length = response.headers.get("Content-Length", "")
    return 0, int(length) if length.isdecimal() else None


def _chunks(response: http.client.HTTPResponse) -> Iterator[bytes]:
    while True:
        try:
            chunk = response.read(_CHUNK_BYTES)
        except (OSError, http.client.HTTPException) as error:
            raise _AttemptError(_reason(error)) from error
        if not chunk:
            return
        yield chunk


def _reason(error: object) -> str:
    error = getattr(error, "reason", error)  # urllib wraps what the socket said
    return str(getattr(error, "strerror", None) or error or type(error).__name__)


def _length(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
