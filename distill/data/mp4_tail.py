"""MP4 tail: whether an MP4 or MOV file is there to its end, and nothing follows it.

FFmpeg stops reading at the first byte it can't use and says nothing, so a copy that broke off
looks like a shorter film. The format itself tells: a file is a row of boxes, each of which begins
with its length (ISO/IEC 14496-12, 4.2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_HEAD, _LONG_HEAD = 8, 16
_FIRST = frozenset({b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"})


def tail_problem(path: Path) -> str | None:
    """What is wrong with the file's end; None where nothing is, or the file is of another kind."""
    whole = path.stat().st_size
    with path.open("rb") as file:
        at = 0
        while at < whole:
            file.seek(at)
            head = file.read(_LONG_HEAD)
            length, kind = int.from_bytes(head[:4], "big"), head[4:_HEAD]
            if at == 0 and kind not in _FIRST:
                return None
            if length == 1:
                length = int.from_bytes(head[_HEAD:_LONG_HEAD], "big")
            elif length == 0:  # up to the end
                return None
            if length < _HEAD or len(kind) < 4 or not (kind.isascii() and kind.isalnum()):
                return f"its last {whole - at} bytes are garbage"
            at += length
    return f"it breaks off {at - whole} bytes before its end" if at > whole else None
